package org.gatun.backend.jvm;

import static java.nio.ByteOrder.LITTLE_ENDIAN;
import static org.gatun.backend.jvm.Lanes.ALL;
import static org.gatun.backend.jvm.Lanes.F;
import static org.gatun.backend.jvm.Lanes.N;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import org.gatun.attention.KvCodec;
import org.gatun.attention.KvStore;
import org.gatun.graph.Step;
import org.gatun.graph.op.Attention;

/**
 * Online softmax over the pages of one KV head for a tile of query rows (FlashAttention-2, Dao
 * 2023, arXiv 2307.08691). A tile is some rows of a sequence times all query heads of the KV head,
 * so K and V are read once for the group.
 *
 * <pre>
 *   Q [M][d]  ·  K [d][64]   =  S [M][64]     one page; lanes are keys
 *   P [M][64] ·  V [64][d]  +=  O [M][dp]     dp: d in whole pairs of vectors
 *
 *   scratch:  Q | S | K or V in f32, unless stored so | state of a split | running state | gathered scales | partial sums
 *   state:    m [M] | l [M] | O
 * </pre>
 *
 * Splits of {@link #SPLIT} slots begin at multiples of it, whatever the step: each is summed alone
 * and merged in order (flash-decoding, Dao et al. 2023). The bits of a row thus do not depend on
 * which thread, tile or step it is in.
 */
final class AttentionTile {
  /** Slots whose softmax state is kept apart until it is merged. */
  static final int SPLIT = 256;

  /** Query rows of a prefill tile, over all heads of the group. */
  static final int ROWS = 64;

  /** Query rows up to which half-precision keys are read in place. */
  static final int FEW = 8;

  private static final int PAGE = KvStore.PAGE_SLOTS;
  private static final long S_ROW = 4L * PAGE;

  private final Attention op;
  private final KvPages pages;
  private final long layer;
  private final int group;
  private final int dim;
  private final long oRow;
  private final int rowsPerTile;
  private final int capacity;

  AttentionTile(Attention op, KvPages pages) {
    this.op = op;
    this.pages = pages;
    layer = pages.layer(op.layer());
    group = op.heads() / op.kvHeads();
    dim = op.headDim();
    oRow = 4L * Math.ceilDiv(dim, 2 * N) * 2 * N;
    rowsPerTile = Math.max(1, ROWS / group);
    capacity = rowsPerTile * group + Gemm.ROWS;
  }

  /** Rows of the step in a full tile. */
  int rowsPerTile() {
    return rowsPerTile;
  }

  /** Query rows that scratch has room for. */
  int capacity() {
    return capacity;
  }

  /** Bytes of the softmax state of {@code m} query rows. */
  long stateBytes(int m) {
    return 8L * Math.ceilDiv(m, 16) * 16 + m * oRow;
  }

  long scratchBytes() {
    return touched(0) + 64;
  }

  /** Where the scores of a tile lie: rows of 64 floats. */
  long scores(long scratch) {
    return scratch + capacity * 4L * dim;
  }

  /** Room for 64 rows of f32 keys. */
  long plainRows(long scratch) {
    return scores(scratch) + capacity * S_ROW;
  }

  /** Scales of gathered keys and values. */
  private long gathered(long scratch) {
    return runningState(scratch) + stateBytes(capacity);
  }

  /** Room for partial sums of {@link Dots}. */
  long partial(long scratch) {
    return gathered(scratch) + 8L * PAGE;
  }

  /** Where results of {@link Ahead#burst} go. */
  long touched(long scratch) {
    return partial(scratch) + Dots.PARTIAL_BYTES;
  }

  /** Brings bytes that a tile of {@code m} query rows reads next. */
  void bring(long at, int bytes, int m, long scratch) {
    if (m <= FEW) {
      Lanes.ALL.set(Lanes.I64, touched(scratch), Ahead.burst(at, bytes));
    }
  }

  /** Where a tile keeps the state of its current split, and its running state. */
  long splitState(long scratch) {
    return scratch + capacity * (4L * dim + S_ROW) + 4L * PAGE * dim + 256;
  }

  long runningState(long scratch) {
    return splitState(scratch) + stateBytes(capacity);
  }

  private long outputs(long state, int m) {
    return state + 8L * Math.ceilDiv(m, 16) * 16;
  }

  /** First slot that the row may see through the window; 0 if slots are not positions. */
  int first(Step s, int r) {
    boolean identity = s.sequence(Step.POSITIONS, s.row(Step.SEQUENCE, r)) < 0;
    return identity && op.window() > 0 ? Math.max(0, s.row(Step.SLOT, r) - op.window() + 1) : 0;
  }

  private boolean ranges(Step s, int sequence) {
    return s.sequence(Step.POSITIONS, sequence) < 0
        && s.sequence(Step.MASK, sequence) == Step.MASK_CAUSAL;
  }

  /**
   * Whether keys and values of a tile of {@code m} query rows are read in place in half precision:
   * for few rows a copy in f32 would cost more than the products.
   */
  private boolean half(int m) {
    return pages.codec() == KvCodec.F16 && m <= FEW;
  }

  /** Copies the tile's queries, scaled, to scratch. */
  void load(long q, int row, int rows, int kvHead, long scratch) {
    load(q, row, rows, kvHead, scratch, half(rows * group) ? Lanes.HALF_WAY : 1);
  }

  /** The same, times a factor. */
  void load(long q, int row, int rows, int kvHead, long scratch, float factor) {
    FloatVector scale = Lanes.splat(op.scale()).mul(factor);
    for (int r = 0; r < rows; r++) {
      long from = q + 4L * ((row + r) * (long) op.heads() + (long) kvHead * group) * dim;
      long to = scratch + 4L * r * group * dim;
      for (int i = 0; i < group * dim; i += N) {
        int left = group * dim - i;
        Lanes.store(Lanes.load(from + 4L * i, left).mul(scale), to + 4L * i, left);
      }
    }
  }

  /** An empty state. */
  void clear(long state, int m) {
    for (int i = 0; i < m; i++) {
      Lanes.put(state + 4L * i, Float.NEGATIVE_INFINITY);
      Lanes.put(state + 4L * (m + i), 0);
    }
    long o = outputs(state, m);
    for (long i = 0; i < m * oRow; i += 4 * N) {
      Lanes.store(Lanes.zero(), o + i);
    }
  }

  /** Attends to one split; {@link #load} was called for this tile. */
  void split(
      Step s, int sequence, int row, int rows, int kvHead, int split, long state, long scratch) {
    int m = rows * group;
    clear(state, m);
    int length = s.sequence(Step.KV_LENGTH, sequence);
    boolean ranges = ranges(s, sequence);
    int end = Math.min(length, (split + 1) * SPLIT);
    if (ranges) {
      end = Math.min(end, s.row(Step.SLOT, row + rows - 1) + 1);
    }
    int begin = Math.max(split * SPLIT, first(s, row) / PAGE * PAGE);
    for (int slot = begin; slot < end; slot += PAGE) {
      long head = pages.page(s.page(sequence, slot)) + layer + kvHead * pages.headBytes(dim);
      page(s, row, rows, slot, Math.min(PAGE, length - slot), ranges, head, state, scratch);
    }
  }

  /** Attends to pages {@code list[from … from + count − 1]} of the sequence for one row. */
  void chosen(
      Step s,
      int sequence,
      int row,
      int kvHead,
      int[] list,
      int from,
      int count,
      long state,
      long scratch) {
    clear(state, group);
    int length = s.sequence(Step.KV_LENGTH, sequence);
    boolean ranges = ranges(s, sequence);
    for (int i = from; i < from + count; i++) {
      int slot = list[i] * PAGE;
      long head = pages.page(s.page(sequence, slot)) + layer + kvHead * pages.headBytes(dim);
      page(s, row, 1, slot, Math.min(PAGE, length - slot), ranges, head, state, scratch);
    }
  }

  /**
   * Attends to kept keys {@code from … from + count − 1} of a prefix, which every row sees; {@link
   * #load} was called for this tile.
   */
  void kept(
      JvmPrefix.Head keys, KeptRuns runs, int from, int count, int m, long state, long scratch) {
    clear(state, m);
    long scores = scores(scratch);
    long plain = plainRows(scratch);
    long scales = keys.scaled() ? gathered(scratch) : 0;
    long o = outputs(state, m);
    for (int at = from; at < from + count; at += PAGE) {
      int n = Math.min(PAGE, from + count - at);
      if (half(m)) {
        Lanes.ALL.set(Lanes.I64, touched(scratch), keys.table(runs, at, n, plain));
        Dots.halfRows(scratch, 4L * dim, m, plain, n, dim, scores, S_ROW, partial(scratch));
      } else {
        keys.gather(runs, at, n, true, plain, scales);
        Dots.rows(scratch, 4L * dim, m, plain, 4L * dim, n, dim, scores, S_ROW, partial(scratch));
      }
      for (int i = 0; i < m; i++) {
        long p = scores + i * S_ROW;
        softmax(p, 0, n, scales, half(m), state + 4L * i, state + 4L * (m + i), o + i * oRow);
      }
      if (half(m)) {
        HalfGemm.addGathered(scores, S_ROW, m, plain, keys.valueOffset(), n, dim, o, oRow);
        continue;
      }
      keys.gather(runs, at, n, false, plain, 0);
      for (int strip = 0; strip < dim; strip += 2 * N) {
        Gemm.tiles(
            scores, S_ROW, m, plain + 4 * strip, 4L * dim, 4L * N, n, o + 4 * strip, oRow, true);
      }
    }
  }

  private void page(
      Step s,
      int row,
      int rows,
      int slot,
      int valid,
      boolean ranges,
      long head,
      long state,
      long scratch) {
    int m = rows * group;
    long scores = scores(scratch);
    long plain = plainRows(scratch);
    boolean half = half(m);
    bring(head, (PAGE + valid) * dim * pages.codec().elementBytes(), m, scratch);
    long k = half ? head : plain(head, PAGE * dim, plain);
    if (half) {
      HalfGemm.tiles(scratch, 4L * dim, m, k, 2 * PAGE, dim, PAGE, scores, S_ROW, false);
    }
    for (int strip = 0; strip < valid && !half; strip += 2 * N) {
      Gemm.tiles(
          scratch,
          4L * dim,
          m,
          k + 4 * strip,
          S_ROW,
          4L * N,
          dim,
          scores + 4 * strip,
          S_ROW,
          false);
    }
    long scales = pages.codec() == KvCodec.INT8 ? head + pages.scales(dim) : 0;
    long o = outputs(state, m);
    for (int r = 0; r < rows; r++) {
      int lo = 0;
      int hi = valid;
      if (ranges) {
        lo = first(s, row + r) - slot;
        hi = Math.min(valid, s.row(Step.SLOT, row + r) + 1 - slot);
      }
      for (int g = 0; g < group; g++) {
        int i = r * group + g;
        long p = scores + i * S_ROW;
        if (!ranges) {
          hide(s, row + r, slot, valid, p);
        }
        softmax(p, lo, hi, scales, half, state + 4L * i, state + 4L * (m + i), o + i * oRow);
      }
    }
    if (half) {
      long v = head + pages.values(dim);
      HalfGemm.tiles(scores, S_ROW, m, v, 2L * dim, valid, dim, o, oRow, true);
      return;
    }
    long v = plain(head + pages.values(dim), valid * dim, plain);
    for (int strip = 0; strip < dim; strip += 2 * N) {
      Gemm.tiles(
          scores, S_ROW, m, v + 4 * strip, 4L * dim, 4L * N, valid, o + 4 * strip, oRow, true);
    }
  }

  /**
   * The address of the elements in f32: where they lie, or a converted copy. INT8 stays without its
   * scales.
   */
  private long plain(long at, int count, long copy) {
    if (pages.codec() == KvCodec.F32) {
      return at;
    }
    Lanes.widen(pages.codec(), at, count, copy);
    return copy;
  }

  /** Explicit masks and moved slots: element by element. */
  private void hide(Step s, int row, int slot, int valid, long p) {
    for (int j = 0; j < valid; j++) {
      if (!s.visible(row, slot + j, op.window())) {
        Lanes.put(p + 4L * j, Float.NEGATIVE_INFINITY);
      }
    }
  }

  /**
   * Turns a row of scores to probabilities over the running maximum and rescales what was summed
   * before. {@link VMath#exp} stands in the open, for the reason that {@link Fields} gives.
   */
  private void softmax(
      long p, int lo, int hi, long scales, boolean half, long maxAt, long sumAt, long o) {
    float up = half ? Lanes.HALF_WAY : 1;
    float down = half ? 1 / Lanes.HALF_SCALE_DOWN : 1;
    if (scales != 0) {
      multiply(p, scales);
    }
    if (op.softCap() > 0) {
      cap(p, up);
      up = 1;
    }
    FloatVector none = FloatVector.broadcast(F, Float.NEGATIVE_INFINITY);
    FloatVector top = none;
    for (int j = 0; j < PAGE; j += N) {
      FloatVector x = FloatVector.fromMemorySegment(F, ALL, p + 4 * j, LITTLE_ENDIAN).mul(up);
      if (j < lo || j + N > hi) {
        x = none.blend(x, Lanes.between(lo - j, hi - j));
      }
      x.intoMemorySegment(ALL, p + 4 * j, LITTLE_ENDIAN);
      top = top.max(x);
    }
    float before = Lanes.get(maxAt);
    float max = Math.max(before, top.reduceLanes(VectorOperators.MAX));
    if (max == Float.NEGATIVE_INFINITY) {
      for (int j = 0; j < PAGE; j += N) {
        Lanes.store(Lanes.zero(), p + 4 * j);
      }
      return;
    }
    float sum = VMath.exp(p, PAGE, max, down);
    if (scales != 0) {
      // A slot that was never written has a scale of any value; its probability is zero already.
      multiply(p, scales + 4L * PAGE);
    }
    float alpha = max == before ? 1 : (float) Math.exp(before - max);
    Lanes.put(maxAt, max);
    Lanes.put(sumAt, Lanes.get(sumAt) * alpha + sum);
    if (alpha != 1) {
      scale(o, alpha);
    }
  }

  private static void multiply(long p, long by) {
    for (int j = 0; j < PAGE; j += N) {
      Lanes.store(Lanes.load(p + 4 * j).mul(Lanes.load(by + 4 * j)), p + 4 * j);
    }
  }

  private void cap(long p, float up) {
    for (int j = 0; j < PAGE; j += N) {
      FloatVector x = Lanes.load(p + 4 * j).mul(up / op.softCap());
      Lanes.store(VMath.tanh(x).mul(op.softCap()), p + 4 * j);
    }
  }

  private void scale(long o, float alpha) {
    for (long i = 0; i < oRow; i += 4 * N) {
      Lanes.store(Lanes.load(o + i).mul(alpha), o + i);
    }
  }

  /** Adds a split's state to the running one. */
  void merge(long state, long running, int m) {
    long from = outputs(state, m);
    long to = outputs(running, m);
    for (int i = 0; i < m; i++) {
      float max = Lanes.get(state + 4L * i);
      if (max == Float.NEGATIVE_INFINITY) {
        continue;
      }
      float before = Lanes.get(running + 4L * i);
      float high = Math.max(before, max);
      float a = before == high ? 1 : (float) Math.exp(before - high);
      float b = max == high ? 1 : (float) Math.exp(max - high);
      Lanes.put(running + 4L * i, high);
      long sum = running + 4L * (m + i);
      Lanes.put(sum, Lanes.get(sum) * a + Lanes.get(state + 4L * (m + i)) * b);
      for (long j = 0; j < oRow; j += 4 * N) {
        FloatVector y =
            Lanes.load(to + i * oRow + j).mul(a).add(Lanes.load(from + i * oRow + j).mul(b));
        Lanes.store(y, to + i * oRow + j);
      }
    }
  }

  /** Divides by the sums and writes the tile's rows; {@code lse} may be 0. */
  void finish(long running, int row, int rows, int kvHead, long out, long lse) {
    int m = rows * group;
    long o = outputs(running, m);
    for (int r = 0; r < rows; r++) {
      for (int g = 0; g < group; g++) {
        int i = r * group + g;
        float sum = Lanes.get(running + 4L * (m + i));
        float scale = sum > 0 ? 1 / sum : 0;
        long head = (row + r) * (long) op.heads() + (long) kvHead * group + g;
        for (int j = 0; j < dim; j += N) {
          Lanes.store(
              Lanes.load(o + i * oRow + 4 * j).mul(scale), out + 4L * (head * dim + j), dim - j);
        }
        if (lse != 0) {
          float l =
              sum > 0
                  ? Lanes.get(running + 4L * i) + (float) Math.log(sum)
                  : Float.NEGATIVE_INFINITY;
          Lanes.put(lse + 4L * head, l);
        }
      }
    }
  }
}
