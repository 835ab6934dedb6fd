package org.gatun.backend.jvm;

import static org.gatun.backend.jvm.Lanes.N;
import static org.gatun.backend.jvm.Lanes.PAIR;
import static org.gatun.backend.jvm.Lanes.ROWS;
import static org.gatun.backend.jvm.Lanes.load;
import static org.gatun.backend.jvm.Lanes.store;
import static org.gatun.backend.jvm.Lanes.toFloat;
import static org.gatun.backend.jvm.Lanes.u8;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Runs of columns that share their scales: {@code w = q · d + m} for sixteen rows at a time. The scales lie in scratch
 * memory ({@code sm}: d of 16 rows, then m of 16 rows), so that no vector crosses a call and nothing is boxed if the
 * compiler does not inline.
 *
 * <p>With {@code dot}, {@code out} holds sixteen sums, to which {@code w · x} is added column by column. Without, {@code
 * w} is written to {@code out[column][16]}. Vectors narrower than sixteen lanes go in pairs, to keep two chains of sums
 * in flight.
 */
final class Runs {
  /** Bytes from the scales to the offsets in {@code sm}. */
  static final int M = 4 * ROWS;

  private static final int STEP = 2 * N;
  private static final int[] LEVELS = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
  private static final IntVector LEVELS_0 = IntVector.fromArray(Lanes.I, LEVELS, 0);
  private static final IntVector LEVELS_1 = IntVector.fromArray(Lanes.I, LEVELS, N % 16);
  private static final IntVector LEVELS_2 = IntVector.fromArray(Lanes.I, LEVELS, 2 * N % 16);
  private static final IntVector LEVELS_3 = IntVector.fromArray(Lanes.I, LEVELS, 3 * N % 16);

  private Runs() {}

  /** Sixteen zero sums. */
  static void clear(long y) {
    for (int s = 0; s < ROWS; s += N) {
      store(Lanes.zero(), y + 4 * s);
    }
  }

  /** Where the sums (with {@code dot}) or the column's weights go. */
  static long at(boolean dot, long out, int column) {
    return dot ? out : out + 4L * ROWS * column;
  }

  private static FloatVector emit(boolean dot, FloatVector w, FloatVector sum, long x, long out) {
    if (dot) {
      return w.fma(Lanes.splatAt(x), sum);
    }
    store(w, out);
    return sum;
  }

  /** Signed bytes. */
  static void signed(boolean dot, long q, int n, long sm, long x, long out) {
    for (int s = 0; s < ROWS; s += STEP) {
      FloatVector d0 = load(sm + 4 * s);
      FloatVector d1 = PAIR ? load(sm + 4 * (s + N)) : d0;
      FloatVector a0 = dot ? load(out + 4 * s) : d0;
      FloatVector a1 = dot && PAIR ? load(out + 4 * (s + N)) : d0;
      for (int j = 0; j < n; j++) {
        long qa = q + ROWS * j + s;
        long xa = x + 4 * j;
        long oa = at(dot, out, j) + 4 * s;
        a0 = emit(dot, toFloat(Lanes.s8(qa)).mul(d0), a0, xa, oa);
        if (PAIR) {
          a1 = emit(dot, toFloat(Lanes.s8(qa + N)).mul(d1), a1, xa, oa + 4 * N);
        }
      }
      if (dot) {
        store(a0, out + 4 * s);
        if (PAIR) {
          store(a1, out + 4 * (s + N));
        }
      }
    }
  }

  private static FloatVector bits(long q, int shift, int mask, FloatVector d, FloatVector m) {
    return toFloat(u8(q).lanewise(VectorOperators.LSHR, shift).and(mask)).fma(d, m);
  }

  /** {@code q >>> shift & mask}. */
  static void bits(boolean dot, long q, int n, int shift, int mask, long sm, long x, long out) {
    for (int s = 0; s < ROWS; s += STEP) {
      FloatVector d0 = load(sm + 4 * s);
      FloatVector m0 = load(sm + M + 4 * s);
      FloatVector d1 = PAIR ? load(sm + 4 * (s + N)) : d0;
      FloatVector m1 = PAIR ? load(sm + M + 4 * (s + N)) : m0;
      FloatVector a0 = dot ? load(out + 4 * s) : d0;
      FloatVector a1 = dot && PAIR ? load(out + 4 * (s + N)) : d0;
      for (int j = 0; j < n; j++) {
        long qa = q + ROWS * j + s;
        long xa = x + 4 * j;
        long oa = at(dot, out, j) + 4 * s;
        a0 = emit(dot, bits(qa, shift, mask, d0, m0), a0, xa, oa);
        if (PAIR) {
          a1 = emit(dot, bits(qa + N, shift, mask, d1, m1), a1, xa, oa + 4 * N);
        }
      }
      if (dot) {
        store(a0, out + 4 * s);
        if (PAIR) {
          store(a1, out + 4 * (s + N));
        }
      }
    }
  }

  private static FloatVector fifth(long q, int shift, IntVector high, FloatVector d, FloatVector m) {
    return toFloat(u8(q).lanewise(VectorOperators.LSHR, shift).and(15).or(high.and(16))).fma(d, m);
  }

  /** Nibbles with a fifth bit from {@code h}, whose bit k of byte b belongs to column 8 b + k. Sixteen columns. */
  static void fifthOf8(boolean dot, long q, int shift, long h, long sm, long x, long out) {
    for (int s = 0; s < ROWS; s += STEP) {
      FloatVector d0 = load(sm + 4 * s);
      FloatVector m0 = load(sm + M + 4 * s);
      FloatVector d1 = PAIR ? load(sm + 4 * (s + N)) : d0;
      FloatVector m1 = PAIR ? load(sm + M + 4 * (s + N)) : m0;
      FloatVector a0 = dot ? load(out + 4 * s) : d0;
      FloatVector a1 = dot && PAIR ? load(out + 4 * (s + N)) : d0;
      for (int b = 0; b < 2; b++) {
        IntVector h0 = u8(h + ROWS * b + s).lanewise(VectorOperators.LSHL, 4);
        IntVector h1 = PAIR ? u8(h + ROWS * b + s + N).lanewise(VectorOperators.LSHL, 4) : h0;
        for (int k = 0; k < 8; k++) {
          int j = 8 * b + k;
          long qa = q + ROWS * j + s;
          long xa = x + 4 * j;
          long oa = at(dot, out, j) + 4 * s;
          a0 = emit(dot, fifth(qa, shift, h0, d0, m0), a0, xa, oa);
          h0 = h0.lanewise(VectorOperators.LSHR, 1);
          if (PAIR) {
            a1 = emit(dot, fifth(qa + N, shift, h1, d1, m1), a1, xa, oa + 4 * N);
            h1 = h1.lanewise(VectorOperators.LSHR, 1);
          }
        }
      }
      if (dot) {
        store(a0, out + 4 * s);
        if (PAIR) {
          store(a1, out + 4 * (s + N));
        }
      }
    }
  }

  private static FloatVector plane(
      long q, int shift, int mask, long h, int hShift, int hMask, int width, FloatVector d, FloatVector m) {
    IntVector low = u8(q).lanewise(VectorOperators.LSHR, shift).and(mask);
    IntVector high = u8(h).lanewise(VectorOperators.LSHR, hShift).and(hMask).lanewise(VectorOperators.LSHL, width);
    return toFloat(low.or(high)).fma(d, m);
  }

  /** {@code q >>> shift & mask | (h >>> hShift & hMask) << width}, a byte of each per column. */
  static void planes(
      boolean dot, long q, int n, int shift, int mask, long h, int hShift, int hMask, int width, long sm, long x, long out) {
    for (int s = 0; s < ROWS; s += STEP) {
      FloatVector d0 = load(sm + 4 * s);
      FloatVector m0 = load(sm + M + 4 * s);
      FloatVector d1 = PAIR ? load(sm + 4 * (s + N)) : d0;
      FloatVector m1 = PAIR ? load(sm + M + 4 * (s + N)) : m0;
      FloatVector a0 = dot ? load(out + 4 * s) : d0;
      FloatVector a1 = dot && PAIR ? load(out + 4 * (s + N)) : d0;
      for (int j = 0; j < n; j++) {
        long qa = q + ROWS * j + s;
        long ha = h + ROWS * j + s;
        long xa = x + 4 * j;
        long oa = at(dot, out, j) + 4 * s;
        a0 = emit(dot, plane(qa, shift, mask, ha, hShift, hMask, width, d0, m0), a0, xa, oa);
        if (PAIR) {
          a1 = emit(dot, plane(qa + N, shift, mask, ha + N, hShift, hMask, width, d1, m1), a1, xa, oa + 4 * N);
        }
      }
      if (dot) {
        store(a0, out + 4 * s);
        if (PAIR) {
          store(a1, out + 4 * (s + N));
        }
      }
    }
  }

  private static IntVector level(IntVector index) {
    IntVector v = index.and(N - 1).selectFrom(LEVELS_0);
    if (N < 16) {
      v = v.blend(index.and(N - 1).selectFrom(LEVELS_1), index.compare(VectorOperators.GE, N));
    }
    if (N < 8) {
      v = v.blend(index.and(N - 1).selectFrom(LEVELS_2), index.compare(VectorOperators.GE, 2 * N));
      v = v.blend(index.and(N - 1).selectFrom(LEVELS_3), index.compare(VectorOperators.GE, 3 * N));
    }
    return v;
  }

  /** Nibbles that index the grid of IQ4_NL. */
  static void levels(boolean dot, long q, int n, int shift, long sm, long x, long out) {
    for (int s = 0; s < ROWS; s += N) {
      FloatVector d = load(sm + 4 * s);
      FloatVector a = dot ? load(out + 4 * s) : d;
      for (int j = 0; j < n; j++) {
        IntVector index = u8(q + ROWS * j + s).lanewise(VectorOperators.LSHR, shift).and(15);
        a = emit(dot, toFloat(level(index)).mul(d), a, x + 4 * j, at(dot, out, j) + 4 * s);
      }
      if (dot) {
        store(a, out + 4 * s);
      }
    }
  }
}
