package org.gatun.prefix;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.gatun.attention.ClusterScores;
import org.gatun.attention.Clustering;
import org.gatun.attention.KvLayer;
import org.gatun.attention.KvSequence;
import org.gatun.attention.KvStore;
import org.gatun.attention.PrefixData;
import org.gatun.attention.PrefixLayers;
import org.gatun.backend.Backend;
import org.gatun.backend.CompileOptions;
import org.gatun.backend.Program;
import org.gatun.backend.Progress;
import org.gatun.graph.Graph;
import org.gatun.graph.Mask;
import org.gatun.graph.Node;
import org.gatun.graph.Step;
import org.gatun.graph.StepLimits;
import org.gatun.graph.Value;
import org.gatun.graph.op.Attention;
import org.gatun.graph.pass.Passes;
import org.gatun.model.Model;

/**
 * Reads a document with dense attention, clusters the keys of the layers that see everything, and
 * calibrates thresholds with the queries of its last tokens (Hooper et al. 2024, arXiv 2411.09688).
 *
 * <p>The last {@link #WINDOW} tokens, or as many as a sliding window spans, are not clustered: they
 * stay ordinary slots, which every plan reads.
 */
public final class PrefixBuilder {
  /** Tokens whose queries calibrate the thresholds. */
  public static final int WINDOW = 100;

  /** Fewest tokens worth clustering. */
  public static final int LEAST = 64;

  private static final int CHUNK = 512;

  private final Model model;
  private final int[] tokens;
  private final PrefixOptions options;
  private final Progress progress;
  private final Graph graph;
  private final List<Attention> planned = new ArrayList<>();
  private final int clustered;

  private PrefixBuilder(Model model, int[] tokens, PrefixOptions options, Progress progress) {
    this.model = model;
    this.tokens = tokens;
    this.options = options;
    this.progress = progress;
    Graph g = Passes.optimize(model.graph());
    Map<String, Value> outputs = new LinkedHashMap<>(g.outputs());
    int window = 0;
    for (Node n : g.nodes()) {
      if (n.op() instanceof Attention a) {
        window = Math.max(window, a.window());
        if (a.window() == 0) {
          planned.add(a);
          outputs.put(tap(a), n.in().getFirst());
        }
      }
    }
    graph = new Graph(g.name(), g.nodes(), g.inputs(), outputs, g.kv());
    clustered = tokens.length - Math.max(WINDOW, window);
    if (planned.isEmpty()) {
      throw new PrefixFormatException(
          "no layer of this model sees the whole context; there is nothing to cluster");
    }
    if (clustered < LEAST) {
      throw new PrefixFormatException(
          "the document has "
              + tokens.length
              + " tokens; a prefix needs "
              + (LEAST + Math.max(WINDOW, window))
              + " or more");
    }
  }

  private static String tap(Attention a) {
    return "query." + a.layer();
  }

  /**
   * Reads and clusters a document.
   *
   * @param arena owns the planes of the result
   * @param progress told of rows read and heads clustered
   * @throws PrefixFormatException if the document is too short or the model has no layer to cluster
   */
  public static StoredPrefix build(
      Model model,
      Backend backend,
      int[] tokens,
      PrefixOptions options,
      Arena arena,
      Progress progress) {
    return new PrefixBuilder(model, tokens, options, progress).run(backend, arena);
  }

  private StoredPrefix run(Backend backend, Arena arena) {
    int rows = Math.min(CHUNK, tokens.length);
    StepLimits limits = new StepLimits(rows, 1, 1, tokens.length);
    CompileOptions compile =
        new CompileOptions(
            limits, limits.pages(), options.codec(), null, false, false, Progress.NONE);
    try (Program program = backend.compile(graph, model.weights(), compile);
        KvSequence kv = program.kv().sequence()) {
      List<StoredPrefix.Observed> observed = model.guard(() -> read(program, kv));
      List<PrefixData.Layer> layers = new ArrayList<>();
      List<StoredPrefix.Tail> tail = new ArrayList<>();
      for (KvLayer l : graph.kv()) {
        float[][] all = download(kv, l);
        if (planned.stream().anyMatch(a -> a.layer() == l.layer())) {
          layers.add(cluster(l, all[0], all[1], arena));
        }
        tail.add(
            new StoredPrefix.Tail(
                l,
                java.util.Arrays.copyOfRange(all[0], clustered * l.width(), all[0].length),
                java.util.Arrays.copyOfRange(all[1], clustered * l.width(), all[1].length)));
      }
      PrefixData data = new PrefixData(clustered, layers);
      return new StoredPrefix(
          model.weights().content(),
          model.config().family(),
          tokens,
          data,
          tail,
          calibrate(data, observed),
          observed);
    }
  }

  /** Runs the document through the model; the last chunk is whole, so it holds the window. */
  private List<StoredPrefix.Observed> read(Program program, KvSequence kv) {
    try (Step step = program.newStep()) {
      int chunk = step.limits().rows();
      int at = 0;
      int rows = 0;
      while (at < tokens.length) {
        rows = (tokens.length - at) % chunk == 0 ? chunk : (tokens.length - at) % chunk;
        step.clear();
        int s = step.begin(kv, rows, Mask.CAUSAL);
        for (int i = 0; i < rows; i++) {
          step.row(s, i, tokens[at + i], at + i);
        }
        program.run(step);
        step.commit();
        at += rows;
        progress.report("reading the document", at, tokens.length);
      }
      List<StoredPrefix.Observed> observed = new ArrayList<>();
      for (Attention a : planned) {
        int width = a.heads() * a.headDim();
        MemorySegment q = program.output(tap(a));
        float[] last =
            q.asSlice(4L * (rows - WINDOW) * width, 4L * WINDOW * width)
                .toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
        observed.add(new StoredPrefix.Observed(a.layer(), a.heads(), a.scale(), a.softCap(), last));
      }
      return observed;
    }
  }

  private static float[][] download(KvSequence kv, KvLayer l) {
    float[][] all = new float[2][kv.length() * l.width()];
    float[] page = new float[KvStore.PAGE_SLOTS * l.width()];
    kv.read(
        (store, p, slot, from, count) -> {
          for (int side = 0; side < 2; side++) {
            store.read(l, side == 0, p, slot, count, page);
            System.arraycopy(page, 0, all[side], from * l.width(), count * l.width());
          }
        });
    return all;
  }

  private PrefixData.Layer cluster(KvLayer l, float[] keys, float[] values, Arena arena) {
    int fine = Math.max(1, (int) (options.fine() * clustered));
    int coarse =
        options.coarse() == 0 ? 0 : Math.clamp((int) (options.coarse() * clustered), 1, fine);
    int dim = l.headDim();
    Clustering[] heads = new Clustering[l.kvHeads()];
    for (int h = 0; h < heads.length; h++) {
      float[] own = new float[clustered * dim];
      for (int t = 0; t < clustered; t++) {
        System.arraycopy(keys, t * l.width() + h * dim, own, t * dim, dim);
      }
      long seed = options.seed() + 1000L * l.layer() + h;
      heads[h] = HeadClusters.of(own, dim, fine, coarse, options.iterations(), seed);
      progress.report("clustering layer " + l.layer(), h + 1, heads.length);
    }
    return PrefixLayers.pack(
        l,
        options.codec(),
        heads,
        (key, h, place, dst) -> {
          int at = heads[h].order()[place] * l.width() + h * dim;
          for (int i = 0; i < dim; i++) {
            dst[i] = (key ? keys : values)[at + i];
          }
        },
        arena);
  }

  private static Quantiles calibrate(PrefixData data, List<StoredPrefix.Observed> observed) {
    Quantiles.Collector fine = new Quantiles.Collector();
    Quantiles.Collector coarse = new Quantiles.Collector();
    for (int i = 0; i < observed.size(); i++) {
      PrefixData.Layer l = data.layer(observed.get(i).layer());
      StoredPrefix.Observed o = observed.get(i);
      int group = o.heads() / l.shape().kvHeads();
      for (int h = 0; h < l.shape().kvHeads(); h++) {
        double[][] q = o.group(h, group, l.shape().headDim());
        collect(l, false, h, q, o, fine);
        collect(l, true, h, q, o, coarse);
      }
    }
    return new Quantiles(fine.table(), coarse.table());
  }

  private static void collect(
      PrefixData.Layer l,
      boolean coarse,
      int head,
      double[][] queries,
      StoredPrefix.Observed o,
      Quantiles.Collector to) {
    int[] sizes = ClusterScores.sizes(l, coarse, head);
    double[] s = ClusterScores.mean(l, coarse, head, sizes, queries, o::score);
    for (int i = 0; i < s.length; i++) {
      to.add(s[i], sizes[i]);
    }
  }
}
