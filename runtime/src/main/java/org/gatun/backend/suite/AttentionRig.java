package org.gatun.backend.suite;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.gatun.attention.AttentionPlan;
import org.gatun.attention.ClusterScores;
import org.gatun.attention.KvCodec;
import org.gatun.attention.KvLayer;
import org.gatun.attention.KvPrefix;
import org.gatun.attention.KvSequence;
import org.gatun.attention.KvStore;
import org.gatun.attention.PlantedPrefix;
import org.gatun.attention.PrefixData;
import org.gatun.attention.PrefixLimits;
import org.gatun.attention.PrefixThresholds;
import org.gatun.backend.Backend;
import org.gatun.backend.CompileOptions;
import org.gatun.backend.Program;
import org.gatun.backend.Progress;
import org.gatun.graph.Dim;
import org.gatun.graph.Graph;
import org.gatun.graph.GraphBuilder;
import org.gatun.graph.Mask;
import org.gatun.graph.Step;
import org.gatun.graph.StepLimits;
import org.gatun.graph.Value;
import org.gatun.graph.op.Attention;
import org.gatun.graph.op.KvAppend;
import org.gatun.graph.spec.RandomTensors;
import org.gatun.tensor.DType;
import org.jspecify.annotations.Nullable;

/**
 * Measures attention plans beside dense attention: 32 query heads, 8 KV heads, head dim 128, over
 * as many layers as hold 131072 tokens together, so that neither what dense attention reads nor
 * what a plan keeps fits a cache. Prefixes have planted clusters, 5 % of the tokens; thresholds are
 * set so that the step's own queries keep the share asked for. With several backends, all take
 * turns.
 */
public final class AttentionRig {
  private static final int HEADS = 32;
  private static final int KV_HEADS = 8;
  private static final int DIM = 128;
  private static final int TOTAL = 131072;

  /** What a step is: {@code sequences} of {@code rows} each. */
  public record Work(String name, int sequences, int rows, int rounds) {}

  /**
   * One line of the table.
   *
   * @param backend the place of the backend in the rig's list
   * @param millis sorted times of a step over all layers
   * @param bytes what the step must read, by the plan's lower bound
   * @param kept share of the prefix's (or context's) keys that was read
   */
  public record Line(
      int backend, String plan, int layers, double[] millis, double bytes, double kept) {
    /** The median time. */
    public double median() {
      return (millis[(millis.length - 1) / 2] + millis[millis.length / 2]) / 2;
    }
  }

  private record Plan(String name, AttentionPlan plan, double sparsity) {}

  private final List<Backend> backends;
  private final KvCodec codec;
  private final int keys;
  private final int layers;
  private final Consumer<String> log;

  /** A rig over this many keys, and as many layers as exceed the caches. */
  public AttentionRig(List<Backend> backends, KvCodec codec, int keys, Consumer<String> log) {
    this(backends, codec, keys, Math.max(1, TOTAL / keys), log);
  }

  /** A rig over this many keys and layers. */
  public AttentionRig(
      List<Backend> backends, KvCodec codec, int keys, int layers, Consumer<String> log) {
    this.backends = backends;
    this.codec = codec;
    this.keys = keys;
    this.layers = layers;
    this.log = log;
  }

  /** The plans, dense first. */
  public static List<String> plans() {
    return PLANS.stream().map(Plan::name).toList();
  }

  private static final List<Plan> PLANS =
      List.of(
          new Plan("dense", AttentionPlan.DENSE, 0),
          new Plan("squeezed, 70 %", new AttentionPlan.Squeezed(1), 0.7),
          new Plan("squeezed, 90 %", new AttentionPlan.Squeezed(1), 0.9),
          new Plan("squeezed two-level, 70 %", new AttentionPlan.Squeezed(2), 0.7),
          new Plan("squeezed two-level, 90 %", new AttentionPlan.Squeezed(2), 0.9),
          new Plan("block top-k 64", new AttentionPlan.BlockTopK(64, 1, 8), 0));

  /**
   * Measures plans, interleaved, in the order of {@link #plans}, backend by backend. A single round
   * is not warmed up.
   *
   * @param which plans, by name
   */
  public List<Line> run(Work work, Predicate<String> which) {
    List<Plan> plans = PLANS.stream().filter(p -> which.test(p.name)).toList();
    float[] queries = uniform(work.sequences * work.rows * HEADS * DIM, 7);
    int clusters = keys / 20;
    PrefixData prefix = prefix(clusters);
    log.accept(
        "prefix of %d tokens: keys and values %.1f MB, centroids and bounds %.1f MB (%.2f %%) a layer"
            .formatted(
                keys,
                prefix.keyValueBytes() / 1e6 / layers,
                prefix.indexBytes() / 1e6 / layers,
                100.0 * prefix.indexBytes() / prefix.keyValueBytes()));
    List<Runner> runners = new ArrayList<>();
    try {
      for (int b = 0; b < backends.size(); b++) {
        for (Plan p : plans) {
          Runner r = new Runner(b, p, work, sharing(runners, b, p), prefix, queries);
          runners.add(r);
          for (int i = 0; i < (work.rounds == 1 ? 0 : work.rows > 1 ? 1 : 6); i++) {
            r.time();
          }
          log.accept("  ready: " + p.name);
        }
      }
      List<List<Double>> times = new ArrayList<>();
      runners.forEach(r -> times.add(new ArrayList<>()));
      for (int round = 0; round < work.rounds; round++) {
        for (int i = 0; i < runners.size(); i++) {
          times.get(i).add(runners.get(i).time());
        }
      }
      List<Line> lines = new ArrayList<>();
      for (int i = 0; i < runners.size(); i++) {
        double[] t = times.get(i).stream().mapToDouble(x -> x).sorted().toArray();
        lines.add(
            new Line(
                runners.get(i).backend,
                runners.get(i).plan.name,
                layers,
                t,
                runners.get(i).bytes(),
                runners.get(i).kept));
      }
      return lines;
    } finally {
      runners.forEach(Runner::close);
    }
  }

  /** A runner of the same plan, whose program and prefix serve another sparsity too. */
  private static @Nullable Runner sharing(List<Runner> runners, int backend, Plan p) {
    return runners.stream()
        .filter(r -> r.backend == backend && r.plan.plan.equals(p.plan))
        .findFirst()
        .orElse(null);
  }

  private PrefixData prefix(int clusters) {
    List<KvLayer> one = List.of(new KvLayer(0, KV_HEADS, DIM));
    PrefixData.Layer l =
        PlantedPrefix.of(one, codec, keys, clusters, clusters / 5, 0.5f, 3).layers().getFirst();
    List<PrefixData.Layer> all = new ArrayList<>();
    for (int i = 0; i < layers; i++) {
      all.add(l.withNumber(i));
    }
    return new PrefixData(keys, all);
  }

  private static float[] uniform(int n, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    float[] x = new float[n];
    for (int i = 0; i < n; i++) {
      x[i] = (float) (random.nextDouble() * 2 - 1);
    }
    return x;
  }

  /** One plan, ready to run the step again and again: steps are never committed. */
  private final class Runner implements AutoCloseable {
    private final int backend;
    private final Plan plan;
    private final Work work;
    private final Program program;
    private final boolean own;
    private final @Nullable KvPrefix loaded;
    private final Step step;
    private final List<KvSequence> sequences = new ArrayList<>();
    private double kept = 1;
    private double survivors = 1;

    Runner(
        int backend,
        Plan plan,
        Work work,
        @Nullable Runner shared,
        PrefixData prefix,
        float[] queries) {
      this.backend = backend;
      this.plan = plan;
      this.work = work;
      boolean squeezed = plan.plan instanceof AttentionPlan.Squeezed;
      own = shared == null;
      program =
          shared == null
              ? compile(squeezed ? PrefixLimits.of(prefix) : PrefixLimits.NONE)
              : shared.program;
      float[] rows = uniform(work.sequences * work.rows * KV_HEADS * DIM, 9);
      program.input("q", MemorySegment.ofArray(queries));
      program.input("k", MemorySegment.ofArray(rows));
      program.input("v", MemorySegment.ofArray(rows));
      if (squeezed) {
        PrefixThresholds t = thresholds(prefix.layers().getFirst(), queries);
        loaded =
            shared == null || shared.loaded == null ? program.kv().load(prefix) : shared.loaded;
        for (int i = 0; i < work.sequences; i++) {
          sequences.add(program.kv().sequence(loaded, t));
        }
      } else {
        loaded = null;
        KvSequence first = program.kv().sequence();
        fill(first);
        sequences.add(first);
        for (int i = 1; i < work.sequences; i++) {
          sequences.add(first.fork());
        }
        kept =
            plan.plan instanceof AttentionPlan.BlockTopK b
                ? Math.min(1, b.blocks() * 64.0 / keys)
                : 1;
      }
      step = program.newStep();
      time();
      // Once kept, so that what is derived from all keys (compressed keys) is made before the
      // clock.
      step.commit();
      sequences.forEach(q -> q.truncate(q.length() - work.rows));
    }

    private Program compile(PrefixLimits room) {
      GraphBuilder g = new GraphBuilder("attention rig");
      Value q = g.input("q", DType.F32, Dim.TOKENS, HEADS * DIM);
      Value k = g.input("k", DType.F32, Dim.TOKENS, KV_HEADS * DIM);
      Value v = g.input("v", DType.F32, Dim.TOKENS, KV_HEADS * DIM);
      for (int l = 0; l < layers; l++) {
        g.kvLayer(l, KV_HEADS, DIM);
        g.add("append." + l, new KvAppend(l), k, v);
        float scale = (float) (1 / Math.sqrt(DIM));
        Attention op = new Attention(l, HEADS, KV_HEADS, DIM, 2 * scale, 0, 0, plan.plan, false);
        g.output("y" + l, g.one("attention." + l, op, q));
      }
      Graph graph = g.build();
      int rows = work.sequences * work.rows;
      int slots = room.count() > 0 ? rows : work.sequences * (keys + work.rows);
      StepLimits limits = new StepLimits(rows, work.sequences, 1, slots + 64 * work.sequences);
      // Two sparsities of a plan share the program.
      int pages =
          room.count() > 0 ? 2 * limits.pages() : keys / 64 + work.sequences * (work.rows / 64 + 2);
      CompileOptions o =
          new CompileOptions(limits, pages, codec, null, false, false, Progress.NONE, room, null);
      return backends.get(backend).compile(graph, new RandomTensors(1), o);
    }

    private void fill(KvSequence s) {
      float[] k = uniform(KvStore.PAGE_SLOTS * KV_HEADS * DIM, 5);
      float[] v = uniform(KvStore.PAGE_SLOTS * KV_HEADS * DIM, 6);
      s.restore(
          keys,
          (store, page, slot, from, count) -> {
            for (int l = 0; l < layers; l++) {
              store.write(new KvLayer(l, KV_HEADS, DIM), page, slot, count, k, v);
            }
          });
    }

    /** Thresholds that keep the share; the coarse one prunes half as much. */
    private PrefixThresholds thresholds(PrefixData.Layer l, float[] queries) {
      double keep = 1 - plan.sparsity;
      boolean two = plan.plan instanceof AttentionPlan.Squeezed s && s.levels() == 2;
      float coarse =
          two
              ? quantile(l, queries, true, Float.NEGATIVE_INFINITY, 1 - plan.sparsity / 2)
              : Float.NEGATIVE_INFINITY;
      survivors = two ? kept : 1;
      float fine = quantile(l, queries, false, coarse, keep);
      return new PrefixThresholds(coarse, fine);
    }

    private float quantile(
        PrefixData.Layer l, float[] queries, boolean coarse, float above, double keep) {
      List<double[]> scored =
          IntStream.range(0, work.sequences * KV_HEADS)
              .parallel()
              .mapToObj(
                  i -> scored(l, queries(queries, i / KV_HEADS, i % KV_HEADS), i, coarse, above))
              .flatMap(List::stream)
              .collect(Collectors.toCollection(ArrayList::new));
      double total = (double) keys * work.sequences * KV_HEADS;
      scored.sort((a, b) -> Double.compare(b[0], a[0]));
      double sum = 0;
      int i = 0;
      while (i + 1 < scored.size() && sum + scored.get(i)[1] <= keep * total) {
        sum += scored.get(i++)[1];
      }
      kept = sum / total;
      return (float) scored.get(i)[0];
    }

    /** Score and size of each cluster of a sequence's KV head. */
    private List<double[]> scored(
        PrefixData.Layer l, double[][] q, int list, boolean coarse, float above) {
      int h = list % KV_HEADS;
      int[] sizes = ClusterScores.sizes(l, coarse, h);
      if (above > Float.NEGATIVE_INFINITY) {
        double[] c =
            ClusterScores.mean(l, true, h, ClusterScores.sizes(l, true, h), q, this::score);
        for (int a = 0; a < c.length; a++) {
          if (!(c[a] > above)) {
            Arrays.fill(sizes, l.child(h, a), l.child(h, a + 1), 0);
          }
        }
      }
      double[] m = ClusterScores.mean(l, coarse, h, sizes, q, this::score);
      List<double[]> scored = new ArrayList<>();
      for (int i = 0; i < m.length; i++) {
        scored.add(new double[] {m[i], sizes[i]});
      }
      return scored;
    }

    /**
     * All rows: their means lie close together, so that a sample of them would keep another share.
     */
    private double[][] queries(float[] all, int sequence, int head) {
      int group = HEADS / KV_HEADS;
      double[][] q = new double[work.rows * group][DIM];
      for (int i = 0; i < q.length; i++) {
        int row = sequence * work.rows + i / group;
        int at = (row * HEADS + head * group + i % group) * DIM;
        for (int j = 0; j < DIM; j++) {
          q[i][j] = all[at + j];
        }
      }
      return q;
    }

    private double score(double[] q, double[] c) {
      double dot = 0;
      for (int i = 0; i < DIM; i++) {
        dot += q[i] * c[i];
      }
      return dot * 2 / Math.sqrt(DIM);
    }

    double time() {
      step.clear();
      for (KvSequence s : sequences) {
        int n = step.begin(s, work.rows, Mask.CAUSAL);
        for (int i = 0; i < work.rows; i++) {
          step.row(n, i, 0, s.nextPosition() + i);
        }
      }
      long start = System.nanoTime();
      program.run(step);
      program.output("y0");
      return (System.nanoTime() - start) / 1e6;
    }

    /** The plan's lower bound for one step. */
    double bytes() {
      double row = codec.headBytes(DIM);
      double perHead =
          switch (plan.plan) {
            case AttentionPlan.Dense d -> 2.0 * keys * row;
            case AttentionPlan.Squeezed s ->
                2 * DIM * (keys / 20.0) * (s.levels() == 2 ? 0.2 + survivors : 1)
                    + 2 * kept * keys * row;
            case AttentionPlan.BlockTopK b ->
                (keys / 64.0 + keys / 16.0) * 2 * DIM
                    + 2.0 * Math.min(keys, b.blocks() * 64.0) * row;
          };
      return perHead * KV_HEADS * layers * work.sequences;
    }

    @Override
    public void close() {
      step.close();
      sequences.forEach(KvSequence::close);
      if (own) {
        program.close();
      }
    }
  }
}
