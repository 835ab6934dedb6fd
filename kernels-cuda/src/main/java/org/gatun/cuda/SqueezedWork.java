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
  private static final int CLUSTERS_PER_BLOCK = 16;

  private final Lowering lowering;
  private final AttentionWork attention;
  private final PrefixLimits limits;
  private final long sums;
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
    sums = pool.allocate(4 * lowering.options().limits().rows() * heads, "cluster scores");
    keptCoarse = pool.allocate(lists * limits.clusters(), "kept clusters");
    keptFine = pool.allocate(lists * limits.clusters(), "kept clusters");
    tokens = pool.allocate(4 * lists * limits.tokens(), "kept tokens");
    counts = pool.allocate(4 * lists, "kept tokens");
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
    MemorySegment sum = kernel("squeezed_sums");
    MemorySegment keep = kernel("squeezed_keep");
    MemorySegment sumArgs = args(q, a, clusters, which, kept, above).pointers();
    MemorySegment keepArgs = args(q, a, clusters, which, kept, above).i(threshold).pointers();
    int one = PlanArgs.queryBytes(a, 1);
    int group = PlanArgs.queryBytes(a, a.heads() / a.kvHeads());
    int stretches = Math.ceilDiv(limits.clusters(), CLUSTERS_PER_BLOCK);
    int sequences = lowering.options().limits().sequences();
    return s -> {
      lowering.launch(sum, a.heads(), s.rows(), 1, THREADS, one, sumArgs, n);
      lowering.launch(keep, stretches, a.kvHeads(), sequences, THREADS, group, keepArgs, n);
    };
  }

  private Args args(Value q, Attention a, long[] clusters, int which, long kept, long above) {
    return PlanArgs.scoring(lowering.args().p(lowering.at(q)), a)
        .struct(clusters, which, limits.clusters())
        .struct(new long[] {sums, kept, above});
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
