package org.gatun.backend.jvm;

import static java.nio.ByteOrder.LITTLE_ENDIAN;
import static jdk.incubator.vector.VectorOperators.B2I;
import static jdk.incubator.vector.VectorOperators.GE;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.ZERO_EXTEND_S2I;
import static org.gatun.backend.jvm.Lanes.ADDRESS;
import static org.gatun.backend.jvm.Lanes.ALL;
import static org.gatun.backend.jvm.Lanes.B;
import static org.gatun.backend.jvm.Lanes.F;
import static org.gatun.backend.jvm.Lanes.I;
import static org.gatun.backend.jvm.Lanes.INDEX;
import static org.gatun.backend.jvm.Lanes.N;
import static org.gatun.backend.jvm.Lanes.ROWS;
import static org.gatun.backend.jvm.Lanes.S;

import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;

/**
 * Runs of columns that share their scales: {@code w = q · d + m}. With {@code dot}, {@code out}
 * holds {@link Lanes#UNIT} sums, to which {@code w · x} is added column by column. A multiply-add
 * waits four cycles for the one before it in the same sum; {@link Lanes#CHAINS} sums of different
 * rows in turn hide that. Without {@code dot}, {@code w} of one group is written to {@code
 * out[column][16]}. The two are separate methods, for a vector that depends on a flag is an object;
 * {@link Fields} says why they call nothing but the API.
 *
 * <p>Unsigned q become floats without a conversion: q of b bits at the top of a mantissa is the
 * number {@code 1 + q / 2^b}, so {@code w = (1 + q / 2^b) · 2^b d + (m − 2^b d)}; {@link Fields}
 * computes these two factors for a span of {@code 2^b}. A word of {@link BlockLayout} is shifted
 * left column by column, so that the quantum of the next column comes to that place.
 *
 * <p>Parameters that all share: {@code q} the first of the (low) words, {@code gs} bytes between
 * two groups, {@code runs} runs one after another of {@code n} columns, {@code bits} of a quantum,
 * {@code sm} scales, {@code 2 · }{@link #M} bytes per run, {@code x} activations.
 */
final class Runs {
  /** Bytes from the factors to the offsets in {@code sm}. */
  static final int M = 4 * Lanes.UNIT;

  /** Bytes of a vector. */
  private static final int V = 4 * N;

  /** Bytes from a word to the next of the same row. */
  private static final int WORD = 2 * ROWS;

  /** Bits of a mantissa. */
  private static final int MANTISSA = 23;

  private static final IntVector ONE = IntVector.broadcast(I, 0x3F800000);
  private static final int[] LEVELS = {
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113
  };
  private static final IntVector LEVELS_0 = IntVector.fromArray(I, LEVELS, 0);
  private static final IntVector LEVELS_1 = IntVector.fromArray(I, LEVELS, N % 16);
  private static final IntVector LEVELS_2 = IntVector.fromArray(I, LEVELS, 2 * N % 16);
  private static final IntVector LEVELS_3 = IntVector.fromArray(I, LEVELS, 3 * N % 16);

  private Runs() {}

  /** {@link Lanes#UNIT} zero sums. */
  static void clear(long y) {
    for (int c = 0; c < Lanes.CHAINS; c++) {
      FloatVector.zero(F).intoMemorySegment(ALL, y + 4L * N * c & ADDRESS, LITTLE_ENDIAN);
    }
  }

  /** Adds {@link Lanes#UNIT} sums to others. */
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
    return dot ? Lanes.CHAINS : ROWS / N;
  }

  /** Where the sums (with {@code dot}) or the column's weights go. */
  static long at(boolean dot, long out, int column) {
    return dot ? out : out + 4L * ROWS * column;
  }

  /** Signed bytes: {@code q · d}, d as it is. */
  static void signed(boolean dot, long q, long gs, int n, long sm, long x, long out) {
    if (dot) {
      signedDot(q, gs, n, sm, x, out);
    } else {
      signedCopy(q, n, sm, out);
    }
  }

  private static void signedDot(long q, long gs, int n, long sm, long x, long out) {
    long q0 = q + Lanes.chain(0, gs, 1) & ADDRESS;
    long q1 = q + Lanes.chain(1, gs, 1) & ADDRESS;
    long q2 = q + Lanes.chain(2, gs, 1) & ADDRESS;
    long q3 = q + Lanes.chain(3, gs, 1) & ADDRESS;
    x &= ADDRESS;
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
    for (int j = 0; j < n; j++) {
      long at = (long) ROWS * (j & INDEX);
      FloatVector xj = FloatVector.broadcast(F, ALL.get(Lanes.F32, x + 4L * (j & INDEX)));
      a0 =
          ((FloatVector)
                  ((IntVector)
                          ByteVector.fromMemorySegment(B, ALL, q0 + at, LITTLE_ENDIAN)
                              .convertShape(B2I, I, 0))
                      .convertShape(I2F, F, 0))
              .mul(d0)
              .fma(xj, a0);
      a1 =
          ((FloatVector)
                  ((IntVector)
                          ByteVector.fromMemorySegment(B, ALL, q1 + at, LITTLE_ENDIAN)
                              .convertShape(B2I, I, 0))
                      .convertShape(I2F, F, 0))
              .mul(d1)
              .fma(xj, a1);
      a2 =
          ((FloatVector)
                  ((IntVector)
                          ByteVector.fromMemorySegment(B, ALL, q2 + at, LITTLE_ENDIAN)
                              .convertShape(B2I, I, 0))
                      .convertShape(I2F, F, 0))
              .mul(d2)
              .fma(xj, a2);
      a3 =
          ((FloatVector)
                  ((IntVector)
                          ByteVector.fromMemorySegment(B, ALL, q3 + at, LITTLE_ENDIAN)
                              .convertShape(B2I, I, 0))
                      .convertShape(I2F, F, 0))
              .mul(d3)
              .fma(xj, a3);
    }
    a0.intoMemorySegment(ALL, out + 0 * V, LITTLE_ENDIAN);
    a1.intoMemorySegment(ALL, out + 1 * V, LITTLE_ENDIAN);
    a2.intoMemorySegment(ALL, out + 2 * V, LITTLE_ENDIAN);
    a3.intoMemorySegment(ALL, out + 3 * V, LITTLE_ENDIAN);
  }

  private static void signedCopy(long q, int n, long sm, long out) {
    for (int s = 0; s < ROWS; s += N) {
      FloatVector d = FloatVector.fromMemorySegment(F, ALL, sm + 4 * s, LITTLE_ENDIAN);
      for (int j = 0; j < n; j++) {
        long at = ROWS * j + s;
        ((FloatVector)
                ((IntVector)
                        ByteVector.fromMemorySegment(B, ALL, (q + at & ADDRESS), LITTLE_ENDIAN)
                            .convertShape(B2I, I, 0))
                    .convertShape(I2F, F, 0))
            .mul(d)
            .intoMemorySegment(ALL, (out + 4 * at & ADDRESS), LITTLE_ENDIAN);
      }
    }
  }

  /** One plane: {@code bits} is 2 or 4. */
  static void plane(
      boolean dot, long q, long gs, int runs, int n, int bits, long sm, long x, long out) {
    if (dot) {
      if (bits == 4) {
        nibblesDot(q, gs, runs, n, sm, x, out);
      } else {
        planeDot(q, gs, runs, n, bits, sm, x, out);
      }
    } else {
      planeCopy(q, runs, n, bits, sm, out);
    }
  }

  private static void planeDot(
      long q, long gs, int runs, int n, int bits, long sm, long x, long out) {
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
      long q0 = q + Lanes.chain(0, gs, 2) & ADDRESS;
      long q1 = q + Lanes.chain(1, gs, 2) & ADDRESS;
      long q2 = q + Lanes.chain(2, gs, 2) & ADDRESS;
      long q3 = q + Lanes.chain(3, gs, 2) & ADDRESS;
      for (int j = 0; j < n / per; j++) {
        long at = (long) WORD * (j & INDEX);
        long xs = x + 4L * per * j & ADDRESS;
        IntVector w0 =
            ((IntVector)
                    ShortVector.fromMemorySegment(S, ALL, q0 + at, LITTLE_ENDIAN)
                        .convertShape(ZERO_EXTEND_S2I, I, 0))
                .lanewise(LSHL, MANTISSA - 16);
        IntVector w1 =
            ((IntVector)
                    ShortVector.fromMemorySegment(S, ALL, q1 + at, LITTLE_ENDIAN)
                        .convertShape(ZERO_EXTEND_S2I, I, 0))
                .lanewise(LSHL, MANTISSA - 16);
        IntVector w2 =
            ((IntVector)
                    ShortVector.fromMemorySegment(S, ALL, q2 + at, LITTLE_ENDIAN)
                        .convertShape(ZERO_EXTEND_S2I, I, 0))
                .lanewise(LSHL, MANTISSA - 16);
        IntVector w3 =
            ((IntVector)
                    ShortVector.fromMemorySegment(S, ALL, q3 + at, LITTLE_ENDIAN)
                        .convertShape(ZERO_EXTEND_S2I, I, 0))
                .lanewise(LSHL, MANTISSA - 16);
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
      q += (long) WORD * (n / per);
      x += 4L * n;
      sm = sm + 2 * M & ADDRESS;
    }
    a0.intoMemorySegment(ALL, out + 0 * V, LITTLE_ENDIAN);
    a1.intoMemorySegment(ALL, out + 1 * V, LITTLE_ENDIAN);
    a2.intoMemorySegment(ALL, out + 2 * V, LITTLE_ENDIAN);
    a3.intoMemorySegment(ALL, out + 3 * V, LITTLE_ENDIAN);
  }

  private static void nibblesDot(long q, long gs, int runs, int n, long sm, long x, long out) {
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
      long q0 = q + Lanes.chain(0, gs, 2) & ADDRESS;
      long q1 = q + Lanes.chain(1, gs, 2) & ADDRESS;
      long q2 = q + Lanes.chain(2, gs, 2) & ADDRESS;
      long q3 = q + Lanes.chain(3, gs, 2) & ADDRESS;
      for (int j = 0; j < n / per; j++) {
        long at = (long) WORD * (j & INDEX);
        long xs = x + 4L * per * j & ADDRESS;
        IntVector w0 =
            ((IntVector)
                    ShortVector.fromMemorySegment(S, ALL, q0 + at, LITTLE_ENDIAN)
                        .convertShape(ZERO_EXTEND_S2I, I, 0))
                .lanewise(LSHL, MANTISSA - 16);
        IntVector w1 =
            ((IntVector)
                    ShortVector.fromMemorySegment(S, ALL, q1 + at, LITTLE_ENDIAN)
                        .convertShape(ZERO_EXTEND_S2I, I, 0))
                .lanewise(LSHL, MANTISSA - 16);
        IntVector w2 =
            ((IntVector)
                    ShortVector.fromMemorySegment(S, ALL, q2 + at, LITTLE_ENDIAN)
                        .convertShape(ZERO_EXTEND_S2I, I, 0))
                .lanewise(LSHL, MANTISSA - 16);
        IntVector w3 =
            ((IntVector)
                    ShortVector.fromMemorySegment(S, ALL, q3 + at, LITTLE_ENDIAN)
                        .convertShape(ZERO_EXTEND_S2I, I, 0))
                .lanewise(LSHL, MANTISSA - 16);
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
      q += (long) WORD * (n / per);
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
    int per = 16 / bits;
    for (int s = 0; s < ROWS; s += N) {
      long at = q + 2 * s;
      long to = out + 4 * s;
      for (int r = 0; r < runs; r++) {
        FloatVector d =
            FloatVector.fromMemorySegment(F, ALL, sm + r * 2 * M + 4 * s, LITTLE_ENDIAN);
        FloatVector m =
            FloatVector.fromMemorySegment(F, ALL, sm + r * 2 * M + M + 4 * s, LITTLE_ENDIAN);
        for (int j = 0; j < n; j += per) {
          IntVector w =
              ((IntVector)
                      ShortVector.fromMemorySegment(S, ALL, (at & ADDRESS), LITTLE_ENDIAN)
                          .convertShape(ZERO_EXTEND_S2I, I, 0))
                  .lanewise(LSHL, MANTISSA - 16);
          for (int k = 0; k < per; k++) {
            w.and(mask)
                .or(ONE)
                .reinterpretAsFloats()
                .fma(d, m)
                .intoMemorySegment(ALL, to & ADDRESS, LITTLE_ENDIAN);
            w = w.lanewise(LSHL, bits);
            to += 4 * ROWS;
          }
          at += WORD;
        }
      }
    }
  }

  /** Two planes: {@code high} more bits, 1 or 2, from the words at {@code h}. */
  static void planes(
      boolean dot,
      long q,
      long gs,
      int runs,
      int n,
      int bits,
      long h,
      int high,
      long sm,
      long x,
      long out) {
    if (dot) {
      if (bits == 4 && high == 1) {
        nibbles1Dot(q, gs, runs, n, h, sm, x, out);
      } else if (bits == 4 && high == 2) {
        nibbles2Dot(q, gs, runs, n, h, sm, x, out);
      } else {
        planesDot(q, gs, runs, n, bits, h, high, sm, x, out);
      }
    } else {
      planesCopy(q, runs, n, bits, h, high, sm, out);
    }
  }

  private static void planesDot(
      long q, long gs, int runs, int n, int bits, long h, int high, long sm, long x, long out) {
    IntVector mask = IntVector.broadcast(I, (1 << bits) - 1 << MANTISSA - high - bits);
    IntVector top = IntVector.broadcast(I, (1 << high) - 1 << MANTISSA - high);
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
      for (int i = 0; i < n; i += 16 / high) {
        IntVector h0 =
            ((IntVector)
                    ShortVector.fromMemorySegment(
                            S, ALL, (h + Lanes.chain(0, gs, 2) & ADDRESS), LITTLE_ENDIAN)
                        .convertShape(ZERO_EXTEND_S2I, I, 0))
                .lanewise(LSHL, MANTISSA - 16);
        IntVector h1 =
            ((IntVector)
                    ShortVector.fromMemorySegment(
                            S, ALL, (h + Lanes.chain(1, gs, 2) & ADDRESS), LITTLE_ENDIAN)
                        .convertShape(ZERO_EXTEND_S2I, I, 0))
                .lanewise(LSHL, MANTISSA - 16);
        IntVector h2 =
            ((IntVector)
                    ShortVector.fromMemorySegment(
                            S, ALL, (h + Lanes.chain(2, gs, 2) & ADDRESS), LITTLE_ENDIAN)
                        .convertShape(ZERO_EXTEND_S2I, I, 0))
                .lanewise(LSHL, MANTISSA - 16);
        IntVector h3 =
            ((IntVector)
                    ShortVector.fromMemorySegment(
                            S, ALL, (h + Lanes.chain(3, gs, 2) & ADDRESS), LITTLE_ENDIAN)
                        .convertShape(ZERO_EXTEND_S2I, I, 0))
                .lanewise(LSHL, MANTISSA - 16);
        long q0 = q + Lanes.chain(0, gs, 2) & ADDRESS;
        long q1 = q + Lanes.chain(1, gs, 2) & ADDRESS;
        long q2 = q + Lanes.chain(2, gs, 2) & ADDRESS;
        long q3 = q + Lanes.chain(3, gs, 2) & ADDRESS;
        for (int j = 0; j < 16 / high / per; j++) {
          long at = (long) WORD * (j & INDEX);
          long xs = x + 4L * per * j & ADDRESS;
          IntVector w0 =
              ((IntVector)
                      ShortVector.fromMemorySegment(S, ALL, q0 + at, LITTLE_ENDIAN)
                          .convertShape(ZERO_EXTEND_S2I, I, 0))
                  .lanewise(LSHL, MANTISSA - 16 - high);
          IntVector w1 =
              ((IntVector)
                      ShortVector.fromMemorySegment(S, ALL, q1 + at, LITTLE_ENDIAN)
                          .convertShape(ZERO_EXTEND_S2I, I, 0))
                  .lanewise(LSHL, MANTISSA - 16 - high);
          IntVector w2 =
              ((IntVector)
                      ShortVector.fromMemorySegment(S, ALL, q2 + at, LITTLE_ENDIAN)
                          .convertShape(ZERO_EXTEND_S2I, I, 0))
                  .lanewise(LSHL, MANTISSA - 16 - high);
          IntVector w3 =
              ((IntVector)
                      ShortVector.fromMemorySegment(S, ALL, q3 + at, LITTLE_ENDIAN)
                          .convertShape(ZERO_EXTEND_S2I, I, 0))
                  .lanewise(LSHL, MANTISSA - 16 - high);
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
        q += (long) WORD * (16 / high / per);
        x += 4L * (16 / high);
        h += WORD;
      }
      sm = sm + 2 * M & ADDRESS;
    }
    a0.intoMemorySegment(ALL, out + 0 * V, LITTLE_ENDIAN);
    a1.intoMemorySegment(ALL, out + 1 * V, LITTLE_ENDIAN);
    a2.intoMemorySegment(ALL, out + 2 * V, LITTLE_ENDIAN);
    a3.intoMemorySegment(ALL, out + 3 * V, LITTLE_ENDIAN);
  }

  private static void nibbles1Dot(
      long q, long gs, int runs, int n, long h, long sm, long x, long out) {
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
        IntVector h0 =
            ((IntVector)
                    ShortVector.fromMemorySegment(
                            S, ALL, (h + Lanes.chain(0, gs, 2) & ADDRESS), LITTLE_ENDIAN)
                        .convertShape(ZERO_EXTEND_S2I, I, 0))
                .lanewise(LSHL, MANTISSA - 16);
        IntVector h1 =
            ((IntVector)
                    ShortVector.fromMemorySegment(
                            S, ALL, (h + Lanes.chain(1, gs, 2) & ADDRESS), LITTLE_ENDIAN)
                        .convertShape(ZERO_EXTEND_S2I, I, 0))
                .lanewise(LSHL, MANTISSA - 16);
        IntVector h2 =
            ((IntVector)
                    ShortVector.fromMemorySegment(
                            S, ALL, (h + Lanes.chain(2, gs, 2) & ADDRESS), LITTLE_ENDIAN)
                        .convertShape(ZERO_EXTEND_S2I, I, 0))
                .lanewise(LSHL, MANTISSA - 16);
        IntVector h3 =
            ((IntVector)
                    ShortVector.fromMemorySegment(
                            S, ALL, (h + Lanes.chain(3, gs, 2) & ADDRESS), LITTLE_ENDIAN)
                        .convertShape(ZERO_EXTEND_S2I, I, 0))
                .lanewise(LSHL, MANTISSA - 16);
        long q0 = q + Lanes.chain(0, gs, 2) & ADDRESS;
        long q1 = q + Lanes.chain(1, gs, 2) & ADDRESS;
        long q2 = q + Lanes.chain(2, gs, 2) & ADDRESS;
        long q3 = q + Lanes.chain(3, gs, 2) & ADDRESS;
        for (int j = 0; j < 16 / high / per; j++) {
          long at = (long) WORD * (j & INDEX);
          long xs = x + 4L * per * j & ADDRESS;
          IntVector w0 =
              ((IntVector)
                      ShortVector.fromMemorySegment(S, ALL, q0 + at, LITTLE_ENDIAN)
                          .convertShape(ZERO_EXTEND_S2I, I, 0))
                  .lanewise(LSHL, MANTISSA - 16 - high);
          IntVector w1 =
              ((IntVector)
                      ShortVector.fromMemorySegment(S, ALL, q1 + at, LITTLE_ENDIAN)
                          .convertShape(ZERO_EXTEND_S2I, I, 0))
                  .lanewise(LSHL, MANTISSA - 16 - high);
          IntVector w2 =
              ((IntVector)
                      ShortVector.fromMemorySegment(S, ALL, q2 + at, LITTLE_ENDIAN)
                          .convertShape(ZERO_EXTEND_S2I, I, 0))
                  .lanewise(LSHL, MANTISSA - 16 - high);
          IntVector w3 =
              ((IntVector)
                      ShortVector.fromMemorySegment(S, ALL, q3 + at, LITTLE_ENDIAN)
                          .convertShape(ZERO_EXTEND_S2I, I, 0))
                  .lanewise(LSHL, MANTISSA - 16 - high);
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
        q += (long) WORD * (16 / high / per);
        x += 4L * (16 / high);
        h += WORD;
      }
      sm = sm + 2 * M & ADDRESS;
    }
    a0.intoMemorySegment(ALL, out + 0 * V, LITTLE_ENDIAN);
    a1.intoMemorySegment(ALL, out + 1 * V, LITTLE_ENDIAN);
    a2.intoMemorySegment(ALL, out + 2 * V, LITTLE_ENDIAN);
    a3.intoMemorySegment(ALL, out + 3 * V, LITTLE_ENDIAN);
  }

  private static void nibbles2Dot(
      long q, long gs, int runs, int n, long h, long sm, long x, long out) {
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
        IntVector h0 =
            ((IntVector)
                    ShortVector.fromMemorySegment(
                            S, ALL, (h + Lanes.chain(0, gs, 2) & ADDRESS), LITTLE_ENDIAN)
                        .convertShape(ZERO_EXTEND_S2I, I, 0))
                .lanewise(LSHL, MANTISSA - 16);
        IntVector h1 =
            ((IntVector)
                    ShortVector.fromMemorySegment(
                            S, ALL, (h + Lanes.chain(1, gs, 2) & ADDRESS), LITTLE_ENDIAN)
                        .convertShape(ZERO_EXTEND_S2I, I, 0))
                .lanewise(LSHL, MANTISSA - 16);
        IntVector h2 =
            ((IntVector)
                    ShortVector.fromMemorySegment(
                            S, ALL, (h + Lanes.chain(2, gs, 2) & ADDRESS), LITTLE_ENDIAN)
                        .convertShape(ZERO_EXTEND_S2I, I, 0))
                .lanewise(LSHL, MANTISSA - 16);
        IntVector h3 =
            ((IntVector)
                    ShortVector.fromMemorySegment(
                            S, ALL, (h + Lanes.chain(3, gs, 2) & ADDRESS), LITTLE_ENDIAN)
                        .convertShape(ZERO_EXTEND_S2I, I, 0))
                .lanewise(LSHL, MANTISSA - 16);
        long q0 = q + Lanes.chain(0, gs, 2) & ADDRESS;
        long q1 = q + Lanes.chain(1, gs, 2) & ADDRESS;
        long q2 = q + Lanes.chain(2, gs, 2) & ADDRESS;
        long q3 = q + Lanes.chain(3, gs, 2) & ADDRESS;
        for (int j = 0; j < 16 / high / per; j++) {
          long at = (long) WORD * (j & INDEX);
          long xs = x + 4L * per * j & ADDRESS;
          IntVector w0 =
              ((IntVector)
                      ShortVector.fromMemorySegment(S, ALL, q0 + at, LITTLE_ENDIAN)
                          .convertShape(ZERO_EXTEND_S2I, I, 0))
                  .lanewise(LSHL, MANTISSA - 16 - high);
          IntVector w1 =
              ((IntVector)
                      ShortVector.fromMemorySegment(S, ALL, q1 + at, LITTLE_ENDIAN)
                          .convertShape(ZERO_EXTEND_S2I, I, 0))
                  .lanewise(LSHL, MANTISSA - 16 - high);
          IntVector w2 =
              ((IntVector)
                      ShortVector.fromMemorySegment(S, ALL, q2 + at, LITTLE_ENDIAN)
                          .convertShape(ZERO_EXTEND_S2I, I, 0))
                  .lanewise(LSHL, MANTISSA - 16 - high);
          IntVector w3 =
              ((IntVector)
                      ShortVector.fromMemorySegment(S, ALL, q3 + at, LITTLE_ENDIAN)
                          .convertShape(ZERO_EXTEND_S2I, I, 0))
                  .lanewise(LSHL, MANTISSA - 16 - high);
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
        q += (long) WORD * (16 / high / per);
        x += 4L * (16 / high);
        h += WORD;
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
    for (int s = 0; s < ROWS; s += N) {
      long low = q + 2 * s;
      long up = h + 2 * s;
      long to = out + 4 * s;
      for (int r = 0; r < runs; r++) {
        FloatVector d =
            FloatVector.fromMemorySegment(F, ALL, sm + r * 2 * M + 4 * s, LITTLE_ENDIAN);
        FloatVector m =
            FloatVector.fromMemorySegment(F, ALL, sm + r * 2 * M + M + 4 * s, LITTLE_ENDIAN);
        for (int i = 0; i < n; i += 16 / high) {
          IntVector hh =
              ((IntVector)
                      ShortVector.fromMemorySegment(S, ALL, (up & ADDRESS), LITTLE_ENDIAN)
                          .convertShape(ZERO_EXTEND_S2I, I, 0))
                  .lanewise(LSHL, MANTISSA - 16);
          for (int j = 0; j < 16 / high; j += per) {
            IntVector w =
                ((IntVector)
                        ShortVector.fromMemorySegment(S, ALL, (low & ADDRESS), LITTLE_ENDIAN)
                            .convertShape(ZERO_EXTEND_S2I, I, 0))
                    .lanewise(LSHL, MANTISSA - 16 - high);
            for (int k = 0; k < per; k++) {
              w.and(mask)
                  .or(hh.and(top))
                  .or(ONE)
                  .reinterpretAsFloats()
                  .fma(d, m)
                  .intoMemorySegment(ALL, to & ADDRESS, LITTLE_ENDIAN);
              w = w.lanewise(LSHL, bits);
              hh = hh.lanewise(LSHL, high);
              to += 4 * ROWS;
            }
            low += WORD;
          }
          up += WORD;
        }
      }
    }
  }

  /** Nibbles that index the grid of IQ4_NL; d as it is. */
  static void levels(boolean dot, long q, long gs, int n, long sm, long x, long out) {
    if (dot) {
      levelsDot(q, gs, n, sm, x, out);
    } else {
      levelsCopy(q, n, sm, out);
    }
  }

  private static void levelsDot(long q, long gs, int n, long sm, long x, long out) {
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
    long q0 = q + Lanes.chain(0, gs, 2) & ADDRESS;
    long q1 = q + Lanes.chain(1, gs, 2) & ADDRESS;
    long q2 = q + Lanes.chain(2, gs, 2) & ADDRESS;
    long q3 = q + Lanes.chain(3, gs, 2) & ADDRESS;
    for (int j = 0; j < n / 4; j++) {
      long at = (long) WORD * (j & INDEX);
      long xs = x + 16L * j & ADDRESS;
      IntVector w0 =
          ((IntVector)
                  ShortVector.fromMemorySegment(S, ALL, q0 + at, LITTLE_ENDIAN)
                      .convertShape(ZERO_EXTEND_S2I, I, 0))
              .lanewise(LSHL, 16);
      IntVector w1 =
          ((IntVector)
                  ShortVector.fromMemorySegment(S, ALL, q1 + at, LITTLE_ENDIAN)
                      .convertShape(ZERO_EXTEND_S2I, I, 0))
              .lanewise(LSHL, 16);
      IntVector w2 =
          ((IntVector)
                  ShortVector.fromMemorySegment(S, ALL, q2 + at, LITTLE_ENDIAN)
                      .convertShape(ZERO_EXTEND_S2I, I, 0))
              .lanewise(LSHL, 16);
      IntVector w3 =
          ((IntVector)
                  ShortVector.fromMemorySegment(S, ALL, q3 + at, LITTLE_ENDIAN)
                      .convertShape(ZERO_EXTEND_S2I, I, 0))
              .lanewise(LSHL, 16);
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
    for (int s = 0; s < ROWS; s += N) {
      long at = q + 2 * s;
      long to = out + 4 * s;
      FloatVector d = FloatVector.fromMemorySegment(F, ALL, sm + 4 * s, LITTLE_ENDIAN);
      for (int j = 0; j < n; j += 4) {
        IntVector w =
            ((IntVector)
                    ShortVector.fromMemorySegment(S, ALL, (at & ADDRESS), LITTLE_ENDIAN)
                        .convertShape(ZERO_EXTEND_S2I, I, 0))
                .lanewise(LSHL, 16);
        for (int k = 0; k < 4; k++) {
          ((FloatVector) level(w.lanewise(LSHR, 28)).convertShape(I2F, F, 0))
              .mul(d)
              .intoMemorySegment(ALL, to & ADDRESS, LITTLE_ENDIAN);
          w = w.lanewise(LSHL, 4);
          to += 4 * ROWS;
        }
        at += WORD;
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
