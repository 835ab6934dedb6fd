package org.gatun.cuda;

import static org.gatun.bindings.cuda.cuda_h.cuFuncSetAttribute;

import java.lang.foreign.MemorySegment;
import org.gatun.attention.AttentionPlan.BlockTopK;
import org.gatun.attention.KvStore;
import org.gatun.graph.Graph;
import org.gatun.graph.Node;
import org.gatun.graph.Value;
import org.gatun.graph.op.Attention;

/**
 * Attention that reads {@link BlockTopK}'s pages: means of keys are kept up to date, pages are
 * scored and chosen, and attention goes through lists of pages. {@code topk.cuh}.
 */
final class TopKWork {
  private static final int THREADS = 128;
  private static final int PAGES_PER_BLOCK = 16;
  private static final int MAX_DYNAMIC_SHARED = 8;

  private final Lowering lowering;
  private final AttentionWork attention;
  private final int maxPages;
  private final long sums;
  private final long scores;
  private final long pages;
  private final long counts;
  private final long unionPages;
  private final long unionCounts;
  private final long unionReaders;

  /** Scratch for all layers: they run one after another. */
  TopKWork(Lowering lowering, AttentionWork attention, DevicePool pool, Graph graph) {
    this.lowering = lowering;
    this.attention = attention;
    long rows = lowering.options().limits().rows();
    maxPages = lowering.options().limits().pages();
    long heads = 0;
    long kvHeads = 0;
    long capacity = 0;
    boolean tiles = false;
    for (Node n : graph.nodes()) {
      if (n.op() instanceof Attention a && a.plan() instanceof BlockTopK p) {
        heads = Math.max(heads, a.heads());
        kvHeads = Math.max(kvHeads, a.kvHeads());
        capacity = Math.max(capacity, capacity(p));
        tiles |= attention.hasTiles(a);
      }
    }
    sums = pool.allocate(4 * rows * heads, "page scores");
    scores = pool.allocate(4 * rows * kvHeads * maxPages, "page scores");
    pages = pool.allocate(4 * rows * kvHeads * capacity, "page lists");
    counts = pool.allocate(4 * rows * kvHeads, "page lists");
    long unions = tiles ? attention.rowTiles((int) rows) * kvHeads : 0;
    unionPages = pool.allocate(4 * unions * maxPages, "page lists");
    unionCounts = pool.allocate(4 * unions, "page lists");
    unionReaders = pool.allocate(8 * unions * maxPages, "page lists");
  }

  /** Pages a row may read: the budget, or what rows of a full mask always read. */
  private int most(BlockTopK p) {
    int rows = lowering.options().limits().rows();
    return Math.max(p.blocks(), p.init() + Math.max(p.local(), 2) + rows / KvStore.PAGE_SLOTS + 3);
  }

  /** Room for them: lists begin with a sector. */
  private int capacity(BlockTopK p) {
    return Math.ceilDiv(most(p), 8) * 8;
  }

  Work.Body attend(Node n, Attention a, BlockTopK plan) {
    DeviceKv.Layer layer = lowering.kv().layer(a.layer());
    Value q = n.in().getFirst();
    long[] means = layer.means();
    int[] budget = {plan.blocks(), plan.init(), plan.local()};
    long[] lists = {pages, counts};
    int capacity = capacity(plan);
    MemorySegment mean = kernel("topk_means");
    MemorySegment meanArgs = layer.into(lowering.args()).struct(means).pointers();
    MemorySegment sum = kernel("topk_sums");
    MemorySegment sumArgs =
        scoring(layer, q, means, a).struct(new long[0], budget).p(sums).pointers();
    MemorySegment score = kernel("topk_scores");
    MemorySegment scoreArgs =
        scoring(layer, q, means, a)
            .struct(new long[0], budget)
            .p(sums)
            .p(scores)
            .i(maxPages)
            .pointers();
    MemorySegment select = kernel("topk_select");
    MemorySegment selectArgs =
        lowering
            .args()
            .struct(new long[0], budget)
            .p(scores)
            .i(maxPages)
            .struct(lists, capacity, a.kvHeads())
            .pointers();
    allowShared(select, 8 * maxPages);
    int shared = PlanArgs.queryBytes(a, a.heads() / a.kvHeads());
    int sequences = lowering.options().limits().sequences();
    MemorySegment union = kernel("topk_union");
    MemorySegment unionArgs =
        unions(lowering.args().struct(lists, capacity, a.kvHeads()).i(AttentionWork.MANY), a)
            .pointers();
    Work.Body attend =
        attention.planned(
            n,
            a,
            "plans",
            "pages_",
            lowering.args().struct(lists, capacity, a.kvHeads()),
            unions(lowering.args(), a),
            s ->
                lowering.launch(
                    union, a.kvHeads(), attention.rowTiles(s.rows()), 1, THREADS, 0, unionArgs, n),
            pages -> Math.min(pages, most(plan)));
    return s -> {
      int stretches = Math.min(s.pages(), Math.ceilDiv(s.rows(), KvStore.PAGE_SLOTS) + 1);
      lowering.launch(mean, stretches, a.kvHeads(), sequences, THREADS, 0, meanArgs, n);
      if (s.pages() > plan.blocks()) {
        lowering.launch(sum, a.kvHeads(), s.rows(), 1, THREADS, shared, sumArgs, n);
        lowering.launch(
            score,
            Math.ceilDiv(s.pages(), PAGES_PER_BLOCK),
            a.kvHeads(),
            s.rows(),
            THREADS,
            shared,
            scoreArgs,
            n);
      }
      lowering.launch(select, a.kvHeads(), s.rows(), 1, THREADS, 4 * s.pages(), selectArgs, n);
      attend.launch(s);
    };
  }

  /** The kernels' {@code PageUnion}. */
  private Args unions(Args args, Attention a) {
    return args.struct(new long[] {unionPages, unionCounts, unionReaders}, maxPages, a.kvHeads());
  }

  private Args scoring(DeviceKv.Layer layer, Value q, long[] means, Attention a) {
    return PlanArgs.scoring(layer.into(lowering.args().p(lowering.at(q))).struct(means), a);
  }

  private MemorySegment kernel(String name) {
    return lowering.kernels().plan(lowering.options().kvCodec(), name);
  }

  /** More than 48 KiB of shared memory must be asked for. */
  private static void allowShared(MemorySegment f, int bytes) {
    if (bytes > 48 << 10) {
      Cuda.check(
          cuFuncSetAttribute(f, MAX_DYNAMIC_SHARED, bytes),
          "take " + bytes + " bytes of shared memory");
    }
  }
}
