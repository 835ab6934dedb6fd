package org.gatun.graph.spec;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.gatun.attention.AttentionPlan;
import org.gatun.attention.ClusterScores;
import org.gatun.attention.KvCodec;
import org.gatun.attention.KvLayer;
import org.gatun.attention.PlantedPrefix;
import org.gatun.attention.PrefixData;
import org.gatun.attention.PrefixThresholds;
import org.gatun.graph.Value;
import org.gatun.graph.op.Attention;
import org.gatun.graph.op.KvAppend;

/**
 * Cases of squeezed attention: the full budget (which is dense attention), selections of one and
 * two levels, one cluster per key, sequences with different prefixes and with none in one step,
 * forks and truncation.
 *
 * <p>Thresholds lie in the middle of the widest gap between the scores that the case will meet.
 */
final class SqueezedSpecs {
  private SqueezedSpecs() {}

  private record Shape(int heads, int kvHeads, int dim, int tokens, int fine, int coarse) {
    @Override
    public String toString() {
      return "h=%d/%d/d=%d/c=%d:%d:%d".formatted(heads, kvHeads, dim, tokens, fine, coarse);
    }
  }

  static List<OpCase> cases(CaseRequest r) {
    Shape[] all = {
      new Shape(8, 2, 128, 300, 20, 5),
      new Shape(4, 1, 256, 100, 7, 3),
      new Shape(4, 4, 64, 700, 90, 9),
      new Shape(7, 1, 80, 130, 12, 4),
      new Shape(4, 2, 64, 90, 90, 10)
    };
    List<OpCase> cases = new ArrayList<>();
    for (Shape s : all) {
      for (KvCodec codec : KvCodec.values()) {
        for (int levels = 1; levels <= 2; levels++) {
          for (boolean full : new boolean[] {true, false}) {
            // Each shape and codec costs a backend that compiles kernels seconds.
            boolean quick =
                s == all[0] && (codec == KvCodec.F16 || levels == 2 && !full)
                    || s == all[4] && codec == KvCodec.F16 && levels == 1 && !full;
            if (r.full() || quick) {
              cases.add(new Case(r.seed(), s, codec, levels, full, 0).build());
            }
          }
        }
      }
    }
    cases.add(new Case(r.seed(), all[0], KvCodec.F32, 2, false, 5).build());
    // For checkers that take a microsecond per instruction.
    Shape small = new Shape(2, 1, 32, 40, 6, 3);
    for (KvCodec codec : KvCodec.values()) {
      cases.add(new Case(r.seed(), small, codec, 2, false, 0).prompt(6).build());
    }
    return cases;
  }

  /** One script, with inputs made here so that thresholds can be chosen from them. */
  private static final class Case {
    private final Shape shape;
    private final KvCodec codec;
    private final int levels;
    private final boolean full;
    private final float cap;
    private final float scale;
    private final SplittableRandom random;
    private final CaseBuilder builder;
    private int prompt = 70;
    private final PrefixData[] prefixes = new PrefixData[2];
    private final List<OpCase.Run> runs = new ArrayList<>();
    private final Map<String, Integer> prefixOf = Map.of("p", 0, "q", 1, "f", 0);

    Case(long seed, Shape shape, KvCodec codec, int levels, boolean full, float cap) {
      this.shape = shape;
      this.codec = codec;
      this.levels = levels;
      this.full = full;
      this.cap = cap;
      scale = 4f / (float) Math.sqrt(shape.dim);
      String id =
          "attention_squeezed/"
              + shape
              + "/levels="
              + levels
              + "/"
              + (full ? "full" : "sparse")
              + (cap > 0 ? "/cap=" + cap : "")
              + "/"
              + codec;
      random = new SplittableRandom(seed ^ id.hashCode());
      builder = new CaseBuilder(id, seed).limits(96, 4, 4, 512).kv(codec);
      builder
          .tolerance(codec == KvCodec.F32 ? Tolerance.SUM.times(4) : new Tolerance(2e-3, 2e-3))
          .narrowing(Narrowing.ATTENTION);
    }

    /** Rows of the first step behind a prefix. */
    Case prompt(int rows) {
      prompt = rows;
      return this;
    }

    OpCase build() {
      KvLayer layer = new KvLayer(0, shape.kvHeads, shape.dim);
      builder.kvLayer(0, shape.kvHeads, shape.dim);
      Value q = builder.input("q", shape.heads * shape.dim);
      Value k = builder.input("k", shape.kvHeads * shape.dim);
      builder.op(new KvAppend(0), k, builder.input("v", shape.kvHeads * shape.dim));
      AttentionPlan plan = new AttentionPlan.Squeezed(levels);
      builder.op(
          new Attention(0, shape.heads, shape.kvHeads, shape.dim, scale, 0, cap, plan, true), q);
      for (int i = 0; i < 2; i++) {
        int fine = i == 0 ? shape.fine : Math.max(2, shape.fine / 2);
        int tokens = i == 0 ? shape.tokens : fine * 3;
        prefixes[i] =
            PlantedPrefix.of(
                List.of(layer),
                codec,
                tokens,
                fine,
                i == 0 ? shape.coarse : 2,
                0.3f,
                random.nextLong());
        builder.prefix(prefixes[i]);
      }
      OpCase.Run prefill = run(rows("p", prompt), rows("d", 5), rows("q", 1));
      OpCase.Run decode = run(rows("d", 1), rows("q", 1), rows("p", 1));
      OpCase.Run forked = run(rows("f", 3), rows("p", 1));
      OpCase.Run last = run(rows("p", 2), rows("f", 1));
      PrefixThresholds t = full ? PrefixThresholds.KEEP_ALL : thresholds();
      builder.then(new OpCase.Attach("p", 0, t));
      builder.then(new OpCase.Attach("q", 1, t));
      builder.then(prefill).then(decode);
      builder.then(new OpCase.Fork("p", "f"));
      builder.then(forked);
      builder.then(new OpCase.Truncate("p", 0));
      builder.then(last);
      builder.then(new OpCase.Release("p"));
      builder.then(new OpCase.Thresholds("f", PrefixThresholds.KEEP_ALL));
      builder.then(run(rows("f", 1)));
      return builder.build();
    }

    private static OpCase.Rows rows(String sequence, int count) {
      return OpCase.Rows.next(sequence, new int[count]);
    }

    /** Queries lean towards one direction, so that the mean over rows prefers some clusters. */
    private OpCase.Run run(OpCase.Rows... rows) {
      int n = Arrays.stream(rows).mapToInt(r -> r.tokens().length).sum();
      Map<String, float[]> in = new HashMap<>();
      float[] lean = uniform(shape.heads * shape.dim);
      float[] q = uniform(n * shape.heads * shape.dim);
      for (int i = 0; i < q.length; i++) {
        q[i] = 0.4f * q[i] + 0.6f * lean[i % lean.length];
      }
      in.put("q", q);
      in.put("k", uniform(n * shape.kvHeads * shape.dim));
      in.put("v", uniform(n * shape.kvHeads * shape.dim));
      OpCase.Run run = new OpCase.Run(List.of(rows), in);
      runs.add(run);
      return run;
    }

    private float[] uniform(int n) {
      float[] x = new float[n];
      for (int i = 0; i < n; i++) {
        x[i] = (float) (random.nextDouble() * 2 - 1);
      }
      return x;
    }

    private PrefixThresholds thresholds() {
      float coarse = levels == 2 ? gap(Float.NaN, 0.2, 0.6) : Float.NEGATIVE_INFINITY;
      return new PrefixThresholds(coarse, gap(coarse, 0.4, 0.9));
    }

    /** The middle of the widest gap between quantiles; NaN asks for the coarse threshold. */
    private float gap(float coarse, double from, double to) {
      List<Double> all = new ArrayList<>();
      for (OpCase.Run run : runs) {
        int first = 0;
        for (OpCase.Rows rows : run.sequences()) {
          Integer p = prefixOf.get(rows.sequence());
          for (int h = 0; p != null && h < shape.kvHeads; h++) {
            scores(prefixes[p].layer(0), run, first, rows.tokens().length, h, coarse, all);
          }
          first += rows.tokens().length;
        }
      }
      double[] s = all.stream().mapToDouble(Math::log).sorted().toArray();
      int best = widest(s, from, to);
      if (s[best + 1] - s[best] < 0.04) {
        best = widest(s, 0.05, 0.98);
      }
      return (float) Math.exp((s[best] + s[best + 1]) / 2);
    }

    private static int widest(double[] s, double from, double to) {
      int best = (int) (from * s.length);
      for (int i = best; i + 1 < s.length && i < to * s.length; i++) {
        best = s[i + 1] - s[i] > s[best + 1] - s[best] ? i : best;
      }
      return best;
    }

    private void scores(
        PrefixData.Layer l,
        OpCase.Run run,
        int first,
        int count,
        int head,
        float coarse,
        List<Double> all) {
      int group = shape.heads / shape.kvHeads;
      double[][] queries = new double[count * group][shape.dim];
      float[] q = run.inputs().getOrDefault("q", new float[0]);
      for (int i = 0; i < queries.length; i++) {
        int at = ((first + i / group) * shape.heads + head * group + i % group) * shape.dim;
        for (int j = 0; j < shape.dim; j++) {
          queries[i][j] = q[at + j];
        }
      }
      int[] sizes = ClusterScores.sizes(l, false, head);
      if (levels == 2) {
        double[] s =
            ClusterScores.mean(
                l, true, head, ClusterScores.sizes(l, true, head), queries, this::score);
        if (Float.isNaN(coarse)) {
          Arrays.stream(s).forEach(all::add);
          return;
        }
        for (int a = 0; a < l.coarse(); a++) {
          if (!(s[a] > coarse)) {
            Arrays.fill(sizes, l.child(head, a), l.child(head, a + 1), 0);
          }
        }
      }
      double[] s = ClusterScores.mean(l, false, head, sizes, queries, this::score);
      Arrays.stream(s).filter(x -> x > 0).forEach(all::add);
    }

    private double score(double[] q, double[] c) {
      double dot = 0;
      for (int i = 0; i < q.length; i++) {
        dot += q[i] * c[i];
      }
      return cap > 0 ? cap * Math.tanh(dot * scale / cap) : dot * scale;
    }
  }
}
