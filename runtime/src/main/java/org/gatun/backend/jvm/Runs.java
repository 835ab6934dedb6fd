package org.gatun.backend.jvm;

import static java.nio.ByteOrder.LITTLE_ENDIAN;
import static jdk.incubator.vector.VectorOperators.GE;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.XOR;
import static org.gatun.backend.jvm.Lanes.ADDRESS;
import static org.gatun.backend.jvm.Lanes.ALL;
import static org.gatun.backend.jvm.Lanes.F;
import static org.gatun.backend.jvm.Lanes.I;
import static org.gatun.backend.jvm.Lanes.INDEX;
import static org.gatun.backend.jvm.Lanes.N;
import static org.gatun.backend.jvm.Lanes.ROWS;
import static org.gatun.backend.jvm.Lanes.STRIP;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/**
 * Runs of columns that share their scales: {@code w = q · d + m}. With {@code dot}, {@code out}
 * holds {@link Lanes#ROWS} sums, to which {@code w · x} is added column by column. A multiply-add
 * waits four cycles for the one before it in the same sum; {@link Lanes#CHAINS} sums of different
 * rows in turn hide that. Without {@code dot}, {@code w} of sixteen rows from {@code lane} on is
 * written to {@code out[column][16]}. The two are separate methods, for a vector that depends on a
 * flag is an object; {@link Fields} says why they call nothing but the API.
 *
 * <p>The common widths of quanta have loops of their own, alike but for their constants: with
 * widths in variables products from cache were measured 9 % (Q4_K), 24 % (Q5_0) and 28 % (Q6_K)
 * slower.
 *
 * <p>Unsigned q become floats without a conversion: q of b bits at the top of a mantissa is the
 * number {@code 1 + q / 2^b}, so {@code w = (1 + q / 2^b) · 2^b d + (m − 2^b d)}; {@link Fields}
 * computes these two factors for a span of {@code 2^b}. A word of {@link BlockLayout} is shifted
 * left column by column, so that the quantum of the next column comes to that place.
 *
 * <p>Parameters that all share: {@code q} the first of the (low) words, {@code lane} the first row
 * of a copy, {@code runs} runs one after another of {@code n} columns, {@code bits} of a quantum,
 * {@code sm} scales, {@code 2 · }{@link #M} bytes per run, {@code x} activations.
 */
final class Runs {
  /** Bytes from the factors to the offsets in {@code sm}. */
  static final int M = 4 * ROWS;

  /** Where {@link Ahead} writes: behind the factors of two runs and what kernels keep there. */
  static final int SINK = 8 * M;

  /** Bytes of a vector. */
  private static final int V = 4 * N;

  /** Bytes from a word to the next of the same row. */
  private static final int WORD = 4 * ROWS;

  /** Bits of a mantissa. */
  private static final int MANTISSA = 23;

  private static final IntVector ONE = IntVector.broadcast(I, 0x3F800000);

  /** Turns the sign bit of a byte at the top of a mantissa: 1 + (q + 128) / 256. */
  private static final int SIGNED_ONE = 0x3F800000 | 1 << MANTISSA - 1;

  private static final IntVector SIGNED = IntVector.broadcast(I, SIGNED_ONE);
  private static final int[] LEVELS = {
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113
  };
  private static final IntVector LEVELS_0 = IntVector.fromArray(I, LEVELS, 0);
  private static final IntVector LEVELS_1 = IntVector.fromArray(I, LEVELS, N % 16);
  private static final IntVector LEVELS_2 = IntVector.fromArray(I, LEVELS, 2 * N % 16);
  private static final IntVector LEVELS_3 = IntVector.fromArray(I, LEVELS, 3 * N % 16);

  private Runs() {}

  /** {@link Lanes#ROWS} zero sums. */
  static void clear(long y) {
    for (int c = 0; c < Lanes.CHAINS; c++) {
      FloatVector.zero(F).intoMemorySegment(ALL, y + 4L * N * c & ADDRESS, LITTLE_ENDIAN);
    }
  }

  /** Adds {@link Lanes#ROWS} sums to others. */
  static void add(long from, long y) {
    for (int c = 0; c < Lanes.CHAINS; c++) {
      long at = 4L * N * c;
      FloatVector a = FloatVector.fromMemorySegment(F, ALL, from + at & ADDRESS, LITTLE_ENDIAN);
      FloatVector b = FloatVector.fromMemorySegment(F, ALL, y + at & ADDRESS, LITTLE_ENDIAN);
      a.add(b).intoMemorySegment(ALL, y + at & ADDRESS, LITTLE_ENDIAN);
    }
  }

  /** Vectors of scales that a run needs. */
  static int vectors(boolean dot) {
    return dot ? Lanes.CHAINS : STRIP / N;
  }

  /** Where the sums (with {@code dot}) or the column's weights go. */
  static long at(boolean dot, long out, int column) {
    return dot ? out : out + 4L * STRIP * column;
  }

  /** One plane: {@code bits} is 2 or 4, or 8 for signed bytes, to which 128 is added. */
  static void plane(
      boolean dot, long q, int lane, int runs, int n, int bits, long sm, long x, long out) {
    if (dot) {
      Ahead.touch(q, ROWS * runs * n * bits / 8, sm + SINK);
      if (bits == 4) {
        nibblesDot(q, runs, n, sm, x, out);
      } else if (bits == 8) {
        bytesDot(q, runs, n, sm, x, out);
      } else {
        planeDot(q, runs, n, bits, sm, x, out);
      }
    } else {
      Ahead.probe(q + ROWS * runs * n * bits / 8, sm + SINK);
      planeCopy(q + 4 * lane, runs, n, bits, sm, out);
    }
  }

  private static void planeDot(long q, int runs, int n, int bits, long sm, long x, long out) {
    IntVector mask = IntVector.broadcast(I, (1 << bits) - 1 << MANTISSA - bits);
    int per = 16 / bits;
    sm &= ADDRESS;
    out &= ADDRESS;
    FloatVector a0 = FloatVector.fromMemorySegment(F, ALL, out + 0 * V, LITTLE_ENDIAN);
    FloatVector a1 = FloatVector.fromMemorySegment(F, ALL, out + 1 * V, LITTLE_ENDIAN);
    FloatVector a2 = FloatVector.fromMemorySegment(F, ALL, out + 2 * V, LITTLE_ENDIAN);
    FloatVector a3 = FloatVector.fromMemorySegment(F, ALL, out + 3 * V, LITTLE_ENDIAN);
    for (int r = 0; r < runs; r++) {
      FloatVector d0 = FloatVector.fromMemorySegment(F, ALL, sm + 0 * V, LITTLE_ENDIAN);
      FloatVector d1 = FloatVector.fromMemorySegment(F, ALL, sm + 1 * V, LITTLE_ENDIAN);
      FloatVector d2 = FloatVector.fromMemorySegment(F, ALL, sm + 2 * V, LITTLE_ENDIAN);
      FloatVector d3 = FloatVector.fromMemorySegment(F, ALL, sm + 3 * V, LITTLE_ENDIAN);
      FloatVector m0 = FloatVector.fromMemorySegment(F, ALL, sm + M + 0 * V, LITTLE_ENDIAN);
      FloatVector m1 = FloatVector.fromMemorySegment(F, ALL, sm + M + 1 * V, LITTLE_ENDIAN);
      FloatVector m2 = FloatVector.fromMemorySegment(F, ALL, sm + M + 2 * V, LITTLE_ENDIAN);
      FloatVector m3 = FloatVector.fromMemorySegment(F, ALL, sm + M + 3 * V, LITTLE_ENDIAN);
      long q0 = q + 0 * V & ADDRESS;
      long q1 = q + 1 * V & ADDRESS;
      long q2 = q + 2 * V & ADDRESS;
      long q3 = q + 3 * V & ADDRESS;
      for (int j = 0; j < n / per; j++) {
        long at = (long) WORD * (j >> 1 & INDEX);
        int half = 16 * (j & 1);
        long xs = x + 4L * per * j & ADDRESS;
        IntVector w0 =
            IntVector.fromMemorySegment(I, ALL, q0 + at, LITTLE_ENDIAN)
                .lanewise(LSHL, half)
                .lanewise(LSHR, 32 - MANTISSA);
        IntVector w1 =
            IntVector.fromMemorySegment(I, ALL, q1 + at, LITTLE_ENDIAN)
                .lanewise(LSHL, half)
                .lanewise(LSHR, 32 - MANTISSA);
        IntVector w2 =
            IntVector.fromMemorySegment(I, ALL, q2 + at, LITTLE_ENDIAN)
                .lanewise(LSHL, half)
                .lanewise(LSHR, 32 - MANTISSA);
        IntVector w3 =
            IntVector.fromMemorySegment(I, ALL, q3 + at, LITTLE_ENDIAN)
                .lanewise(LSHL, half)
                .lanewise(LSHR, 32 - MANTISSA);
        for (int k = 0; k < per; k++) {
          FloatVector xj = FloatVector.broadcast(F, ALL.get(Lanes.F32, xs + 4L * (k & 7)));
          a0 = w0.and(mask).or(ONE).reinterpretAsFloats().fma(d0, m0).fma(xj, a0);
          w0 = w0.lanewise(LSHL, bits);
          a1 = w1.and(mask).or(ONE).reinterpretAsFloats().fma(d1, m1).fma(xj, a1);
          w1 = w1.lanewise(LSHL, bits);
          a2 = w2.and(mask).or(ONE).reinterpretAsFloats().fma(d2, m2).fma(xj, a2);
          w2 = w2.lanewise(LSHL, bits);
          a3 = w3.and(mask).or(ONE).reinterpretAsFloats().fma(d3, m3).fma(xj, a3);
          w3 = w3.lanewise(LSHL, bits);
        }
      }
      q += (long) WORD / 2 * (n / per);
      x += 4L * n;
      sm = sm + 2 * M & ADDRESS;
    }
    a0.intoMemorySegment(ALL, out + 0 * V, LITTLE_ENDIAN);
    a1.intoMemorySegment(ALL, out + 1 * V, LITTLE_ENDIAN);
    a2.intoMemorySegment(ALL, out + 2 * V, LITTLE_ENDIAN);
    a3.intoMemorySegment(ALL, out + 3 * V, LITTLE_ENDIAN);
  }

  private static void nibblesDot(long q, int runs, int n, long sm, long x, long out) {
    final int bits = 4;
    IntVector mask = IntVector.broadcast(I, (1 << bits) - 1 << MANTISSA - bits);
    final int per = 4;
    sm &= ADDRESS;
    out &= ADDRESS;
    FloatVector a0 = FloatVector.fromMemorySegment(F, ALL, out + 0 * V, LITTLE_ENDIAN);
    FloatVector a1 = FloatVector.fromMemorySegment(F, ALL, out + 1 * V, LITTLE_ENDIAN);
    FloatVector a2 = FloatVector.fromMemorySegment(F, ALL, out + 2 * V, LITTLE_ENDIAN);
    FloatVector a3 = FloatVector.fromMemorySegment(F, ALL, out + 3 * V, LITTLE_ENDIAN);
    for (int r = 0; r < runs; r++) {
      FloatVector d0 = FloatVector.fromMemorySegment(F, ALL, sm + 0 * V, LITTLE_ENDIAN);
      FloatVector d1 = FloatVector.fromMemorySegment(F, ALL, sm + 1 * V, LITTLE_ENDIAN);
      FloatVector d2 = FloatVector.fromMemorySegment(F, ALL, sm + 2 * V, LITTLE_ENDIAN);
      FloatVector d3 = FloatVector.fromMemorySegment(F, ALL, sm + 3 * V, LITTLE_ENDIAN);
      FloatVector m0 = FloatVector.fromMemorySegment(F, ALL, sm + M + 0 * V, LITTLE_ENDIAN);
      FloatVector m1 = FloatVector.fromMemorySegment(F, ALL, sm + M + 1 * V, LITTLE_ENDIAN);
      FloatVector m2 = FloatVector.fromMemorySegment(F, ALL, sm + M + 2 * V, LITTLE_ENDIAN);
      FloatVector m3 = FloatVector.fromMemorySegment(F, ALL, sm + M + 3 * V, LITTLE_ENDIAN);
      long q0 = q + 0 * V & ADDRESS;
      long q1 = q + 1 * V & ADDRESS;
      long q2 = q + 2 * V & ADDRESS;
      long q3 = q + 3 * V & ADDRESS;
      for (int j = 0; j < n / per; j++) {
        long at = (long) WORD * (j >> 1 & INDEX);
        int half = 16 * (j & 1);
        long xs = x + 4L * per * j & ADDRESS;
        IntVector w0 =
            IntVector.fromMemorySegment(I, ALL, q0 + at, LITTLE_ENDIAN)
                .lanewise(LSHL, half)
                .lanewise(LSHR, 32 - MANTISSA);
        IntVector w1 =
            IntVector.fromMemorySegment(I, ALL, q1 + at, LITTLE_ENDIAN)
                .lanewise(LSHL, half)
                .lanewise(LSHR, 32 - MANTISSA);
        IntVector w2 =
            IntVector.fromMemorySegment(I, ALL, q2 + at, LITTLE_ENDIAN)
                .lanewise(LSHL, half)
                .lanewise(LSHR, 32 - MANTISSA);
        IntVector w3 =
            IntVector.fromMemorySegment(I, ALL, q3 + at, LITTLE_ENDIAN)
                .lanewise(LSHL, half)
                .lanewise(LSHR, 32 - MANTISSA);
        for (int k = 0; k < per; k++) {
          FloatVector xj = FloatVector.broadcast(F, ALL.get(Lanes.F32, xs + 4L * (k & 7)));
          a0 = w0.and(mask).or(ONE).reinterpretAsFloats().fma(d0, m0).fma(xj, a0);
          w0 = w0.lanewise(LSHL, bits);
          a1 = w1.and(mask).or(ONE).reinterpretAsFloats().fma(d1, m1).fma(xj, a1);
          w1 = w1.lanewise(LSHL, bits);
          a2 = w2.and(mask).or(ONE).reinterpretAsFloats().fma(d2, m2).fma(xj, a2);
          w2 = w2.lanewise(LSHL, bits);
          a3 = w3.and(mask).or(ONE).reinterpretAsFloats().fma(d3, m3).fma(xj, a3);
          w3 = w3.lanewise(LSHL, bits);
        }
      }
      q += (long) WORD / 2 * (n / per);
      x += 4L * n;
      sm = sm + 2 * M & ADDRESS;
    }
    a0.intoMemorySegment(ALL, out + 0 * V, LITTLE_ENDIAN);
    a1.intoMemorySegment(ALL, out + 1 * V, LITTLE_ENDIAN);
    a2.intoMemorySegment(ALL, out + 2 * V, LITTLE_ENDIAN);
    a3.intoMemorySegment(ALL, out + 3 * V, LITTLE_ENDIAN);
  }

  private static void bytesDot(long q, int runs, int n, long sm, long x, long out) {
    final int bits = 8;
    IntVector mask = IntVector.broadcast(I, (1 << bits) - 1 << MANTISSA - bits);
    final int per = 2;
    sm &= ADDRESS;
    out &= ADDRESS;
    FloatVector a0 = FloatVector.fromMemorySegment(F, ALL, out + 0 * V, LITTLE_ENDIAN);
    FloatVector a1 = FloatVector.fromMemorySegment(F, ALL, out + 1 * V, LITTLE_ENDIAN);
    FloatVector a2 = FloatVector.fromMemorySegment(F, ALL, out + 2 * V, LITTLE_ENDIAN);
    FloatVector a3 = FloatVector.fromMemorySegment(F, ALL, out + 3 * V, LITTLE_ENDIAN);
    for (int r = 0; r < runs; r++) {
      FloatVector d0 = FloatVector.fromMemorySegment(F, ALL, sm + 0 * V, LITTLE_ENDIAN);
      FloatVector d1 = FloatVector.fromMemorySegment(F, ALL, sm + 1 * V, LITTLE_ENDIAN);
      FloatVector d2 = FloatVector.fromMemorySegment(F, ALL, sm + 2 * V, LITTLE_ENDIAN);
      FloatVector d3 = FloatVector.fromMemorySegment(F, ALL, sm + 3 * V, LITTLE_ENDIAN);
      FloatVector m0 = FloatVector.fromMemorySegment(F, ALL, sm + M + 0 * V, LITTLE_ENDIAN);
      FloatVector m1 = FloatVector.fromMemorySegment(F, ALL, sm + M + 1 * V, LITTLE_ENDIAN);
      FloatVector m2 = FloatVector.fromMemorySegment(F, ALL, sm + M + 2 * V, LITTLE_ENDIAN);
      FloatVector m3 = FloatVector.fromMemorySegment(F, ALL, sm + M + 3 * V, LITTLE_ENDIAN);
      long q0 = q + 0 * V & ADDRESS;
      long q1 = q + 1 * V & ADDRESS;
      long q2 = q + 2 * V & ADDRESS;
      long q3 = q + 3 * V & ADDRESS;
      for (int j = 0; j < n / per; j++) {
        long at = (long) WORD * (j >> 1 & INDEX);
        int half = 16 * (j & 1);
        long xs = x + 4L * per * j & ADDRESS;
        IntVector w0 =
            IntVector.fromMemorySegment(I, ALL, q0 + at, LITTLE_ENDIAN)
                .lanewise(LSHL, half)
                .lanewise(LSHR, 32 - MANTISSA);
        IntVector w1 =
            IntVector.fromMemorySegment(I, ALL, q1 + at, LITTLE_ENDIAN)
                .lanewise(LSHL, half)
                .lanewise(LSHR, 32 - MANTISSA);
        IntVector w2 =
            IntVector.fromMemorySegment(I, ALL, q2 + at, LITTLE_ENDIAN)
                .lanewise(LSHL, half)
                .lanewise(LSHR, 32 - MANTISSA);
        IntVector w3 =
            IntVector.fromMemorySegment(I, ALL, q3 + at, LITTLE_ENDIAN)
                .lanewise(LSHL, half)
                .lanewise(LSHR, 32 - MANTISSA);
        for (int k = 0; k < per; k++) {
          FloatVector xj = FloatVector.broadcast(F, ALL.get(Lanes.F32, xs + 4L * (k & 7)));
          a0 = w0.and(mask).lanewise(XOR, SIGNED).reinterpretAsFloats().fma(d0, m0).fma(xj, a0);
          w0 = w0.lanewise(LSHL, bits);
          a1 = w1.and(mask).lanewise(XOR, SIGNED).reinterpretAsFloats().fma(d1, m1).fma(xj, a1);
          w1 = w1.lanewise(LSHL, bits);
          a2 = w2.and(mask).lanewise(XOR, SIGNED).reinterpretAsFloats().fma(d2, m2).fma(xj, a2);
          w2 = w2.lanewise(LSHL, bits);
          a3 = w3.and(mask).lanewise(XOR, SIGNED).reinterpretAsFloats().fma(d3, m3).fma(xj, a3);
          w3 = w3.lanewise(LSHL, bits);
        }
      }
      q += (long) WORD / 2 * (n / per);
      x += 4L * n;
      sm = sm + 2 * M & ADDRESS;
    }
    a0.intoMemorySegment(ALL, out + 0 * V, LITTLE_ENDIAN);
    a1.intoMemorySegment(ALL, out + 1 * V, LITTLE_ENDIAN);
    a2.intoMemorySegment(ALL, out + 2 * V, LITTLE_ENDIAN);
    a3.intoMemorySegment(ALL, out + 3 * V, LITTLE_ENDIAN);
  }

  private static void planeCopy(long q, int runs, int n, int bits, long sm, long out) {
    IntVector mask = IntVector.broadcast(I, (1 << bits) - 1 << MANTISSA - bits);
    IntVector one = IntVector.broadcast(I, bits == 8 ? SIGNED_ONE : 0x3F800000);
    int per = 16 / bits;
    for (int s = 0; s < STRIP; s += N) {
      long at = q + 4 * s;
      long to = out + 4 * s;
      int halves = 0;
      for (int r = 0; r < runs; r++) {
        FloatVector d =
            FloatVector.fromMemorySegment(F, ALL, sm + r * 2 * M + 4 * s, LITTLE_ENDIAN);
        FloatVector m =
            FloatVector.fromMemorySegment(F, ALL, sm + r * 2 * M + M + 4 * s, LITTLE_ENDIAN);
        for (int j = 0; j < n; j += per) {
          IntVector w =
              IntVector.fromMemorySegment(
                      I, ALL, at + (long) WORD * (halves >> 1) & ADDRESS, LITTLE_ENDIAN)
                  .lanewise(LSHL, 16 * (halves & 1))
                  .lanewise(LSHR, 32 - MANTISSA);
          for (int k = 0; k < per; k++) {
            w.and(mask)
                .lanewise(XOR, one)
                .reinterpretAsFloats()
                .fma(d, m)
                .intoMemorySegment(ALL, to & ADDRESS, LITTLE_ENDIAN);
            w = w.lanewise(LSHL, bits);
            to += 4 * STRIP;
          }
          halves++;
        }
      }
    }
  }

  /** Two planes: {@code high} more bits, 1 or 2, from the words at {@code h}. */
  static void planes(
      boolean dot,
      long q,
      int lane,
      int runs,
      int n,
      int bits,
      long h,
      int high,
      long sm,
      long x,
      long out) {
    if (dot) {
      Ahead.touch(q, ROWS * runs * n * bits / 8, sm + SINK);
      Ahead.touch(h, ROWS * runs * n * high / 8, sm + SINK);
      if (bits == 4 && high == 1) {
        nibbles1Dot(q, runs, n, h, sm, x, out);
      } else if (bits == 4 && high == 2) {
        nibbles2Dot(q, runs, n, h, sm, x, out);
      } else {
        planesDot(q, runs, n, bits, h, high, sm, x, out);
      }
    } else {
      Ahead.probe(h + ROWS * runs * n * high / 8, sm + SINK);
      planesCopy(q + 4 * lane, runs, n, bits, h + 4 * lane, high, sm, out);
    }
  }

  private static void planesDot(
      long q, int runs, int n, int bits, long h, int high, long sm, long x, long out) {
    IntVector mask = IntVector.broadcast(I, (1 << bits) - 1 << MANTISSA - high - bits);
    IntVector top = IntVector.broadcast(I, (1 << high) - 1 << MANTISSA - high);
    int per = 16 / bits;
    sm &= ADDRESS;
    out &= ADDRESS;
    FloatVector a0 = FloatVector.fromMemorySegment(F, ALL, out + 0 * V, LITTLE_ENDIAN);
    FloatVector a1 = FloatVector.fromMemorySegment(F, ALL, out + 1 * V, LITTLE_ENDIAN);
    FloatVector a2 = FloatVector.fromMemorySegment(F, ALL, out + 2 * V, LITTLE_ENDIAN);
    FloatVector a3 = FloatVector.fromMemorySegment(F, ALL, out + 3 * V, LITTLE_ENDIAN);
    int halves = 0;
    for (int r = 0; r < runs; r++) {
      FloatVector d0 = FloatVector.fromMemorySegment(F, ALL, sm + 0 * V, LITTLE_ENDIAN);
      FloatVector d1 = FloatVector.fromMemorySegment(F, ALL, sm + 1 * V, LITTLE_ENDIAN);
      FloatVector d2 = FloatVector.fromMemorySegment(F, ALL, sm + 2 * V, LITTLE_ENDIAN);
      FloatVector d3 = FloatVector.fromMemorySegment(F, ALL, sm + 3 * V, LITTLE_ENDIAN);
      FloatVector m0 = FloatVector.fromMemorySegment(F, ALL, sm + M + 0 * V, LITTLE_ENDIAN);
      FloatVector m1 = FloatVector.fromMemorySegment(F, ALL, sm + M + 1 * V, LITTLE_ENDIAN);
      FloatVector m2 = FloatVector.fromMemorySegment(F, ALL, sm + M + 2 * V, LITTLE_ENDIAN);
      FloatVector m3 = FloatVector.fromMemorySegment(F, ALL, sm + M + 3 * V, LITTLE_ENDIAN);
      for (int i = 0; i < n; i += 16 / high) {
        long up = (long) WORD * (halves >> 1);
        int upHalf = 16 * (halves & 1);
        IntVector h0 =
            IntVector.fromMemorySegment(I, ALL, h + V * 0 + up & ADDRESS, LITTLE_ENDIAN)
                .lanewise(LSHL, upHalf)
                .lanewise(LSHR, 32 - MANTISSA);
        IntVector h1 =
            IntVector.fromMemorySegment(I, ALL, h + V * 1 + up & ADDRESS, LITTLE_ENDIAN)
                .lanewise(LSHL, upHalf)
                .lanewise(LSHR, 32 - MANTISSA);
        IntVector h2 =
            IntVector.fromMemorySegment(I, ALL, h + V * 2 + up & ADDRESS, LITTLE_ENDIAN)
                .lanewise(LSHL, upHalf)
                .lanewise(LSHR, 32 - MANTISSA);
        IntVector h3 =
            IntVector.fromMemorySegment(I, ALL, h + V * 3 + up & ADDRESS, LITTLE_ENDIAN)
                .lanewise(LSHL, upHalf)
                .lanewise(LSHR, 32 - MANTISSA);
        long q0 = q + 0 * V & ADDRESS;
        long q1 = q + 1 * V & ADDRESS;
        long q2 = q + 2 * V & ADDRESS;
        long q3 = q + 3 * V & ADDRESS;
        for (int j = 0; j < 16 / high / per; j++) {
          long at = (long) WORD * (j >> 1 & INDEX);
          int half = 16 * (j & 1);
          long xs = x + 4L * per * j & ADDRESS;
          IntVector w0 =
              IntVector.fromMemorySegment(I, ALL, q0 + at, LITTLE_ENDIAN)
                  .lanewise(LSHL, half)
                  .lanewise(LSHR, 32 - MANTISSA + high);
          IntVector w1 =
              IntVector.fromMemorySegment(I, ALL, q1 + at, LITTLE_ENDIAN)
                  .lanewise(LSHL, half)
                  .lanewise(LSHR, 32 - MANTISSA + high);
          IntVector w2 =
              IntVector.fromMemorySegment(I, ALL, q2 + at, LITTLE_ENDIAN)
                  .lanewise(LSHL, half)
                  .lanewise(LSHR, 32 - MANTISSA + high);
          IntVector w3 =
              IntVector.fromMemorySegment(I, ALL, q3 + at, LITTLE_ENDIAN)
                  .lanewise(LSHL, half)
                  .lanewise(LSHR, 32 - MANTISSA + high);
          for (int k = 0; k < per; k++) {
            FloatVector xj = FloatVector.broadcast(F, ALL.get(Lanes.F32, xs + 4L * (k & 7)));
            a0 = w0.and(mask).or(h0.and(top)).or(ONE).reinterpretAsFloats().fma(d0, m0).fma(xj, a0);
            w0 = w0.lanewise(LSHL, bits);
            h0 = h0.lanewise(LSHL, high);
            a1 = w1.and(mask).or(h1.and(top)).or(ONE).reinterpretAsFloats().fma(d1, m1).fma(xj, a1);
            w1 = w1.lanewise(LSHL, bits);
            h1 = h1.lanewise(LSHL, high);
            a2 = w2.and(mask).or(h2.and(top)).or(ONE).reinterpretAsFloats().fma(d2, m2).fma(xj, a2);
            w2 = w2.lanewise(LSHL, bits);
            h2 = h2.lanewise(LSHL, high);
            a3 = w3.and(mask).or(h3.and(top)).or(ONE).reinterpretAsFloats().fma(d3, m3).fma(xj, a3);
            w3 = w3.lanewise(LSHL, bits);
            h3 = h3.lanewise(LSHL, high);
          }
        }
        q += (long) WORD / 2 * (16 / high / per);
        x += 4L * (16 / high);
        halves++;
      }
      sm = sm + 2 * M & ADDRESS;
    }
    a0.intoMemorySegment(ALL, out + 0 * V, LITTLE_ENDIAN);
    a1.intoMemorySegment(ALL, out + 1 * V, LITTLE_ENDIAN);
    a2.intoMemorySegment(ALL, out + 2 * V, LITTLE_ENDIAN);
    a3.intoMemorySegment(ALL, out + 3 * V, LITTLE_ENDIAN);
  }

  private static void nibbles1Dot(long q, int runs, int n, long h, long sm, long x, long out) {
    final int bits = 4;
    final int high = 1;
    IntVector mask = IntVector.broadcast(I, (1 << bits) - 1 << MANTISSA - high - bits);
    IntVector top = IntVector.broadcast(I, (1 << high) - 1 << MANTISSA - high);
    final int per = 4;
    sm &= ADDRESS;
    out &= ADDRESS;
    FloatVector a0 = FloatVector.fromMemorySegment(F, ALL, out + 0 * V, LITTLE_ENDIAN);
    FloatVector a1 = FloatVector.fromMemorySegment(F, ALL, out + 1 * V, LITTLE_ENDIAN);
    FloatVector a2 = FloatVector.fromMemorySegment(F, ALL, out + 2 * V, LITTLE_ENDIAN);
    FloatVector a3 = FloatVector.fromMemorySegment(F, ALL, out + 3 * V, LITTLE_ENDIAN);
    int halves = 0;
    for (int r = 0; r < runs; r++) {
      FloatVector d0 = FloatVector.fromMemorySegment(F, ALL, sm + 0 * V, LITTLE_ENDIAN);
      FloatVector d1 = FloatVector.fromMemorySegment(F, ALL, sm + 1 * V, LITTLE_ENDIAN);
      FloatVector d2 = FloatVector.fromMemorySegment(F, ALL, sm + 2 * V, LITTLE_ENDIAN);
      FloatVector d3 = FloatVector.fromMemorySegment(F, ALL, sm + 3 * V, LITTLE_ENDIAN);
      FloatVector m0 = FloatVector.fromMemorySegment(F, ALL, sm + M + 0 * V, LITTLE_ENDIAN);
      FloatVector m1 = FloatVector.fromMemorySegment(F, ALL, sm + M + 1 * V, LITTLE_ENDIAN);
      FloatVector m2 = FloatVector.fromMemorySegment(F, ALL, sm + M + 2 * V, LITTLE_ENDIAN);
      FloatVector m3 = FloatVector.fromMemorySegment(F, ALL, sm + M + 3 * V, LITTLE_ENDIAN);
      for (int i = 0; i < n; i += 16 / high) {
        long up = (long) WORD * (halves >> 1);
        int upHalf = 16 * (halves & 1);
        IntVector h0 =
            IntVector.fromMemorySegment(I, ALL, h + V * 0 + up & ADDRESS, LITTLE_ENDIAN)
                .lanewise(LSHL, upHalf)
                .lanewise(LSHR, 32 - MANTISSA);
        IntVector h1 =
            IntVector.fromMemorySegment(I, ALL, h + V * 1 + up & ADDRESS, LITTLE_ENDIAN)
                .lanewise(LSHL, upHalf)
                .lanewise(LSHR, 32 - MANTISSA);
        IntVector h2 =
            IntVector.fromMemorySegment(I, ALL, h + V * 2 + up & ADDRESS, LITTLE_ENDIAN)
                .lanewise(LSHL, upHalf)
                .lanewise(LSHR, 32 - MANTISSA);
        IntVector h3 =
            IntVector.fromMemorySegment(I, ALL, h + V * 3 + up & ADDRESS, LITTLE_ENDIAN)
                .lanewise(LSHL, upHalf)
                .lanewise(LSHR, 32 - MANTISSA);
        long q0 = q + 0 * V & ADDRESS;
        long q1 = q + 1 * V & ADDRESS;
        long q2 = q + 2 * V & ADDRESS;
        long q3 = q + 3 * V & ADDRESS;
        for (int j = 0; j < 16 / high / per; j++) {
          long at = (long) WORD * (j >> 1 & INDEX);
          int half = 16 * (j & 1);
          long xs = x + 4L * per * j & ADDRESS;
          IntVector w0 =
              IntVector.fromMemorySegment(I, ALL, q0 + at, LITTLE_ENDIAN)
                  .lanewise(LSHL, half)
                  .lanewise(LSHR, 32 - MANTISSA + high);
          IntVector w1 =
              IntVector.fromMemorySegment(I, ALL, q1 + at, LITTLE_ENDIAN)
                  .lanewise(LSHL, half)
                  .lanewise(LSHR, 32 - MANTISSA + high);
          IntVector w2 =
              IntVector.fromMemorySegment(I, ALL, q2 + at, LITTLE_ENDIAN)
                  .lanewise(LSHL, half)
                  .lanewise(LSHR, 32 - MANTISSA + high);
          IntVector w3 =
              IntVector.fromMemorySegment(I, ALL, q3 + at, LITTLE_ENDIAN)
                  .lanewise(LSHL, half)
                  .lanewise(LSHR, 32 - MANTISSA + high);
          for (int k = 0; k < per; k++) {
            FloatVector xj = FloatVector.broadcast(F, ALL.get(Lanes.F32, xs + 4L * (k & 7)));
            a0 = w0.and(mask).or(h0.and(top)).or(ONE).reinterpretAsFloats().fma(d0, m0).fma(xj, a0);
            w0 = w0.lanewise(LSHL, bits);
            h0 = h0.lanewise(LSHL, high);
            a1 = w1.and(mask).or(h1.and(top)).or(ONE).reinterpretAsFloats().fma(d1, m1).fma(xj, a1);
            w1 = w1.lanewise(LSHL, bits);
            h1 = h1.lanewise(LSHL, high);
            a2 = w2.and(mask).or(h2.and(top)).or(ONE).reinterpretAsFloats().fma(d2, m2).fma(xj, a2);
            w2 = w2.lanewise(LSHL, bits);
            h2 = h2.lanewise(LSHL, high);
            a3 = w3.and(mask).or(h3.and(top)).or(ONE).reinterpretAsFloats().fma(d3, m3).fma(xj, a3);
            w3 = w3.lanewise(LSHL, bits);
            h3 = h3.lanewise(LSHL, high);
          }
        }
        q += (long) WORD / 2 * (16 / high / per);
        x += 4L * (16 / high);
        halves++;
      }
      sm = sm + 2 * M & ADDRESS;
    }
    a0.intoMemorySegment(ALL, out + 0 * V, LITTLE_ENDIAN);
    a1.intoMemorySegment(ALL, out + 1 * V, LITTLE_ENDIAN);
    a2.intoMemorySegment(ALL, out + 2 * V, LITTLE_ENDIAN);
    a3.intoMemorySegment(ALL, out + 3 * V, LITTLE_ENDIAN);
  }

  private static void nibbles2Dot(long q, int runs, int n, long h, long sm, long x, long out) {
    final int bits = 4;
    final int high = 2;
    IntVector mask = IntVector.broadcast(I, (1 << bits) - 1 << MANTISSA - high - bits);
    IntVector top = IntVector.broadcast(I, (1 << high) - 1 << MANTISSA - high);
    final int per = 4;
    sm &= ADDRESS;
    out &= ADDRESS;
    FloatVector a0 = FloatVector.fromMemorySegment(F, ALL, out + 0 * V, LITTLE_ENDIAN);
    FloatVector a1 = FloatVector.fromMemorySegment(F, ALL, out + 1 * V, LITTLE_ENDIAN);
    FloatVector a2 = FloatVector.fromMemorySegment(F, ALL, out + 2 * V, LITTLE_ENDIAN);
    FloatVector a3 = FloatVector.fromMemorySegment(F, ALL, out + 3 * V, LITTLE_ENDIAN);
    int halves = 0;
    for (int r = 0; r < runs; r++) {
      FloatVector d0 = FloatVector.fromMemorySegment(F, ALL, sm + 0 * V, LITTLE_ENDIAN);
      FloatVector d1 = FloatVector.fromMemorySegment(F, ALL, sm + 1 * V, LITTLE_ENDIAN);
      FloatVector d2 = FloatVector.fromMemorySegment(F, ALL, sm + 2 * V, LITTLE_ENDIAN);
      FloatVector d3 = FloatVector.fromMemorySegment(F, ALL, sm + 3 * V, LITTLE_ENDIAN);
      FloatVector m0 = FloatVector.fromMemorySegment(F, ALL, sm + M + 0 * V, LITTLE_ENDIAN);
      FloatVector m1 = FloatVector.fromMemorySegment(F, ALL, sm + M + 1 * V, LITTLE_ENDIAN);
      FloatVector m2 = FloatVector.fromMemorySegment(F, ALL, sm + M + 2 * V, LITTLE_ENDIAN);
      FloatVector m3 = FloatVector.fromMemorySegment(F, ALL, sm + M + 3 * V, LITTLE_ENDIAN);
      for (int i = 0; i < n; i += 16 / high) {
        long up = (long) WORD * (halves >> 1);
        int upHalf = 16 * (halves & 1);
        IntVector h0 =
            IntVector.fromMemorySegment(I, ALL, h + V * 0 + up & ADDRESS, LITTLE_ENDIAN)
                .lanewise(LSHL, upHalf)
                .lanewise(LSHR, 32 - MANTISSA);
        IntVector h1 =
            IntVector.fromMemorySegment(I, ALL, h + V * 1 + up & ADDRESS, LITTLE_ENDIAN)
                .lanewise(LSHL, upHalf)
                .lanewise(LSHR, 32 - MANTISSA);
        IntVector h2 =
            IntVector.fromMemorySegment(I, ALL, h + V * 2 + up & ADDRESS, LITTLE_ENDIAN)
                .lanewise(LSHL, upHalf)
                .lanewise(LSHR, 32 - MANTISSA);
        IntVector h3 =
            IntVector.fromMemorySegment(I, ALL, h + V * 3 + up & ADDRESS, LITTLE_ENDIAN)
                .lanewise(LSHL, upHalf)
                .lanewise(LSHR, 32 - MANTISSA);
        long q0 = q + 0 * V & ADDRESS;
        long q1 = q + 1 * V & ADDRESS;
        long q2 = q + 2 * V & ADDRESS;
        long q3 = q + 3 * V & ADDRESS;
        for (int j = 0; j < 16 / high / per; j++) {
          long at = (long) WORD * (j >> 1 & INDEX);
          int half = 16 * (j & 1);
          long xs = x + 4L * per * j & ADDRESS;
          IntVector w0 =
              IntVector.fromMemorySegment(I, ALL, q0 + at, LITTLE_ENDIAN)
                  .lanewise(LSHL, half)
                  .lanewise(LSHR, 32 - MANTISSA + high);
          IntVector w1 =
              IntVector.fromMemorySegment(I, ALL, q1 + at, LITTLE_ENDIAN)
                  .lanewise(LSHL, half)
                  .lanewise(LSHR, 32 - MANTISSA + high);
          IntVector w2 =
              IntVector.fromMemorySegment(I, ALL, q2 + at, LITTLE_ENDIAN)
                  .lanewise(LSHL, half)
                  .lanewise(LSHR, 32 - MANTISSA + high);
          IntVector w3 =
              IntVector.fromMemorySegment(I, ALL, q3 + at, LITTLE_ENDIAN)
                  .lanewise(LSHL, half)
                  .lanewise(LSHR, 32 - MANTISSA + high);
          for (int k = 0; k < per; k++) {
            FloatVector xj = FloatVector.broadcast(F, ALL.get(Lanes.F32, xs + 4L * (k & 7)));
            a0 = w0.and(mask).or(h0.and(top)).or(ONE).reinterpretAsFloats().fma(d0, m0).fma(xj, a0);
            w0 = w0.lanewise(LSHL, bits);
            h0 = h0.lanewise(LSHL, high);
            a1 = w1.and(mask).or(h1.and(top)).or(ONE).reinterpretAsFloats().fma(d1, m1).fma(xj, a1);
            w1 = w1.lanewise(LSHL, bits);
            h1 = h1.lanewise(LSHL, high);
            a2 = w2.and(mask).or(h2.and(top)).or(ONE).reinterpretAsFloats().fma(d2, m2).fma(xj, a2);
            w2 = w2.lanewise(LSHL, bits);
            h2 = h2.lanewise(LSHL, high);
            a3 = w3.and(mask).or(h3.and(top)).or(ONE).reinterpretAsFloats().fma(d3, m3).fma(xj, a3);
            w3 = w3.lanewise(LSHL, bits);
            h3 = h3.lanewise(LSHL, high);
          }
        }
        q += (long) WORD / 2 * (16 / high / per);
        x += 4L * (16 / high);
        halves++;
      }
      sm = sm + 2 * M & ADDRESS;
    }
    a0.intoMemorySegment(ALL, out + 0 * V, LITTLE_ENDIAN);
    a1.intoMemorySegment(ALL, out + 1 * V, LITTLE_ENDIAN);
    a2.intoMemorySegment(ALL, out + 2 * V, LITTLE_ENDIAN);
    a3.intoMemorySegment(ALL, out + 3 * V, LITTLE_ENDIAN);
  }

  private static void planesCopy(
      long q, int runs, int n, int bits, long h, int high, long sm, long out) {
    IntVector mask = IntVector.broadcast(I, (1 << bits) - 1 << MANTISSA - high - bits);
    IntVector top = IntVector.broadcast(I, (1 << high) - 1 << MANTISSA - high);
    int per = 16 / bits;
    for (int s = 0; s < STRIP; s += N) {
      long low = q + 4 * s;
      long up = h + 4 * s;
      long to = out + 4 * s;
      int lows = 0;
      int ups = 0;
      for (int r = 0; r < runs; r++) {
        FloatVector d =
            FloatVector.fromMemorySegment(F, ALL, sm + r * 2 * M + 4 * s, LITTLE_ENDIAN);
        FloatVector m =
            FloatVector.fromMemorySegment(F, ALL, sm + r * 2 * M + M + 4 * s, LITTLE_ENDIAN);
        for (int i = 0; i < n; i += 16 / high) {
          IntVector hh =
              IntVector.fromMemorySegment(
                      I, ALL, up + (long) WORD * (ups >> 1) & ADDRESS, LITTLE_ENDIAN)
                  .lanewise(LSHL, 16 * (ups & 1))
                  .lanewise(LSHR, 32 - MANTISSA);
          for (int j = 0; j < 16 / high; j += per) {
            IntVector w =
                IntVector.fromMemorySegment(
                        I, ALL, low + (long) WORD * (lows >> 1) & ADDRESS, LITTLE_ENDIAN)
                    .lanewise(LSHL, 16 * (lows & 1))
                    .lanewise(LSHR, 32 - MANTISSA + high);
            for (int k = 0; k < per; k++) {
              w.and(mask)
                  .or(hh.and(top))
                  .or(ONE)
                  .reinterpretAsFloats()
                  .fma(d, m)
                  .intoMemorySegment(ALL, to & ADDRESS, LITTLE_ENDIAN);
              w = w.lanewise(LSHL, bits);
              hh = hh.lanewise(LSHL, high);
              to += 4 * STRIP;
            }
            lows++;
          }
          ups++;
        }
      }
    }
  }

  /** Nibbles that index the grid of IQ4_NL; d as it is. */
  static void levels(boolean dot, long q, int lane, int n, long sm, long x, long out) {
    if (dot) {
      Ahead.touch(q, ROWS * n / 2, sm + SINK);
      levelsDot(q, n, sm, x, out);
    } else {
      Ahead.probe(q + ROWS * n / 2, sm + SINK);
      levelsCopy(q + 4 * lane, n, sm, out);
    }
  }

  private static void levelsDot(long q, int n, long sm, long x, long out) {
    sm &= ADDRESS;
    out &= ADDRESS;
    FloatVector d0 = FloatVector.fromMemorySegment(F, ALL, sm + 0 * V, LITTLE_ENDIAN);
    FloatVector d1 = FloatVector.fromMemorySegment(F, ALL, sm + 1 * V, LITTLE_ENDIAN);
    FloatVector d2 = FloatVector.fromMemorySegment(F, ALL, sm + 2 * V, LITTLE_ENDIAN);
    FloatVector d3 = FloatVector.fromMemorySegment(F, ALL, sm + 3 * V, LITTLE_ENDIAN);
    FloatVector a0 = FloatVector.fromMemorySegment(F, ALL, out + 0 * V, LITTLE_ENDIAN);
    FloatVector a1 = FloatVector.fromMemorySegment(F, ALL, out + 1 * V, LITTLE_ENDIAN);
    FloatVector a2 = FloatVector.fromMemorySegment(F, ALL, out + 2 * V, LITTLE_ENDIAN);
    FloatVector a3 = FloatVector.fromMemorySegment(F, ALL, out + 3 * V, LITTLE_ENDIAN);
    long q0 = q + 0 * V & ADDRESS;
    long q1 = q + 1 * V & ADDRESS;
    long q2 = q + 2 * V & ADDRESS;
    long q3 = q + 3 * V & ADDRESS;
    for (int j = 0; j < n / 4; j++) {
      long at = (long) WORD * (j >> 1 & INDEX);
      int half = 16 * (j & 1);
      long xs = x + 16L * j & ADDRESS;
      IntVector w0 =
          IntVector.fromMemorySegment(I, ALL, q0 + at, LITTLE_ENDIAN).lanewise(LSHL, half);
      IntVector w1 =
          IntVector.fromMemorySegment(I, ALL, q1 + at, LITTLE_ENDIAN).lanewise(LSHL, half);
      IntVector w2 =
          IntVector.fromMemorySegment(I, ALL, q2 + at, LITTLE_ENDIAN).lanewise(LSHL, half);
      IntVector w3 =
          IntVector.fromMemorySegment(I, ALL, q3 + at, LITTLE_ENDIAN).lanewise(LSHL, half);
      for (int k = 0; k < 4; k++) {
        FloatVector xj = FloatVector.broadcast(F, ALL.get(Lanes.F32, xs + 4L * (k & 7)));
        a0 =
            ((FloatVector) level(w0.lanewise(LSHR, 28)).convertShape(I2F, F, 0))
                .mul(d0)
                .fma(xj, a0);
        w0 = w0.lanewise(LSHL, 4);
        a1 =
            ((FloatVector) level(w1.lanewise(LSHR, 28)).convertShape(I2F, F, 0))
                .mul(d1)
                .fma(xj, a1);
        w1 = w1.lanewise(LSHL, 4);
        a2 =
            ((FloatVector) level(w2.lanewise(LSHR, 28)).convertShape(I2F, F, 0))
                .mul(d2)
                .fma(xj, a2);
        w2 = w2.lanewise(LSHL, 4);
        a3 =
            ((FloatVector) level(w3.lanewise(LSHR, 28)).convertShape(I2F, F, 0))
                .mul(d3)
                .fma(xj, a3);
        w3 = w3.lanewise(LSHL, 4);
      }
    }
    a0.intoMemorySegment(ALL, out + 0 * V, LITTLE_ENDIAN);
    a1.intoMemorySegment(ALL, out + 1 * V, LITTLE_ENDIAN);
    a2.intoMemorySegment(ALL, out + 2 * V, LITTLE_ENDIAN);
    a3.intoMemorySegment(ALL, out + 3 * V, LITTLE_ENDIAN);
  }

  private static void levelsCopy(long q, int n, long sm, long out) {
    for (int s = 0; s < STRIP; s += N) {
      long at = q + 4 * s;
      long to = out + 4 * s;
      FloatVector d = FloatVector.fromMemorySegment(F, ALL, sm + 4 * s, LITTLE_ENDIAN);
      for (int j = 0; j < n; j += 4) {
        IntVector w =
            IntVector.fromMemorySegment(
                    I, ALL, at + (long) WORD * (j >> 3) & ADDRESS, LITTLE_ENDIAN)
                .lanewise(LSHL, 4 * (j & 4));
        for (int k = 0; k < 4; k++) {
          ((FloatVector) level(w.lanewise(LSHR, 28)).convertShape(I2F, F, 0))
              .mul(d)
              .intoMemorySegment(ALL, to & ADDRESS, LITTLE_ENDIAN);
          w = w.lanewise(LSHL, 4);
          to += 4 * STRIP;
        }
      }
    }
  }

  private static IntVector level(IntVector index) {
    IntVector v = index.and(N - 1).selectFrom(LEVELS_0);
    if (N < 16) {
      v = v.blend(index.and(N - 1).selectFrom(LEVELS_1), index.compare(GE, N));
    }
    if (N < 8) {
      v = v.blend(index.and(N - 1).selectFrom(LEVELS_2), index.compare(GE, 2 * N));
      v = v.blend(index.and(N - 1).selectFrom(LEVELS_3), index.compare(GE, 3 * N));
    }
    return v;
  }
}
