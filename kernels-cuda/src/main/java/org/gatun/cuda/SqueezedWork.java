package org.gatun.cuda;

import java.lang.foreign.MemorySegment;
import org.gatun.attention.AttentionPlan.Squeezed;
import org.gatun.attention.PrefixLimits;
import org.gatun.graph.Graph;
import org.gatun.graph.Node;
import org.gatun.graph.Step;
import org.gatun.graph.Value;
import org.gatun.graph.op.Attention;

/**
 * Attention over a clustered prefix and the pages behind it: lookup of centroids (two levels where
 * the plan has them), compaction of the tokens kept, attention over both. {@code squeezed.cuh}.
 */
final class SqueezedWork {
  private static final int THREADS = 128;

  /** Rows of a step up to which scores of centroids are kept between sums and choice. */
  private static final int FEW = 32;

  private final Lowering lowering;
  private final AttentionWork attention;
  private final PrefixLimits limits;
  private final long sums;
  private final long scores;
  private final long shares;
  private final long keptCoarse;
  private final long keptFine;
  private final long tokens;
  private final long counts;

  /** Scratch for all layers: they run one after another. */
  SqueezedWork(Lowering lowering, AttentionWork attention, DevicePool pool, Graph graph) {
    this.lowering = lowering;
    this.attention = attention;
    limits = lowering.options().prefixes();
    long heads = 0;
    long kvHeads = 0;
    for (Node n : graph.nodes()) {
      if (n.op() instanceof Attention a && a.plan() instanceof Squeezed) {
        heads = Math.max(heads, a.heads());
        kvHeads = Math.max(kvHeads, a.kvHeads());
      }
    }
    long lists = lowering.options().limits().sequences() * kvHeads;
    int rows = lowering.options().limits().rows();
    boolean all = graph.nodes().stream().anyMatch(n -> !tiled(n));
    long few = all ? rows : Math.min(rows, FEW);
    long tiles = rows > FEW ? attention.rowTiles(rows) : 0;
    sums = pool.allocate(4 * few * heads, "cluster scores");
    scores = pool.allocate(4 * few * heads * limits.clusters(), "cluster scores");
    shares = pool.allocate(4 * tiles * heads * limits.clusters(), "cluster scores");
    keptCoarse = pool.allocate(lists * limits.clusters(), "kept clusters");
    keptFine = pool.allocate(lists * limits.clusters(), "kept clusters");
    tokens = pool.allocate(4 * lists * limits.tokens(), "kept tokens");
    counts = pool.allocate(4 * lists, "kept tokens");
  }

  /** Whether many rows are looked up by tiles; head dims without them keep all scores. */
  private static boolean tiled(Node n) {
    return !(n.op() instanceof Attention a && a.plan() instanceof Squeezed)
        || AttentionWork.FLASH_DIMS.contains(a.headDim());
  }

  Work.Body attend(Node n, Attention a, Squeezed plan) {
    DevicePrefixes.Layer prefix = lowering.kv().prefixPlanes().layer(a.layer());
    long[] fine = prefix.fine();
    Work.Body coarseLookup =
        plan.levels() == 2 ? lookup(n, a, prefix.coarse(), 2, keptCoarse, 0, Step.COARSE) : s -> {};
    Work.Body fineLookup =
        lookup(n, a, fine, 1, keptFine, plan.levels() == 2 ? keptCoarse : 0, Step.FINE);
    MemorySegment compact = kernel("squeezed_compact");
    MemorySegment compactArgs =
        kept(
                lowering.args().struct(fine, 1, limits.clusters()).p(keptFine).p(prefix.starts()),
                prefix,
                a)
            .pointers();
    int sequences = lowering.options().limits().sequences();
    int more = Math.ceilDiv(limits.tokens(), 64);
    Work.Body attend =
        attention.planned(
            n,
            a,
            "plans",
            "prefix_",
            kept(lowering.args(), prefix, a),
            kept(lowering.args(), prefix, a),
            s -> {},
            pages -> pages + more);
    return s -> {
      coarseLookup.launch(s);
      fineLookup.launch(s);
      lowering.launch(compact, a.kvHeads(), sequences, 1, THREADS, 0, compactArgs, n);
      attend.launch(s);
    };
  }

  private Work.Body lookup(
      Node n, Attention a, long[] clusters, int which, long kept, long above, int threshold) {
    Value q = n.in().getFirst();
    long[] fewRows = {sums, scores, 0, kept, above};
    long[] manyRows = {0, 0, shares, kept, above};
    MemorySegment keep = kernel("squeezed_keep");
    MemorySegment keepFew = choosing(a, clusters, which, fewRows).i(threshold).pointers();
    MemorySegment keepMany = choosing(a, clusters, which, manyRows).i(threshold).pointers();
    Work.Body few = sums(n, a, scoring(q, a, clusters, which, fewRows).pointers());
    Work.Body many =
        tiled(n) ? tiles(n, a, scoring(q, a, clusters, which, manyRows).pointers()) : few;
    int blocks = Math.ceilDiv(limits.clusters(), THREADS);
    int sequences = lowering.options().limits().sequences();
    return s -> {
      boolean keeps = many == few || s.rows() <= FEW;
      (keeps ? few : many).launch(s);
      lowering.launch(
          keep, blocks, a.kvHeads(), sequences, THREADS, 0, keeps ? keepFew : keepMany, n);
    };
  }

  private Work.Body sums(Node n, Attention a, MemorySegment args) {
    MemorySegment f = kernel("squeezed_sums");
    int shared = PlanArgs.queryBytes(a, 1);
    return s -> lowering.launch(f, a.heads(), s.rows(), 1, THREADS, shared, args, n);
  }

  private Work.Body tiles(Node n, Attention a, MemorySegment args) {
    MemorySegment f = kernel("squeezed_tiles_" + a.headDim());
    int shared = AttentionWork.takeTiles(f, a);
    return s ->
        lowering.launch(f, attention.rowTiles(s.rows()), a.heads(), 1, THREADS, shared, args, n);
  }

  /** Parameters of the kernels that look at centroids. */
  private Args scoring(Value q, Attention a, long[] clusters, int which, long[] lookup) {
    return with(lowering.args().p(lowering.at(q)), a, clusters, which, lookup);
  }

  /** The same without queries. */
  private Args choosing(Attention a, long[] clusters, int which, long[] lookup) {
    return with(lowering.args(), a, clusters, which, lookup);
  }

  private Args with(Args args, Attention a, long[] clusters, int which, long[] lookup) {
    return PlanArgs.scoring(args, a).struct(clusters, which, limits.clusters()).struct(lookup);
  }

  /** The kernels' {@code KeptTokens}: the prefix's planes as a {@code Kv}, lists, their stride. */
  private Args kept(Args args, DevicePrefixes.Layer prefix, Attention a) {
    long[] kv = prefix.planes();
    long shape = a.kvHeads() | (long) a.headDim() << 32;
    return args.struct(
        new long[] {kv[0], kv[1], kv[2], kv[3], shape, tokens, counts}, limits.tokens());
  }

  private MemorySegment kernel(String name) {
    return lowering.kernels().plan(lowering.options().kvCodec(), name);
  }
}
