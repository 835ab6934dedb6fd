package org.gatun.cuda;

import static org.gatun.bindings.cuda.cuda_h.cuFuncSetAttribute;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Set;
import org.gatun.attention.AttentionPlan;
import org.gatun.attention.KvStore;
import org.gatun.backend.BackendException;
import org.gatun.graph.Graph;
import org.gatun.graph.Node;
import org.gatun.graph.Value;
import org.gatun.graph.op.Attention;
import org.gatun.graph.op.KvAppend;
import org.gatun.graph.op.Rope;

/**
 * KV append and attention. Sequences that bring few rows are split over their keys, with as many
 * splits as fill the device; those that bring many go through FlashAttention tiles, where the head
 * dim has them.
 */
final class AttentionWork {
  private static final int THREADS = 128;
  private static final int MAX_SPLITS = 32;
  private static final int PAGE = KvStore.PAGE_SLOTS;

  /** Up to this many rows of a sequence are split over keys. */
  private static final int FEW = 8;

  private static final int FLASH_ROWS = 64;
  private static final Set<Integer> FLASH_DIMS = Set.of(64, 80, 96, 128, 192, 256);
  private static final int MAX_DYNAMIC_SHARED = 8;

  private final Lowering lowering;
  private final long[] partial = new long[2];

  AttentionWork(Lowering lowering, DevicePool pool, Graph graph) {
    this.lowering = lowering;
    long outputs = 0;
    long heads = 0;
    int limit = lowering.options().limits().rows();
    for (Node n : graph.nodes()) {
      if (n.op() instanceof Attention a) {
        for (int rows = 1; ; rows = Math.min(limit, rows * 2)) {
          int splits = splits(a, rows, Integer.MAX_VALUE);
          if (splits > 1) {
            outputs = Math.max(outputs, (long) splits * rows * a.heads() * a.headDim());
            heads = Math.max(heads, (long) splits * rows * a.heads());
          }
          if (rows == limit) {
            break;
          }
        }
      }
    }
    if (outputs > 0) {
      partial[0] = pool.allocate(outputs * 4, "attention splits");
      partial[1] = pool.allocate(heads * 8, "attention splits");
    }
  }

  Work.Body append(Node n, KvAppend k) {
    DeviceKv.Layer layer = lowering.kv().layer(k.layer());
    MemorySegment p =
        layer
            .into(lowering.args().p(lowering.at(n.in().get(0))).p(lowering.at(n.in().get(1))))
            .pointers();
    MemorySegment f = lowering.kernels().function(lowering.options().kvCodec(), "kv_append");
    return s -> lowering.launch(f, s.rows(), layer.shape().kvHeads(), 1, 32, 0, p, n);
  }

  /** The keys' rope and the append that it feeds, as one kernel. */
  Work.Body ropeAndAppend(Node rope, Node append) {
    Rope r = (Rope) rope.op();
    DeviceKv.Layer layer = lowering.kv().layer(((KvAppend) append.op()).layer());
    long turns = lowering.weights().turns(r, rope.in().size() > 1 ? rope.in().get(1) : null);
    MemorySegment p =
        layer
            .into(
                lowering
                    .args()
                    .p(lowering.at(rope.in().getFirst()))
                    .p(turns)
                    .i(r.rotaryDim(), r.interleaved() ? 1 : 0)
                    .p(lowering.at(append.in().get(1))))
            .pointers();
    MemorySegment f = lowering.kernels().function(lowering.options().kvCodec(), "kv_append_rope");
    return s -> lowering.launch(f, s.rows(), layer.shape().kvHeads(), 1, 32, 0, p, rope);
  }

  Work.Body attend(Node n, Attention a) {
    if (!(a.plan() instanceof AttentionPlan.Dense)) {
      throw new BackendException(
          "cuda has no attention plan " + a.plan() + "; use --attention dense");
    }
    if (a.headDim() % 8 != 0 || a.headDim() > 256) {
      throw new BackendException(
          "cuda has no attention of head dim "
              + a.headDim()
              + ": multiples of 8 up to 256 are supported");
    }
    DeviceKv.Layer layer = lowering.kv().layer(a.layer());
    Value q = n.in().getFirst();
    long out = lowering.at(n.out().get(0));
    long lse = a.lse() ? lowering.at(n.out().get(1)) : 0;
    int group = headsPerBlock(a);
    int chunks = a.kvHeads() * Math.ceilDiv(a.heads() / a.kvHeads(), group);
    Args main =
        layer
            .into(lowering.args().p(lowering.at(q)))
            .i(a.heads())
            .f(a.scale())
            .i(a.window())
            .f(a.softCap());
    boolean tiles = FLASH_DIMS.contains(a.headDim()) && lowering.options().limits().rows() > FEW;
    int few = tiles ? FEW : Integer.MAX_VALUE;
    main.i(few, 1).struct(partial).p(out).p(lse);
    MemorySegment mainSplits = main.value(8);
    MemorySegment mainArgs = main.pointers();
    Args merge = lowering.args().i(a.heads(), a.headDim(), few, 1).struct(partial).p(out).p(lse);
    MemorySegment mergeSplits = merge.value(4);
    MemorySegment mergeArgs = merge.pointers();
    MemorySegment attend =
        lowering.kernels().function(lowering.options().kvCodec(), "attend_" + group);
    MemorySegment combine = lowering.kernels().function(lowering.options().kvCodec(), "combine");
    int threadGroups = THREADS / (a.headDim() / 2);
    int qDim = Math.ceilDiv(a.headDim(), 64) * 64;
    int shared = 4 * (group * (qDim + PAGE + 4) + (threadGroups - 1) * group * a.headDim());
    Work.Body many = tiles ? flash(n, a, layer, q, out, lse) : s -> {};
    return s -> {
      if (s.rows() > FEW) {
        many.launch(s);
      }
      int splits = splits(a, s.rows(), s.pages());
      mainSplits.set(ValueLayout.JAVA_INT, 0, splits);
      lowering.launch(attend, chunks, s.rows(), splits, THREADS, shared, mainArgs, n);
      if (splits > 1) {
        mergeSplits.set(ValueLayout.JAVA_INT, 0, splits);
        lowering.launch(combine, a.heads(), s.rows(), 1, 64, 0, mergeArgs, n);
      }
    };
  }

  private Work.Body flash(Node n, Attention a, DeviceKv.Layer layer, Value q, long out, long lse) {
    MemorySegment f =
        lowering.kernels().function(lowering.options().kvCodec(), "flash_" + a.headDim());
    int shared = 2 * (FLASH_ROWS + 2 * PAGE) * (a.headDim() + 8);
    Cuda.check(
        cuFuncSetAttribute(f, MAX_DYNAMIC_SHARED, shared),
        "take " + shared + " bytes of shared memory");
    MemorySegment p =
        layer
            .into(lowering.args().p(lowering.at(q)))
            .i(a.heads())
            .f(a.scale())
            .i(a.window())
            .f(a.softCap())
            .i(FEW + 1)
            .p(out)
            .p(lse)
            .pointers();
    int sequences = lowering.options().limits().sequences();
    return s ->
        lowering.launch(
            f,
            Math.ceilDiv(s.rows(), FLASH_ROWS) + sequences - 1,
            a.heads(),
            1,
            THREADS,
            shared,
            p,
            n);
  }

  /** Query heads that one block does together: those that share a KV head, up to eight. */
  private static int headsPerBlock(Attention a) {
    int perKv = a.heads() / a.kvHeads();
    return perKv >= 5 ? 8 : perKv >= 3 ? 4 : perKv;
  }

  /** As many splits as give two blocks per multiprocessor, each with at least two pages to read. */
  private int splits(Attention a, int rows, int pages) {
    int blocks = rows * a.kvHeads() * Math.ceilDiv(a.heads() / a.kvHeads(), headsPerBlock(a));
    int visible = a.window() > 0 ? Math.min(pages, Math.ceilDiv(a.window(), PAGE) + 1) : pages;
    return Math.clamp(
        Math.ceilDiv(2L * lowering.device().multiprocessors(), blocks),
        1,
        Math.clamp(visible / 2, 1, MAX_SPLITS));
  }
}
