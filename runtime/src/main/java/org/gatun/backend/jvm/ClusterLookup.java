package org.gatun.backend.jvm;

import static java.nio.ByteOrder.LITTLE_ENDIAN;
import static org.gatun.backend.jvm.Lanes.ALL;
import static org.gatun.backend.jvm.Lanes.F;
import static org.gatun.backend.jvm.Lanes.N;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import org.gatun.attention.AttentionPlan;
import org.gatun.attention.KvCodec;
import org.gatun.attention.KvStore;
import org.gatun.attention.PrefixLimits;
import org.gatun.graph.Step;
import org.gatun.graph.StepLimits;
import org.gatun.graph.op.Attention;
import org.jspecify.annotations.Nullable;

/**
 * Which clusters of their prefixes the step's sequences keep: {@link AttentionPlan.Squeezed}. A
 * unit of work is a (sequence, KV head); it ends with the runs of kept tokens.
 */
final class ClusterLookup {
  private static final int PAGE = KvStore.PAGE_SLOTS;

  private final WorkerPool pool;
  private final Scratch scratch;
  private final Attention op;
  private final int levels;
  private final KvPages pages;
  private final AttentionTile tile;
  private final long q;
  private final int padded;
  private final KeptRuns[] runs;
  private final int[] prefixOf;
  private final WorkerPool.Task task = this::select;
  private @Nullable Step current;

  ClusterLookup(
      WorkerPool pool,
      Scratch scratch,
      Attention op,
      AttentionPlan.Squeezed plan,
      KvPages pages,
      AttentionTile tile,
      StepLimits limits,
      PrefixLimits room,
      long q) {
    this.pool = pool;
    this.scratch = scratch;
    this.op = op;
    this.levels = plan.levels();
    this.pages = pages;
    this.tile = tile;
    this.q = q;
    padded = Math.ceilDiv(room.clusters(), PAGE) * PAGE;
    runs = new KeptRuns[room.count() == 0 ? 0 : limits.sequences() * op.kvHeads()];
    for (int i = 0; i < runs.length; i++) {
      runs[i] = new KeptRuns(room.clusters(), room.tokens());
    }
    prefixOf = new int[limits.sequences()];
    // Behind the tile's own: scores of a tile of rows, means, weights.
    scratch.need(tile.scratchBytes() + (tile.capacity() + 2L) * 4 * padded);
  }

  void run(Step s) {
    current = s;
    boolean any = false;
    for (int i = 0; i < s.sequences(); i++) {
      prefixOf[i] = s.sequence(Step.PREFIX, i);
      any |= prefixOf[i] >= 0;
    }
    if (any) {
      pool.run(task, s.sequences() * op.kvHeads());
    }
  }

  /** Pieces of kept tokens; 0 for a sequence without a prefix. */
  int pieces(int sequence, int kvHead) {
    return prefixOf[sequence] < 0 ? 0 : runs(sequence, kvHead).pieces();
  }

  KeptRuns runs(int sequence, int kvHead) {
    return runs[sequence * op.kvHeads() + kvHead];
  }

  JvmPrefix.Head keys(int sequence, int kvHead) {
    return pages.prefix(prefixOf[sequence]).head(op.layer(), kvHead);
  }

  private void select(int unit, int worker) {
    int seq = unit / op.kvHeads();
    int head = unit % op.kvHeads();
    if (prefixOf[seq] < 0) {
      return;
    }
    JvmPrefix.Head keys = keys(seq, head);
    KeptRuns kept = runs(seq, head);
    kept.clear();
    long base = scratch.of(worker);
    long mean = base + tile.scratchBytes();
    long weight = mean + 4L * padded;
    JvmPrefix.Level fine = keys.fine();
    JvmPrefix.Level coarse = keys.coarse();
    long weights = fine.weights();
    if (levels == 2 && coarse.count() > 0) {
      scores(coarse, seq, head, base, mean, coarse.weights());
      weigh(coarse, mean, step().sequenceFloat(Step.COARSE, seq), fine, weight);
      weights = weight;
    }
    scores(fine, seq, head, base, mean, weights);
    keep(fine, mean, weights, step().sequenceFloat(Step.FINE, seq), kept);
  }

  /** Numbers of keys of fine clusters below the coarse ones that are kept; 0 for all others. */
  private static void weigh(
      JvmPrefix.Level coarse, long mean, float threshold, JvmPrefix.Level fine, long weight) {
    FloatVector zero = FloatVector.zero(F);
    for (int i = fine.count(); i % PAGE != 0; i++) {
      Lanes.put(weight + 4L * i, 0);
    }
    // Whole vectors, and no branch on what is kept: the next cluster overwrites what was too much.
    for (int a = 0; a < coarse.count(); a++) {
      VectorMask<Float> kept =
          FloatVector.broadcast(F, ALL.get(Lanes.F32, mean + 4L * a))
              .compare(VectorOperators.GT, threshold);
      for (int i = coarse.start(a); i < coarse.start(a + 1); i += N) {
        FloatVector w =
            FloatVector.fromMemorySegment(F, ALL, fine.weights() + 4L * i, LITTLE_ENDIAN);
        zero.blend(w, kept).intoMemorySegment(ALL, weight + 4L * i, LITTLE_ENDIAN);
      }
    }
  }

  /**
   * Lists the clusters that have a weight and a mean above the threshold, neighbours as one run.
   */
  private static void keep(
      JvmPrefix.Level l, long mean, long weight, float threshold, KeptRuns kept) {
    for (int i = 0; i < l.count(); i += Long.SIZE) {
      long bits = above(mean + 4L * i, weight + 4L * i, threshold);
      while (bits != 0) {
        int from = Long.numberOfTrailingZeros(bits);
        int count = Long.numberOfTrailingZeros(~(bits >>> from));
        int start = l.start(i + from);
        kept.add(start, l.start(i + from + count) - start);
        // The carry runs through the lowest ones.
        bits &= bits + (1L << from);
      }
    }
  }

  /** A bit for each of 64 clusters. */
  private static long above(long mean, long weight, float threshold) {
    long bits = 0;
    for (int i = 0; i < Long.SIZE; i += N) {
      FloatVector m = FloatVector.fromMemorySegment(F, ALL, mean + 4L * i, LITTLE_ENDIAN);
      FloatVector w = FloatVector.fromMemorySegment(F, ALL, weight + 4L * i, LITTLE_ENDIAN);
      VectorMask<Float> kept =
          m.compare(VectorOperators.GT, threshold).and(w.compare(VectorOperators.GT, 0f));
      bits |= kept.toLong() << i;
    }
    return bits;
  }

  /**
   * Mean estimated softmax weight per key of every cluster that has a weight. Scores lie behind the
   * worker's own means and weights.
   */
  private void scores(JvmPrefix.Level l, int seq, int head, long base, long mean, long weight) {
    int group = op.heads() / op.kvHeads();
    int first = step().sequence(Step.ROW_START, seq);
    int count = step().sequence(Step.ROW_COUNT, seq);
    int tiles = Math.ceilDiv(l.count(), PAGE);
    for (int i = 0; i < tiles * PAGE; i += N) {
      Lanes.store(Lanes.zero(), mean + 4L * i);
    }
    long rowBytes = 4L * padded;
    long scores = mean + 2 * rowBytes;
    for (int r = 0; r < count; r += tile.rowsPerTile()) {
      int rows = Math.min(tile.rowsPerTile(), count - r);
      int m = rows * group;
      boolean few = m <= AttentionTile.FEW;
      tile.load(q, first + r, rows, head, base, few ? Lanes.HALF_WAY : 1);
      for (int t = 0; t < tiles; t++) {
        if (!isEmpty(weight + 4L * t * PAGE)) {
          products(l.tile(t, op.headDim()), m, base, scores + 4L * t * PAGE, rowBytes);
        }
      }
      for (int i = 0; i < m; i++) {
        softmax(
            scores + i * rowBytes,
            tiles,
            weight,
            mean,
            few ? Lanes.HALF_WAY : 1,
            1f / (count * group));
      }
    }
  }

  private void products(long centroids, int m, long base, long scores, long rowBytes) {
    int dim = op.headDim();
    tile.bring(centroids, 2 * PAGE * dim, m, base);
    if (m <= AttentionTile.FEW) {
      HalfGemm.tiles(base, 4L * dim, m, centroids, 2 * PAGE, dim, PAGE, scores, rowBytes, false);
      return;
    }
    long plain = tile.plainRows(base);
    Lanes.widen(KvCodec.F16, centroids, PAGE * dim, plain);
    for (int strip = 0; strip < PAGE; strip += 2 * N) {
      Gemm.tiles(
          base,
          4L * dim,
          m,
          plain + 4 * strip,
          4L * PAGE,
          4L * N,
          dim,
          scores + 4 * strip,
          rowBytes,
          false);
    }
  }

  private static boolean isEmpty(long weight) {
    for (int i = 0; i < PAGE; i++) {
      if (Lanes.get(weight + 4L * i) > 0) {
        return false;
      }
    }
    return true;
  }

  /** Adds one query's share of the mean. */
  private void softmax(long x, int tiles, long weight, long mean, float up, float share) {
    int n = tiles * PAGE;
    if (op.softCap() > 0) {
      for (int i = 0; i < n; i += N) {
        FloatVector s = Lanes.load(x + 4L * i).mul(up / op.softCap());
        Lanes.store(VMath.tanh(s).mul(op.softCap()), x + 4L * i);
      }
      up = 1;
    }
    float max = top(x, n, weight, up);
    if (max == Float.NEGATIVE_INFINITY) {
      return;
    }
    VMath.exp(x, n, max, 1);
    FloatVector sum = FloatVector.zero(F);
    for (int i = 0; i < n; i += N) {
      FloatVector e = FloatVector.fromMemorySegment(F, ALL, x + 4L * i, LITTLE_ENDIAN);
      FloatVector w = FloatVector.fromMemorySegment(F, ALL, weight + 4L * i, LITTLE_ENDIAN);
      sum = e.fma(w, sum);
    }
    FloatVector factor = FloatVector.broadcast(F, share / Lanes.sum(sum));
    for (int i = 0; i < n; i += N) {
      FloatVector e = FloatVector.fromMemorySegment(F, ALL, x + 4L * i, LITTLE_ENDIAN);
      e.fma(factor, FloatVector.fromMemorySegment(F, ALL, mean + 4L * i, LITTLE_ENDIAN))
          .intoMemorySegment(ALL, mean + 4L * i, LITTLE_ENDIAN);
    }
  }

  /** Scales the scores, hides those of clusters without a weight, and returns the highest. */
  private static float top(long x, int n, long weight, float up) {
    FloatVector none = FloatVector.broadcast(F, Float.NEGATIVE_INFINITY);
    FloatVector top = none;
    for (int i = 0; i < n; i += N) {
      FloatVector w = FloatVector.fromMemorySegment(F, ALL, weight + 4L * i, LITTLE_ENDIAN);
      FloatVector s = FloatVector.fromMemorySegment(F, ALL, x + 4L * i, LITTLE_ENDIAN).mul(up);
      s = none.blend(s, w.compare(VectorOperators.GT, 0f));
      s.intoMemorySegment(ALL, x + 4L * i, LITTLE_ENDIAN);
      top = top.max(s);
    }
    return top.reduceLanes(VectorOperators.MAX);
  }

  private Step step() {
    Step s = current;
    if (s == null) {
      throw new IllegalStateException("no step");
    }
    return s;
  }
}
