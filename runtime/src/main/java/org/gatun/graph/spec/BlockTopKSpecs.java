package org.gatun.graph.spec;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.gatun.attention.AttentionPlan;
import org.gatun.attention.KvCodec;
import org.gatun.attention.KvStore;
import org.gatun.graph.Mask;
import org.gatun.graph.Sampling;
import org.gatun.graph.Value;
import org.gatun.graph.op.Attention;
import org.gatun.graph.op.KvAppend;

/**
 * Cases of block top-k: the full budget (which is dense attention), prompts in chunks that do not
 * end where compressed keys do, decode, forks, truncation, compaction and trees.
 *
 * <p>Keys of a page lean along one direction by an amount of the page's own, so that page scores
 * are apart.
 */
final class BlockTopKSpecs {
  private BlockTopKSpecs() {}

  private record Heads(int q, int kv, int dim) {}

  static List<OpCase> cases(CaseRequest r) {
    Heads[] all = {
      new Heads(4, 2, 64), new Heads(4, 1, 128), new Heads(7, 1, 80), new Heads(4, 4, 96)
    };
    AttentionPlan.BlockTopK[] plans = {
      new AttentionPlan.BlockTopK(64, 1, 2),
      new AttentionPlan.BlockTopK(4, 1, 2),
      new AttentionPlan.BlockTopK(3, 0, 1),
      new AttentionPlan.BlockTopK(2, 1, 1)
    };
    List<OpCase> cases = new ArrayList<>();
    for (Heads h : r.full() ? all : new Heads[] {all[0], all[1]}) {
      for (AttentionPlan.BlockTopK plan : plans) {
        for (KvCodec codec : KvCodec.values()) {
          if (r.full() || h == all[0] && (codec == KvCodec.F16 || plan == plans[1])) {
            cases.add(new Case(r.seed(), h, plan, codec, 0).build());
          }
        }
      }
    }
    cases.add(new Case(r.seed(), all[1], plans[1], KvCodec.F32, 5).build());
    Heads few = new Heads(2, 1, 32);
    for (KvCodec codec : KvCodec.values()) {
      AttentionPlan.BlockTopK two = new AttentionPlan.BlockTopK(2, 0, 1);
      cases.add(new Case(r.seed(), few, two, codec, 0).small());
    }
    return cases;
  }

  private static final class Case {
    private final Heads heads;
    private final AttentionPlan.BlockTopK plan;
    private final float cap;
    private final SplittableRandom random;
    private final CaseBuilder builder;
    private final float[] direction;
    private final int[] strength = new int[16];
    private final Map<String, Integer> length = new HashMap<>();

    Case(long seed, Heads heads, AttentionPlan.BlockTopK plan, KvCodec codec, float cap) {
      this.heads = heads;
      this.plan = plan;
      this.cap = cap;
      String id =
          "attention_blocktopk/h=%d/%d/d=%d/k=%d,%d,%d/%s%s"
              .formatted(
                  heads.q,
                  heads.kv,
                  heads.dim,
                  plan.blocks(),
                  plan.init(),
                  plan.local(),
                  codec,
                  cap > 0 ? "/cap=" + cap : "");
      random = new SplittableRandom(seed ^ id.hashCode());
      builder = new CaseBuilder(id, seed).limits(192, 4, 4, 2048).kv(codec);
      builder
          .tolerance(codec == KvCodec.F32 ? Tolerance.SUM.times(4) : new Tolerance(2e-3, 2e-3))
          .narrowing(Narrowing.ATTENTION);
      direction = uniform(heads.dim);
      for (int i = 0; i < strength.length; i++) {
        int j = random.nextInt(i + 1);
        strength[i] = strength[j];
        strength[j] = i;
      }
    }

    /**
     * For checkers that take a microsecond per instruction: the fewest tokens that reach every
     * kernel, with a page to choose among others.
     */
    OpCase small() {
      op();
      run(rows("a", 130));
      builder.then(new OpCase.Fork("a", "b"));
      length.put("b", 130);
      run(rows("a", 1), rows("b", 2));
      return builder.build();
    }

    private void op() {
      builder.kvLayer(0, heads.kv, heads.dim);
      Value q = builder.input("q", heads.q * heads.dim);
      Value k = builder.input("k", heads.kv * heads.dim);
      builder.op(new KvAppend(0), k, builder.input("v", heads.kv * heads.dim));
      float scale = 4f / (float) Math.sqrt(heads.dim);
      builder.op(new Attention(0, heads.q, heads.kv, heads.dim, scale, 0, cap, plan, true), q);
    }

    OpCase build() {
      op();
      run(rows("a", 150));
      run(rows("a", 127), rows("b", 5));
      run(rows("a", 64), rows("b", 100));
      run(rows("a", 1), rows("b", 1));
      builder.then(new OpCase.Fork("a", "c"));
      length.put("c", 342);
      run(rows("a", 2), rows("c", 3));
      builder.then(new OpCase.Truncate("a", 300));
      length.put("a", 300);
      run(rows("a", 20), rows("c", 1));
      builder.then(new OpCase.Compact("c", 200, new int[] {0, 3, 60, 61, 100, 140}));
      length.put("c", 206);
      run(rows("c", 40));
      run(
          new OpCase.Rows(
              "a",
              new int[6],
              new int[] {320, 321, 321, 322, 322, 322},
              Mask.tree(-1, 0, 0, 1, 1, 2),
              new int[0],
              Sampling.GREEDY),
          rows("c", 1));
      return builder.build();
    }

    private static OpCase.Rows rows(String sequence, int count) {
      return OpCase.Rows.next(sequence, new int[count]);
    }

    private void run(OpCase.Rows... rows) {
      int n = 0;
      for (OpCase.Rows r : rows) {
        n += r.tokens().length;
      }
      float[] q = uniform(n * heads.q * heads.dim);
      float[] k = uniform(n * heads.kv * heads.dim);
      for (int i = 0; i < q.length; i++) {
        q[i] = 0.5f * q[i] + direction[i % heads.dim];
      }
      int row = 0;
      for (OpCase.Rows r : rows) {
        int slot = length.merge(r.sequence(), r.tokens().length, Integer::sum) - r.tokens().length;
        for (int i = 0; i < r.tokens().length; i++, row++, slot++) {
          float lean = 0.06f * strength[slot / KvStore.PAGE_SLOTS];
          for (int j = 0; j < heads.kv * heads.dim; j++) {
            int at = row * heads.kv * heads.dim + j;
            k[at] = 0.3f * k[at] + lean * direction[j % heads.dim];
          }
        }
      }
      builder.run(Map.of("q", q, "k", k, "v", uniform(n * heads.kv * heads.dim)), rows);
    }

    private float[] uniform(int n) {
      float[] x = new float[n];
      for (int i = 0; i < n; i++) {
        x[i] = (float) (random.nextDouble() * 2 - 1);
      }
      return x;
    }
  }
}
