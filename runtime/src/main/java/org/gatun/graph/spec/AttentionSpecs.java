package org.gatun.graph.spec;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.gatun.attention.AttentionPlan;
import org.gatun.attention.KvCodec;
import org.gatun.graph.Mask;
import org.gatun.graph.Sampling;
import org.gatun.graph.Value;
import org.gatun.graph.op.Attention;
import org.gatun.graph.op.KvAppend;
import org.gatun.graph.op.Rope;

/**
 * Cases of KV append and attention: ragged batches, windows, masks, and every KV edit between
 * steps.
 */
final class AttentionSpecs {
  private AttentionSpecs() {}

  /** Heads, KV heads, head dim. */
  private record Heads(int q, int kv, int dim) {}

  static List<OpCase> attention(CaseRequest r) {
    List<OpCase> cases = new ArrayList<>();
    Heads[] all = {
      new Heads(4, 1, 256),
      new Heads(4, 4, 64),
      new Heads(8, 2, 128),
      new Heads(7, 1, 80),
      new Heads(2, 2, 96)
    };
    for (Heads h : r.full() ? all : new Heads[] {all[0], all[2]}) {
      for (int window : new int[] {0, 1, 20}) {
        for (float cap : new float[] {0, 5}) {
          for (KvCodec codec : KvCodec.values()) {
            if (!r.full() && (cap > 0) != (window == 20)) {
              continue;
            }
            String id =
                "attention/h="
                    + h.q
                    + "/"
                    + h.kv
                    + "/d="
                    + h.dim
                    + "/w="
                    + window
                    + "/cap="
                    + cap
                    + "/"
                    + codec;
            CaseBuilder c = start(id, r.seed(), h, window, cap, codec);
            cases.add(
                c.run(rows("a", 65), rows("b", 3))
                    .run(rows("a", 1), rows("b", 1))
                    .run(rows("b", 64), rows("a", 1), rows("c", 2))
                    .build());
          }
        }
      }
    }
    Heads h = all[0];
    cases.add(
        start("attention/fork_truncate_compact", r.seed(), h, 0, 0, KvCodec.F32)
            .run(rows("a", 70))
            .then(new OpCase.Fork("a", "b"))
            .run(rows("a", 2), rows("b", 3))
            .then(new OpCase.Truncate("a", 64))
            .run(rows("a", 1), rows("b", 1))
            .then(new OpCase.Compact("b", 60, new int[] {1, 4, 9, 13}))
            .run(rows("b", 2))
            .then(new OpCase.Release("a"))
            .run(rows("c", 66), rows("b", 1))
            .build());
    cases.add(
        start("attention/compacted_window", r.seed(), h, 8, 0, KvCodec.F16)
            .run(rows("a", 40))
            .then(new OpCase.Compact("a", 2, new int[] {30, 33, 36, 37}))
            .run(rows("a", 1))
            .build());
    for (KvCodec codec : KvCodec.values()) {
      cases.add(ropeAppend(r.seed(), codec, false));
    }
    cases.add(ropeAppend(r.seed(), KvCodec.F32, true));
    for (KvCodec codec : KvCodec.values()) {
      cases.add(rising(r.seed(), codec));
    }
    cases.add(halves(r.seed()));
    int[] ids = new int[6];
    cases.add(
        start("attention/tree", r.seed(), h, 0, 0, KvCodec.F32)
            .run(rows("a", 33))
            .run(
                new OpCase.Rows(
                    "a",
                    ids,
                    new int[] {33, 34, 34, 35, 35, 35},
                    Mask.tree(-1, 0, 0, 1, 1, 2),
                    new int[0],
                    Sampling.GREEDY))
            .build());
    cases.add(
        start("attention/full_mask", r.seed(), h, 0, 0, KvCodec.F32)
            .run(rows("a", 5))
            .run(
                new OpCase.Rows("a", ids, null, Mask.FULL, new int[0], Sampling.GREEDY),
                rows("b", 3))
            .build());
    return cases;
  }

  /** Keys are rotated on their way into the pages: backends may do both at once. */
  private static OpCase ropeAppend(long seed, KvCodec codec, boolean interleaved) {
    int dim = 128;
    CaseBuilder c =
        new CaseBuilder("attention/rope_append/" + (interleaved ? "pairs/" : "half/") + codec, seed)
            .limits(128, 4, 4, 512)
            .kv(codec)
            .tolerance(codec == KvCodec.F32 ? Tolerance.SUM.times(4) : new Tolerance(2e-3, 2e-3))
            .narrowing(Narrowing.ATTENTION);
    c.kvLayer(0, 2, dim);
    Value v = c.input("v", 2 * dim);
    Value k =
        c.inner(
            new Rope(dim, interleaved ? dim / 2 : dim, 10000f, 1f, interleaved),
            c.input("k", 2 * dim));
    c.op(new KvAppend(0), k, v);
    c.op(
        new Attention(0, 4, 2, dim, 4f / (float) Math.sqrt(dim), 0, 0, AttentionPlan.DENSE, true),
        c.input("q", 4 * dim));
    return c.run(rows("a", 70), rows("b", 3)).run(rows("a", 1), rows("b", 2)).build();
  }

  /**
   * Keys of each page are longer than those of the page before, so that the running maximum of an
   * online softmax rises from tile to tile and everything summed so far must be scaled down: by
   * rows that come many at a time, eight at a time (few enough blocks that one reads all pages) and
   * alone.
   */
  private static OpCase rising(long seed, KvCodec codec) {
    CaseBuilder c = start("attention/rising/" + codec, seed, new Heads(4, 1, 128), 0, 0, codec);
    int slot = 0;
    for (int count : new int[] {128, 100, 8, 1}) {
      int first = slot;
      c.run(
          (input, row) -> input.equals("k") ? 1 + (first + row) / 64 * 0.5f : 1, rows("a", count));
      slot += count;
    }
    return c.build();
  }

  /**
   * INT8 values at and beside one half of a step, whose codes the answer shows: with one key in a
   * sequence it is the value. The largest float below one half is no half, though adding one half
   * to it gives one.
   */
  private static OpCase halves(long seed) {
    Heads h = new Heads(4, 1, 128);
    float[] v = new float[2 * h.dim];
    for (int i = 0; i < h.dim; i++) {
      float half = (i / 6 * 5 % 120) + 0.5f;
      float beside =
          switch (i % 3) {
            case 0 -> Math.nextDown(half);
            case 1 -> half;
            default -> Math.nextUp(half);
          };
      // The scale is the largest by 127: one, and an eighth.
      v[i] = i == h.dim - 1 ? 127 : i % 6 < 3 ? beside : -beside;
      v[h.dim + i] = v[i] / 8;
    }
    float[] k = new float[2 * h.dim];
    float[] q = new float[2 * h.q * h.dim];
    Arrays.fill(k, 1);
    Arrays.fill(q, 1);
    return start("attention/int8_halves", seed, h, 0, 0, KvCodec.INT8)
        .run(Map.of("q", q, "k", k, "v", v), rows("a", 1), rows("b", 1))
        .build();
  }

  private static OpCase.Rows rows(String sequence, int count) {
    return OpCase.Rows.next(sequence, new int[count]);
  }

  private static CaseBuilder start(
      String id, long seed, Heads h, int window, float cap, KvCodec codec) {
    CaseBuilder c = new CaseBuilder(id, seed).limits(128, 4, 4, 512).kv(codec);
    // f16 keys are off by 2^-11 each; the error of a score is a random walk over the head dim.
    c.tolerance(codec == KvCodec.F32 ? Tolerance.SUM.times(4) : new Tolerance(2e-3, 2e-3))
        .narrowing(Narrowing.ATTENTION);
    c.kvLayer(0, h.kv, h.dim);
    Value q = c.input("q", h.q * h.dim);
    c.op(new KvAppend(0), c.input("k", h.kv * h.dim), c.input("v", h.kv * h.dim));
    float scale = 4f / (float) Math.sqrt(h.dim);
    c.op(new Attention(0, h.q, h.kv, h.dim, scale, window, cap, AttentionPlan.DENSE, true), q);
    return c;
  }
}
