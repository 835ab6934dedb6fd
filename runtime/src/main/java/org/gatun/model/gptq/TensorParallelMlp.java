package org.gatun.model.gptq;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.gatun.graph.op.Activation;
import org.gatun.parallel.Communicator;
import org.gatun.parallel.ReduceType;
import org.jspecify.annotations.Nullable;

/**
 * One rank's part of a gated MLP with act-order weights, {@code y = (act(x·G) ⊙ x·U) · D}, in three
 * layouts (Hoque et al. 2024, arXiv 2402.04925, and local sort).
 *
 * <pre>
 *   NAIVE       G, U sorted by own groups, cut by columns; hidden: all-gather, permute by D's order, cut
 *   TP_AWARE    G, U also permuted by columns into D's order before the cut: no all-gather
 *   LOCAL_SORT  D cut in file order, each rank sorts its own rows; scales of all groups on every rank
 * </pre>
 *
 * Not thread-safe; buffers are reused between calls.
 */
public final class TensorParallelMlp {
  /** How act-order rows meet tensor parallelism. */
  public enum Layout {
    NAIVE,
    TP_AWARE,
    LOCAL_SORT
  }

  /** Steps that {@link #nanos} reports. */
  public enum Stage {
    FIRST_PRODUCTS,
    ALL_GATHER,
    PERMUTE,
    SECOND_PRODUCT,
    ALL_REDUCE
  }

  private final Layout layout;
  private final Communicator group;
  private final Activation activation;
  private final QuantizedMatrix gate;
  private final QuantizedMatrix up;
  private final QuantizedMatrix down;
  private final int[] gateOrder;
  private final int[] upOrder;
  private final int @Nullable [] hiddenOrder;
  private final int hidden;
  private final long[] nanos = new long[Stage.values().length];

  /** Cuts the rank's part out of whole matrices. */
  public TensorParallelMlp(
      Layout layout,
      Communicator group,
      Activation activation,
      QuantizedMatrix gate,
      QuantizedMatrix up,
      QuantizedMatrix down) {
    if (gate.out() != down.in() || up.out() != down.in() || gate.in() != up.in()) {
      throw new IllegalArgumentException("gate, up and down do not fit together");
    }
    int world = group.worldSize();
    if (down.in() % (8 * world) != 0) {
      throw new IllegalArgumentException(
          down.in() + " hidden columns do not split into " + world + " parts of whole words");
    }
    this.layout = layout;
    this.group = group;
    this.activation = activation;
    this.hidden = down.in();
    int part = hidden / world;
    int from = group.rank() * part;
    int[] downOrder = Permutation.stableArgsort(down.groupOf());
    gateOrder = Permutation.stableArgsort(gate.groupOf());
    // Gate and up see one input, hence one Hessian: their orders are normally the same.
    int[] order = Permutation.stableArgsort(up.groupOf());
    upOrder = Arrays.equals(order, gateOrder) ? gateOrder : order;
    QuantizedMatrix g = gate;
    QuantizedMatrix u = up;
    if (layout == Layout.TP_AWARE) {
      g = g.permuteColumns(downOrder);
      u = u.permuteColumns(downOrder);
    }
    this.gate = g.columns(from, part).permuteRows(gateOrder);
    this.up = u.columns(from, part).permuteRows(upOrder);
    if (layout == Layout.LOCAL_SORT) {
      QuantizedMatrix own = down.rows(from, part);
      hiddenOrder = Permutation.stableArgsort(own.groupOf());
      this.down = own.permuteRows(hiddenOrder);
    } else {
      hiddenOrder = layout == Layout.NAIVE ? downOrder : null;
      this.down = down.permuteRows(downOrder).rows(from, part);
    }
  }

  /** Computes {@code y} [m, out] from {@code x} [m, in]; the sum over ranks is on every rank. */
  public void run(float[] x, int m, float[] y) {
    partial(x, m, y);
    long t = System.nanoTime();
    int n = m * down.out();
    group.allReduce(MemorySegment.ofArray(y).asSlice(0, 4L * n), ReduceType.F32);
    nanos[Stage.ALL_REDUCE.ordinal()] += System.nanoTime() - t;
  }

  /** This rank's term of the sum. */
  void partial(float[] x, int m, float[] y) {
    int part = gate.out();
    float[] h = new float[m * part];
    float[] u = new float[m * part];
    float[] sorted = new float[m * gate.in()];
    long t = System.nanoTime();
    Permutation.gatherColumns(x, m, gate.in(), gateOrder, sorted);
    gate.multiply(sorted, m, h);
    if (upOrder != gateOrder) {
      Permutation.gatherColumns(x, m, gate.in(), upOrder, sorted);
    }
    up.multiply(sorted, m, u);
    for (int i = 0; i < h.length; i++) {
      h[i] = (float) activation.apply(h[i]) * u[i];
    }
    t = stop(Stage.FIRST_PRODUCTS, t);
    float[] slice =
        switch (layout) {
          case TP_AWARE -> h;
          case LOCAL_SORT -> {
            float[] own = new float[m * part];
            Permutation.gatherColumns(h, m, part, hiddenOrder(), own);
            long unused = stop(Stage.PERMUTE, t);
            yield own;
          }
          case NAIVE -> gathered(h, m, part);
        };
    t = System.nanoTime();
    down.multiply(slice, m, y);
    long unused = stop(Stage.SECOND_PRODUCT, t);
  }

  private float[] gathered(float[] h, int m, int part) {
    long t = System.nanoTime();
    float[] all = new float[m * hidden];
    group.allGather(MemorySegment.ofArray(h), MemorySegment.ofArray(all));
    t = stop(Stage.ALL_GATHER, t);
    // Rank-major as gathered: column c of row r stands at (c / part, r, c % part).
    float[] slice = new float[m * part];
    int[] order = hiddenOrder();
    int from = group.rank() * part;
    for (int r = 0; r < m; r++) {
      for (int i = 0; i < part; i++) {
        int c = order[from + i];
        slice[r * part + i] = all[(c / part * m + r) * part + c % part];
      }
    }
    long unused = stop(Stage.PERMUTE, t);
    return slice;
  }

  private int[] hiddenOrder() {
    if (hiddenOrder == null) {
      throw new IllegalStateException(layout + " needs no order");
    }
    return hiddenOrder;
  }

  /** Groups of the down matrix that this rank holds scales for. */
  public int downGroups() {
    return down.groups();
  }

  /** Bytes a rank sends per call with ring algorithms: all-gather of hidden, all-reduce of y. */
  public long[] ringBytes(int m, int bytesPerElement) {
    long t = group.worldSize();
    long gather = layout == Layout.NAIVE ? (t - 1) * m * hidden * bytesPerElement / t : 0;
    long reduce = 2 * (t - 1) * m * down.out() * bytesPerElement / t;
    return new long[] {gather, reduce};
  }

  /** Nanoseconds spent in a stage since the last reset. */
  public long nanos(Stage stage) {
    return nanos[stage.ordinal()];
  }

  /** Starts the clocks anew. */
  public void resetClocks() {
    Arrays.fill(nanos, 0);
  }

  private long stop(Stage stage, long since) {
    long now = System.nanoTime();
    nanos[stage.ordinal()] += now - since;
    return now;
  }
}
