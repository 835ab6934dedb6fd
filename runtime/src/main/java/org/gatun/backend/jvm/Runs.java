package org.gatun.backend.jvm;

import static org.gatun.backend.jvm.Lanes.N;
import static org.gatun.backend.jvm.Lanes.PAIR;
import static org.gatun.backend.jvm.Lanes.ROWS;
import static org.gatun.backend.jvm.Lanes.load;
import static org.gatun.backend.jvm.Lanes.splatAt;
import static org.gatun.backend.jvm.Lanes.store;
import static org.gatun.backend.jvm.Lanes.toFloat;
import static org.gatun.backend.jvm.Lanes.u8;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Runs of columns that share their scales: {@code w = q · d + m} for sixteen rows at a time. The
 * scales lie in scratch memory ({@code sm}), so that no vector crosses a call and nothing is boxed
 * if the compiler does not inline. For the same reason every run is written twice, as sums and as a
 * copy: a vector that depends on a flag would be boxed.
 *
 * <p>With {@code dot}, {@code out} holds sixteen sums, to which {@code w · x} is added column by
 * column. Without, {@code w} is written to {@code out[column][16]}. Sums of vectors narrower than
 * sixteen lanes go in pairs, to keep two chains in flight.
 *
 * <p>Unsigned q below 64 become floats without a conversion: q in the upper bits of a mantissa is
 * the number {@code 1 + q / 64}, so {@code w = (1 + q / 64) · 64 d + (m − 64 d)}; {@link #affine}
 * stores these two factors.
 */
final class Runs {
  /** Bytes from the factors to the offsets in {@code sm}. */
  static final int M = 4 * ROWS;

  private static final int STEP = 2 * N;

  /** Where the lowest bit of q goes in the mantissa. */
  private static final int BIT = 17;

  private static final int ONE = 0x3F800000;
  private static final int[] LEVELS = {
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113
  };
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

  /**
   * Stores the factors of {@code q · d + m} for all runs but {@link #signed} and {@link #levels}.
   */
  static void affine(FloatVector d, FloatVector m, long sm) {
    store(d.mul(64f), sm);
    store(d.fma(Lanes.splat(-64f), m), sm + M);
  }

  /** Signed bytes: {@code q · d}, d as it is. */
  static void signed(boolean dot, long q, int n, long sm, long x, long out) {
    if (dot) {
      signedDot(q, n, sm, x, out);
    } else {
      signedCopy(q, n, sm, out);
    }
  }

  private static void signedDot(long q, int n, long sm, long x, long out) {
    for (int s = 0; s < ROWS; s += STEP) {
      FloatVector d0 = load(sm + 4 * s);
      FloatVector a0 = load(out + 4 * s);
      FloatVector d1 = PAIR ? load(sm + 4 * (s + N)) : d0;
      FloatVector a1 = PAIR ? load(out + 4 * (s + N)) : a0;
      for (int j = 0; j < n; j++) {
        long at = ROWS * j + s;
        a0 = toFloat(Lanes.s8(q + at)).mul(d0).fma(splatAt(x + 4 * j), a0);
        if (PAIR) {
          a1 = toFloat(Lanes.s8(q + at + N)).mul(d1).fma(splatAt(x + 4 * j), a1);
        }
      }
      store(a0, out + 4 * s);
      if (PAIR) {
        store(a1, out + 4 * (s + N));
      }
    }
  }

  private static void signedCopy(long q, int n, long sm, long out) {
    for (int s = 0; s < ROWS; s += N) {
      FloatVector d0 = load(sm + 4 * s);
      for (int j = 0; j < n; j++) {
        long at = ROWS * j + s;
        store(toFloat(Lanes.s8(q + at)).mul(d0), out + 4 * at);
      }
    }
  }

  private static FloatVector bits(long q, int up, int mask, FloatVector d, FloatVector m) {
    return u8(q)
        .lanewise(VectorOperators.LSHL, up)
        .and(mask)
        .or(ONE)
        .reinterpretAsFloats()
        .fma(d, m);
  }

  /** {@code q >>> shift & mask}. */
  static void bits(boolean dot, long q, int n, int shift, int mask, long sm, long x, long out) {
    if (dot) {
      bitsDot(q, n, shift, mask, sm, x, out);
    } else {
      bitsCopy(q, n, shift, mask, sm, out);
    }
  }

  private static void bitsDot(long q, int n, int shift, int mask, long sm, long x, long out) {
    for (int s = 0; s < ROWS; s += STEP) {
      FloatVector d0 = load(sm + 4 * s);
      FloatVector m0 = load(sm + M + 4 * s);
      FloatVector a0 = load(out + 4 * s);
      FloatVector d1 = PAIR ? load(sm + 4 * (s + N)) : d0;
      FloatVector m1 = PAIR ? load(sm + M + 4 * (s + N)) : m0;
      FloatVector a1 = PAIR ? load(out + 4 * (s + N)) : a0;
      for (int j = 0; j < n; j++) {
        long at = ROWS * j + s;
        a0 = bits(q + at, BIT - shift, mask << BIT, d0, m0).fma(splatAt(x + 4 * j), a0);
        if (PAIR) {
          a1 = bits(q + at + N, BIT - shift, mask << BIT, d1, m1).fma(splatAt(x + 4 * j), a1);
        }
      }
      store(a0, out + 4 * s);
      if (PAIR) {
        store(a1, out + 4 * (s + N));
      }
    }
  }

  private static void bitsCopy(long q, int n, int shift, int mask, long sm, long out) {
    for (int s = 0; s < ROWS; s += N) {
      FloatVector d0 = load(sm + 4 * s);
      FloatVector m0 = load(sm + M + 4 * s);
      for (int j = 0; j < n; j++) {
        long at = ROWS * j + s;
        store(bits(q + at, BIT - shift, mask << BIT, d0, m0), out + 4 * at);
      }
    }
  }

  private static FloatVector fifth(long q, int up, IntVector high, FloatVector d, FloatVector m) {
    IntVector low = u8(q).lanewise(VectorOperators.LSHL, up).and(15 << BIT).or(ONE);
    return low.or(high.and(16 << BIT)).reinterpretAsFloats().fma(d, m);
  }

  /**
   * Nibbles with a fifth bit from {@code h}, whose bit k of byte b belongs to column 8 b + k.
   * Sixteen columns.
   */
  static void fifthOf8(boolean dot, long q, int shift, long h, long sm, long x, long out) {
    if (dot) {
      fifthOf8Dot(q, shift, h, sm, x, out);
    } else {
      fifthOf8Copy(q, shift, h, sm, out);
    }
  }

  private static void fifthOf8Dot(long q, int shift, long h, long sm, long x, long out) {
    for (int s = 0; s < ROWS; s += STEP) {
      FloatVector d0 = load(sm + 4 * s);
      FloatVector m0 = load(sm + M + 4 * s);
      FloatVector a0 = load(out + 4 * s);
      FloatVector d1 = PAIR ? load(sm + 4 * (s + N)) : d0;
      FloatVector m1 = PAIR ? load(sm + M + 4 * (s + N)) : m0;
      FloatVector a1 = PAIR ? load(out + 4 * (s + N)) : a0;
      for (int b = 0; b < 2; b++) {
        IntVector h0 = u8(h + ROWS * b + s).lanewise(VectorOperators.LSHL, BIT + 4);
        IntVector h1 = PAIR ? u8(h + ROWS * b + s + N).lanewise(VectorOperators.LSHL, BIT + 4) : h0;
        for (int k = 0; k < 8; k++) {
          int j = 8 * b + k;
          long at = ROWS * j + s;
          a0 = fifth(q + at, BIT - shift, h0, d0, m0).fma(splatAt(x + 4 * j), a0);
          h0 = h0.lanewise(VectorOperators.LSHR, 1);
          if (PAIR) {
            a1 = fifth(q + at + N, BIT - shift, h1, d1, m1).fma(splatAt(x + 4 * j), a1);
            h1 = h1.lanewise(VectorOperators.LSHR, 1);
          }
        }
      }
      store(a0, out + 4 * s);
      if (PAIR) {
        store(a1, out + 4 * (s + N));
      }
    }
  }

  private static void fifthOf8Copy(long q, int shift, long h, long sm, long out) {
    for (int s = 0; s < ROWS; s += N) {
      FloatVector d0 = load(sm + 4 * s);
      FloatVector m0 = load(sm + M + 4 * s);
      for (int b = 0; b < 2; b++) {
        IntVector h0 = u8(h + ROWS * b + s).lanewise(VectorOperators.LSHL, BIT + 4);
        for (int k = 0; k < 8; k++) {
          int j = 8 * b + k;
          long at = ROWS * j + s;
          store(fifth(q + at, BIT - shift, h0, d0, m0), out + 4 * at);
          h0 = h0.lanewise(VectorOperators.LSHR, 1);
        }
      }
    }
  }

  private static FloatVector plane(
      long q, int up, int mask, long h, int hUp, int hMask, FloatVector d, FloatVector m) {
    IntVector low = u8(q).lanewise(VectorOperators.LSHL, up).and(mask).or(ONE);
    IntVector high = u8(h).lanewise(VectorOperators.LSHL, hUp).and(hMask);
    return low.or(high).reinterpretAsFloats().fma(d, m);
  }

  /** {@code q >>> shift & mask | (h >>> hShift & hMask) << width}, a byte of each per column. */
  static void planes(
      boolean dot,
      long q,
      int n,
      int shift,
      int mask,
      long h,
      int hShift,
      int hMask,
      int width,
      long sm,
      long x,
      long out) {
    if (dot) {
      planesDot(q, n, shift, mask, h, hShift, hMask, width, sm, x, out);
    } else {
      planesCopy(q, n, shift, mask, h, hShift, hMask, width, sm, out);
    }
  }

  private static void planesDot(
      long q,
      int n,
      int shift,
      int mask,
      long h,
      int hShift,
      int hMask,
      int width,
      long sm,
      long x,
      long out) {
    for (int s = 0; s < ROWS; s += STEP) {
      FloatVector d0 = load(sm + 4 * s);
      FloatVector m0 = load(sm + M + 4 * s);
      FloatVector a0 = load(out + 4 * s);
      FloatVector d1 = PAIR ? load(sm + 4 * (s + N)) : d0;
      FloatVector m1 = PAIR ? load(sm + M + 4 * (s + N)) : m0;
      FloatVector a1 = PAIR ? load(out + 4 * (s + N)) : a0;
      for (int j = 0; j < n; j++) {
        long at = ROWS * j + s;
        a0 =
            plane(
                    q + at,
                    BIT - shift,
                    mask << BIT,
                    h + at,
                    BIT + width - hShift,
                    hMask << BIT + width,
                    d0,
                    m0)
                .fma(splatAt(x + 4 * j), a0);
        if (PAIR) {
          a1 =
              plane(
                      q + at + N,
                      BIT - shift,
                      mask << BIT,
                      h + at + N,
                      BIT + width - hShift,
                      hMask << BIT + width,
                      d1,
                      m1)
                  .fma(splatAt(x + 4 * j), a1);
        }
      }
      store(a0, out + 4 * s);
      if (PAIR) {
        store(a1, out + 4 * (s + N));
      }
    }
  }

  private static void planesCopy(
      long q,
      int n,
      int shift,
      int mask,
      long h,
      int hShift,
      int hMask,
      int width,
      long sm,
      long out) {
    for (int s = 0; s < ROWS; s += N) {
      FloatVector d0 = load(sm + 4 * s);
      FloatVector m0 = load(sm + M + 4 * s);
      for (int j = 0; j < n; j++) {
        long at = ROWS * j + s;
        store(
            plane(
                q + at,
                BIT - shift,
                mask << BIT,
                h + at,
                BIT + width - hShift,
                hMask << BIT + width,
                d0,
                m0),
            out + 4 * at);
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

  private static FloatVector level(long q, int shift, FloatVector d) {
    return toFloat(level(u8(q).lanewise(VectorOperators.LSHR, shift).and(15))).mul(d);
  }

  /** Nibbles that index the grid of IQ4_NL; d as it is. */
  static void levels(boolean dot, long q, int n, int shift, long sm, long x, long out) {
    if (dot) {
      levelsDot(q, n, shift, sm, x, out);
    } else {
      levelsCopy(q, n, shift, sm, out);
    }
  }

  private static void levelsDot(long q, int n, int shift, long sm, long x, long out) {
    for (int s = 0; s < ROWS; s += STEP) {
      FloatVector d0 = load(sm + 4 * s);
      FloatVector a0 = load(out + 4 * s);
      FloatVector d1 = PAIR ? load(sm + 4 * (s + N)) : d0;
      FloatVector a1 = PAIR ? load(out + 4 * (s + N)) : a0;
      for (int j = 0; j < n; j++) {
        long at = ROWS * j + s;
        a0 = level(q + at, shift, d0).fma(splatAt(x + 4 * j), a0);
        if (PAIR) {
          a1 = level(q + at + N, shift, d1).fma(splatAt(x + 4 * j), a1);
        }
      }
      store(a0, out + 4 * s);
      if (PAIR) {
        store(a1, out + 4 * (s + N));
      }
    }
  }

  private static void levelsCopy(long q, int n, int shift, long sm, long out) {
    for (int s = 0; s < ROWS; s += N) {
      FloatVector d0 = load(sm + 4 * s);
      for (int j = 0; j < n; j++) {
        long at = ROWS * j + s;
        store(level(q + at, shift, d0), out + 4 * at);
      }
    }
  }
}
