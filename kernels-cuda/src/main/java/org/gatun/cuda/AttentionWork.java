package org.gatun.cuda;

import static org.gatun.bindings.cuda.cuda_h.cuFuncSetAttribute;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;
import java.util.Set;
import java.util.function.IntUnaryOperator;
import org.gatun.attention.AttentionPlan;
import org.gatun.attention.AttentionPlan.BlockTopK;
import org.gatun.attention.AttentionPlan.Squeezed;
import org.gatun.attention.KvCodec;
import org.gatun.attention.KvStore;
import org.gatun.backend.BackendException;
import org.gatun.graph.Graph;
import org.gatun.graph.Node;
import org.gatun.graph.op.Attention;
import org.gatun.graph.op.KvAppend;
import org.gatun.graph.op.Rope;
import org.jspecify.annotations.Nullable;

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

  /** Sequences that bring at least so many rows go through tiles. */
  static final int MANY = FEW + 1;

  private static final int FLASH_ROWS = 64;
  static final Set<Integer> FLASH_DIMS = Set.of(64, 80, 96, 128, 192, 256);
  private static final int MAX_DYNAMIC_SHARED = 8;

  private final Lowering lowering;
  private final long[] partial = new long[2];
  private final @Nullable TopKWork topK;
  private final @Nullable SqueezedWork squeezed;

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
    topK = has(graph, BlockTopK.class) ? new TopKWork(lowering, this, pool, graph) : null;
    squeezed =
        has(graph, Squeezed.class) && lowering.kv().prefixPlanes().any()
            ? new SqueezedWork(lowering, this, pool, graph)
            : null;
  }

  private static boolean has(Graph graph, Class<? extends AttentionPlan> plan) {
    return graph.nodes().stream()
        .anyMatch(n -> n.op() instanceof Attention a && plan.isInstance(a.plan()));
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
    if (a.headDim() % 8 != 0 || a.headDim() > 256) {
      throw new BackendException(
          "cuda has no attention of head dim "
              + a.headDim()
              + ": multiples of 8 up to 256 are supported");
    }
    return switch (a.plan()) {
      case AttentionPlan.Dense d -> dense(n, a);
      case Squeezed p ->
          squeezed == null ? dense(n, a) : squeezed.attend(n, a, p); // no prefix can be there
      case BlockTopK p -> Objects.requireNonNull(topK).attend(n, a, p);
    };
  }

  private Work.Body dense(Node n, Attention a) {
    return planned(
        n,
        a,
        "attention",
        "",
        lowering.args(),
        lowering.args(),
        s -> {},
        pages -> a.window() > 0 ? Math.min(pages, Math.ceilDiv(a.window(), PAGE) + 1) : pages);
  }

  /** Whether sequences that bring more than {@link #FEW} rows go through tiles. */
  boolean hasTiles(Attention a) {
    return FLASH_DIMS.contains(a.headDim()) && lowering.options().limits().rows() > FEW;
  }

  /** Most tiles of 64 rows in a step of this many rows. */
  int rowTiles(int rows) {
    return Math.ceilDiv(rows, FLASH_ROWS) + lowering.options().limits().sequences() - 1;
  }

  /**
   * Attention that a plan steers: sequences of few rows split over their keys, the others by tiles
   * of rows, where the head dim has them.
   *
   * @param module where the kernels {@code attend… 1, 2, 4, 8} and {@code flash… dim} are
   * @param suffix between those names' halves
   * @param split parameters up to the plan's own for rows
   * @param tiles the same for tiles of rows
   * @param prepare what tiles of rows need before
   * @param most tiles of 64 keys that a row reads, by the pages of the longest sequence
   */
  Work.Body planned(
      Node n,
      Attention a,
      String module,
      String suffix,
      Args split,
      Args tiles,
      Work.Body prepare,
      IntUnaryOperator most) {
    boolean tiled = hasTiles(a);
    Work.Body few =
        split(n, a, module, "attend_" + suffix, split, tiled ? FEW : Integer.MAX_VALUE, most);
    if (!tiled) {
      return few;
    }
    Work.Body many = flash(n, a, module, "flash_" + suffix, tiles);
    return s -> {
      if (s.rows() > FEW) {
        prepare.launch(s);
        many.launch(s);
      }
      few.launch(s);
    };
  }

  /**
   * Rows split over their keys, and the merge.
   *
   * @param few rows of sequences that bring more are another kernel's
   * @param tiles most tiles of 64 keys that a row reads, by the pages of the longest sequence
   */
  private Work.Body split(
      Node n,
      Attention a,
      String module,
      String kernel,
      Args args,
      int few,
      IntUnaryOperator tiles) {
    DeviceKv.Layer layer = lowering.kv().layer(a.layer());
    long out = lowering.at(n.out().get(0));
    long lse = a.lse() ? lowering.at(n.out().get(1)) : 0;
    int group = headsPerBlock(a);
    int chunks = a.kvHeads() * Math.ceilDiv(a.heads() / a.kvHeads(), group);
    Args main =
        layer
            .into(args.p(lowering.at(n.in().getFirst())))
            .i(a.heads())
            .f(a.scale())
            .i(a.window())
            .f(a.softCap())
            .i(few, 1);
    MemorySegment mainSplits = main.last();
    MemorySegment mainArgs = main.struct(partial).p(out).p(lse).pointers();
    Args merge = lowering.args().i(a.heads(), a.headDim(), few, 1);
    MemorySegment mergeSplits = merge.last();
    MemorySegment mergeArgs = merge.struct(partial).p(out).p(lse).pointers();
    KvCodec codec = lowering.options().kvCodec();
    MemorySegment attend = lowering.kernels().function(module + "_" + codec, kernel + group);
    MemorySegment combine = lowering.kernels().function(codec, "combine");
    int threadGroups = THREADS / (a.headDim() / 2);
    int qDim = Math.ceilDiv(a.headDim(), 64) * 64;
    int shared = 4 * (group * (qDim + PAGE + 4) + (threadGroups - 1) * group * a.headDim());
    return s -> {
      int splits = splits(a, s.rows(), tiles.applyAsInt(s.pages()));
      mainSplits.set(ValueLayout.JAVA_INT, 0, splits);
      lowering.launch(attend, chunks, s.rows(), splits, THREADS, shared, mainArgs, n);
      if (splits > 1) {
        mergeSplits.set(ValueLayout.JAVA_INT, 0, splits);
        lowering.launch(combine, a.heads(), s.rows(), 1, 64, 0, mergeArgs, n);
      }
    };
  }

  private Work.Body flash(Node n, Attention a, String module, String kernel, Args args) {
    MemorySegment f =
        lowering
            .kernels()
            .function(module + "_" + lowering.options().kvCodec(), kernel + a.headDim());
    int shared = takeTiles(f, a);
    MemorySegment p =
        lowering
            .kv()
            .layer(a.layer())
            .into(args.p(lowering.at(n.in().getFirst())))
            .i(a.heads())
            .f(a.scale())
            .i(a.window())
            .f(a.softCap())
            .i(MANY)
            .p(lowering.at(n.out().get(0)))
            .p(a.lse() ? lowering.at(n.out().get(1)) : 0)
            .pointers();
    return s -> lowering.launch(f, rowTiles(s.rows()), a.heads(), 1, THREADS, shared, p, n);
  }

  /** Lets a kernel have 64 rows and two tiles of 64 keys in shared memory; the bytes. */
  static int takeTiles(MemorySegment f, Attention a) {
    int shared = 2 * (FLASH_ROWS + 2 * PAGE) * (a.headDim() + 8);
    Cuda.check(
        cuFuncSetAttribute(f, MAX_DYNAMIC_SHARED, shared),
        "take " + shared + " bytes of shared memory");
    return shared;
  }

  /** Query heads that one block does together: those that share a KV head, up to eight. */
  private static int headsPerBlock(Attention a) {
    int perKv = a.heads() / a.kvHeads();
    return perKv >= 5 ? 8 : perKv >= 3 ? 4 : perKv;
  }

  /** As many splits as give two blocks per multiprocessor, each with at least two tiles to read. */
  private int splits(Attention a, int rows, int tiles) {
    int blocks = rows * a.kvHeads() * Math.ceilDiv(a.heads() / a.kvHeads(), headsPerBlock(a));
    return Math.clamp(
        Math.ceilDiv(2L * lowering.device().multiprocessors(), blocks),
        1,
        Math.clamp(tiles / 2, 1, MAX_SPLITS));
  }
}
