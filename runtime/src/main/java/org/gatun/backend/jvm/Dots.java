package org.gatun.backend.jvm;

import static java.nio.ByteOrder.LITTLE_ENDIAN;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.S2I;
import static org.gatun.backend.jvm.Lanes.ALL;
import static org.gatun.backend.jvm.Lanes.F;
import static org.gatun.backend.jvm.Lanes.HALF_MASK;
import static org.gatun.backend.jvm.Lanes.I;
import static org.gatun.backend.jvm.Lanes.N;
import static org.gatun.backend.jvm.Lanes.S;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorShuffle;

/**
 * Products of rows with rows: {@code C[m × n] = A[m × k] · B[n × k]ᵀ}, both row-major, for keys
 * that were gathered and thus cannot have lanes of their own.
 *
 * <pre>
 *   register tile: 4 rows of A × 2 rows of B, lanes along k      → halved once, partial sums [4][8][N]
 *                  (half-precision B, 512 bits: × 4 rows, halved twice, [4][4][N])
 *   then N rows of B are summed at once by more halving:         s0 … sN−1 in one vector
 * </pre>
 *
 * k is a multiple of the vector's length. Every element is one chain of fused multiply-adds per
 * lane and one fixed tree over the lanes, wherever it stands in a tile. Vectors are handled in the
 * open, for the reason that {@link Fields} gives.
 */
final class Dots {
  /** Rows of B whose partial sums are kept before they are reduced. */
  static final int KEYS = 16;

  private static final int PAIRS = KEYS / 2;

  private static final int W = 4 * N;

  private static final int HALF = N / 2;

  /** Whether there are registers for the sums of 4 × 4 rows. */
  private static final boolean QUADS = N == 16;

  /** Scratch for partial sums. */
  static final long PARTIAL_BYTES = 4L * PAIRS * W;

  private static final VectorShuffle<Float> SWAP = swap(HALF);
  private static final VectorMask<Float> HIGH = high(HALF);
  private static final VectorShuffle<Float> SWAP_4 = swap(4);
  private static final VectorShuffle<Float> SWAP_2 = swap(2);
  private static final VectorShuffle<Float> SWAP_1 = swap(1);
  private static final VectorMask<Float> HIGH_4 = high(4);
  private static final VectorMask<Float> HIGH_2 = high(2);
  private static final VectorMask<Float> HIGH_1 = high(1);

  private Dots() {}

  private static VectorShuffle<Float> swap(int distance) {
    return VectorShuffle.fromOp(Lanes.F, i -> (i ^ distance) % N);
  }

  private static VectorMask<Float> high(int distance) {
    boolean[] bits = new boolean[N];
    for (int i = 0; i < N; i++) {
      bits[i] = (i & distance) != 0;
    }
    return VectorMask.fromArray(Lanes.F, bits, 0);
  }

  /**
   * Reads whole tiles: A has room for 3 more rows, B for 16; writes C up to {@code n} rounded up to
   * 16, within rows of A.
   */
  static void rows(
      long a, long as, int m, long b, long bs, int n, int k, long c, long cs, long partial) {
    for (int j = 0; j < n; j += KEYS) {
      int keys = Math.min(KEYS, n - j);
      for (int r = 0; r < m; r += 4) {
        for (int i = 0; i < keys; i += i % N + 1 == HALF ? HALF + 1 : 1) {
          long x = b + (j + i) * bs;
          tile(a + r * as, as, x, x + HALF * bs, k, partial + (long) place(i) * W);
        }
        for (int i = r; i < Math.min(m, r + 4); i++) {
          reduce(partial + (i - r) * (long) PAIRS * W, false, c + i * cs + 4L * j);
        }
      }
    }
  }

  /**
   * The same with rows of B in half precision at the addresses {@code table[0 … n − 1]}, read in
   * place; C is {@link Lanes#HALF_SCALE_DOWN} times the products. The table has {@code n} rounded
   * up to 16 valid entries.
   */
  static void halfRows(
      long a, long as, int m, long table, int n, int k, long c, long cs, long partial) {
    for (int j = 0; j < n; j += KEYS) {
      int keys = Math.min(KEYS, n - j);
      long at = table + 8L * j;
      for (int r = 0; r < m; r += 4) {
        if (QUADS) {
          for (int i = 0; i < Math.min(keys, 4); i++) {
            halfQuad(a + r * as, as, at + 8L * i, k, partial + (long) i * W);
          }
        } else {
          for (int i = 0; i < keys; i += i % N + 1 == HALF ? HALF + 1 : 1) {
            long x = Lanes.address(at + 8L * i);
            long y = Lanes.address(at + 8L * (i + HALF));
            halfTile(a + r * as, as, x, y, k, partial + (long) place(i) * W);
          }
        }
        for (int i = r; i < Math.min(m, r + 4); i++) {
          reduce(partial + (i - r) * (long) PAIRS * W, QUADS, c + i * cs + 4L * j);
        }
      }
    }
  }

  /** Four rows of A with the keys at {@code table[0], [4], [8], [12]}, halved twice. */
  private static void halfQuad(long a, long as, long table, int k, long out) {
    long w = Lanes.address(table);
    long x = Lanes.address(table + 64);
    long y = Lanes.address(table + 32);
    long z = Lanes.address(table + 96);
    FloatVector zero = FloatVector.zero(F);
    FloatVector c00 = zero;
    FloatVector c01 = zero;
    FloatVector c02 = zero;
    FloatVector c03 = zero;
    FloatVector c10 = zero;
    FloatVector c11 = zero;
    FloatVector c12 = zero;
    FloatVector c13 = zero;
    FloatVector c20 = zero;
    FloatVector c21 = zero;
    FloatVector c22 = zero;
    FloatVector c23 = zero;
    FloatVector c30 = zero;
    FloatVector c31 = zero;
    FloatVector c32 = zero;
    FloatVector c33 = zero;
    for (int i = 0; i < k; i += N) {
      IntVector h0 =
          (IntVector)
              ShortVector.fromMemorySegment(S, ALL, w, LITTLE_ENDIAN).convertShape(S2I, I, 0);
      FloatVector b0 = h0.lanewise(LSHL, 13).and(HALF_MASK).reinterpretAsFloats();
      IntVector h1 =
          (IntVector)
              ShortVector.fromMemorySegment(S, ALL, x, LITTLE_ENDIAN).convertShape(S2I, I, 0);
      FloatVector b1 = h1.lanewise(LSHL, 13).and(HALF_MASK).reinterpretAsFloats();
      IntVector h2 =
          (IntVector)
              ShortVector.fromMemorySegment(S, ALL, y, LITTLE_ENDIAN).convertShape(S2I, I, 0);
      FloatVector b2 = h2.lanewise(LSHL, 13).and(HALF_MASK).reinterpretAsFloats();
      IntVector h3 =
          (IntVector)
              ShortVector.fromMemorySegment(S, ALL, z, LITTLE_ENDIAN).convertShape(S2I, I, 0);
      FloatVector b3 = h3.lanewise(LSHL, 13).and(HALF_MASK).reinterpretAsFloats();
      FloatVector a0 = FloatVector.fromMemorySegment(F, ALL, a, LITTLE_ENDIAN);
      c00 = a0.fma(b0, c00);
      c01 = a0.fma(b1, c01);
      c02 = a0.fma(b2, c02);
      c03 = a0.fma(b3, c03);
      FloatVector a1 = FloatVector.fromMemorySegment(F, ALL, a + as, LITTLE_ENDIAN);
      c10 = a1.fma(b0, c10);
      c11 = a1.fma(b1, c11);
      c12 = a1.fma(b2, c12);
      c13 = a1.fma(b3, c13);
      FloatVector a2 = FloatVector.fromMemorySegment(F, ALL, a + 2 * as, LITTLE_ENDIAN);
      c20 = a2.fma(b0, c20);
      c21 = a2.fma(b1, c21);
      c22 = a2.fma(b2, c22);
      c23 = a2.fma(b3, c23);
      FloatVector a3 = FloatVector.fromMemorySegment(F, ALL, a + 3 * as, LITTLE_ENDIAN);
      c30 = a3.fma(b0, c30);
      c31 = a3.fma(b1, c31);
      c32 = a3.fma(b2, c32);
      c33 = a3.fma(b3, c33);
      a += W;
      w += W / 2;
      x += W / 2;
      y += W / 2;
      z += W / 2;
    }
    FloatVector d00 = c00.blend(c01, HIGH).add(c01.blend(c00, HIGH).rearrange(SWAP));
    FloatVector d01 = c02.blend(c03, HIGH).add(c03.blend(c02, HIGH).rearrange(SWAP));
    d00.blend(d01, HIGH_4)
        .add(d01.blend(d00, HIGH_4).rearrange(SWAP_4))
        .intoMemorySegment(ALL, out, LITTLE_ENDIAN);
    FloatVector d10 = c10.blend(c11, HIGH).add(c11.blend(c10, HIGH).rearrange(SWAP));
    FloatVector d11 = c12.blend(c13, HIGH).add(c13.blend(c12, HIGH).rearrange(SWAP));
    d10.blend(d11, HIGH_4)
        .add(d11.blend(d10, HIGH_4).rearrange(SWAP_4))
        .intoMemorySegment(ALL, out + PAIRS * W, LITTLE_ENDIAN);
    FloatVector d20 = c20.blend(c21, HIGH).add(c21.blend(c20, HIGH).rearrange(SWAP));
    FloatVector d21 = c22.blend(c23, HIGH).add(c23.blend(c22, HIGH).rearrange(SWAP));
    d20.blend(d21, HIGH_4)
        .add(d21.blend(d20, HIGH_4).rearrange(SWAP_4))
        .intoMemorySegment(ALL, out + 2 * PAIRS * W, LITTLE_ENDIAN);
    FloatVector d30 = c30.blend(c31, HIGH).add(c31.blend(c30, HIGH).rearrange(SWAP));
    FloatVector d31 = c32.blend(c33, HIGH).add(c33.blend(c32, HIGH).rearrange(SWAP));
    d30.blend(d31, HIGH_4)
        .add(d31.blend(d30, HIGH_4).rearrange(SWAP_4))
        .intoMemorySegment(ALL, out + 3 * PAIRS * W, LITTLE_ENDIAN);
  }

  private static void halfTile(long a, long as, long x, long y, int k, long out) {
    FloatVector zero = FloatVector.zero(F);
    FloatVector c00 = zero;
    FloatVector c01 = zero;
    FloatVector c10 = zero;
    FloatVector c11 = zero;
    FloatVector c20 = zero;
    FloatVector c21 = zero;
    FloatVector c30 = zero;
    FloatVector c31 = zero;
    for (int i = 0; i < k; i += N) {
      IntVector h0 =
          (IntVector)
              ShortVector.fromMemorySegment(S, ALL, x, LITTLE_ENDIAN).convertShape(S2I, I, 0);
      FloatVector b0 = h0.lanewise(LSHL, 13).and(HALF_MASK).reinterpretAsFloats();
      IntVector h1 =
          (IntVector)
              ShortVector.fromMemorySegment(S, ALL, y, LITTLE_ENDIAN).convertShape(S2I, I, 0);
      FloatVector b1 = h1.lanewise(LSHL, 13).and(HALF_MASK).reinterpretAsFloats();
      FloatVector a0 = FloatVector.fromMemorySegment(F, ALL, a, LITTLE_ENDIAN);
      c00 = a0.fma(b0, c00);
      c01 = a0.fma(b1, c01);
      FloatVector a1 = FloatVector.fromMemorySegment(F, ALL, a + as, LITTLE_ENDIAN);
      c10 = a1.fma(b0, c10);
      c11 = a1.fma(b1, c11);
      FloatVector a2 = FloatVector.fromMemorySegment(F, ALL, a + 2 * as, LITTLE_ENDIAN);
      c20 = a2.fma(b0, c20);
      c21 = a2.fma(b1, c21);
      FloatVector a3 = FloatVector.fromMemorySegment(F, ALL, a + 3 * as, LITTLE_ENDIAN);
      c30 = a3.fma(b0, c30);
      c31 = a3.fma(b1, c31);
      a += W;
      x += W / 2;
      y += W / 2;
    }
    c00.blend(c01, HIGH)
        .add(c01.blend(c00, HIGH).rearrange(SWAP))
        .intoMemorySegment(ALL, out, LITTLE_ENDIAN);
    c10.blend(c11, HIGH)
        .add(c11.blend(c10, HIGH).rearrange(SWAP))
        .intoMemorySegment(ALL, out + PAIRS * W, LITTLE_ENDIAN);
    c20.blend(c21, HIGH)
        .add(c21.blend(c20, HIGH).rearrange(SWAP))
        .intoMemorySegment(ALL, out + 2 * PAIRS * W, LITTLE_ENDIAN);
    c30.blend(c31, HIGH)
        .add(c31.blend(c30, HIGH).rearrange(SWAP))
        .intoMemorySegment(ALL, out + 3 * PAIRS * W, LITTLE_ENDIAN);
  }

  private static void tile(long a, long as, long x, long y, int k, long out) {
    FloatVector zero = FloatVector.zero(F);
    FloatVector c00 = zero;
    FloatVector c01 = zero;
    FloatVector c10 = zero;
    FloatVector c11 = zero;
    FloatVector c20 = zero;
    FloatVector c21 = zero;
    FloatVector c30 = zero;
    FloatVector c31 = zero;
    for (int i = 0; i < k; i += N) {
      FloatVector b0 = FloatVector.fromMemorySegment(F, ALL, x, LITTLE_ENDIAN);
      FloatVector b1 = FloatVector.fromMemorySegment(F, ALL, y, LITTLE_ENDIAN);
      FloatVector a0 = FloatVector.fromMemorySegment(F, ALL, a, LITTLE_ENDIAN);
      c00 = a0.fma(b0, c00);
      c01 = a0.fma(b1, c01);
      FloatVector a1 = FloatVector.fromMemorySegment(F, ALL, a + as, LITTLE_ENDIAN);
      c10 = a1.fma(b0, c10);
      c11 = a1.fma(b1, c11);
      FloatVector a2 = FloatVector.fromMemorySegment(F, ALL, a + 2 * as, LITTLE_ENDIAN);
      c20 = a2.fma(b0, c20);
      c21 = a2.fma(b1, c21);
      FloatVector a3 = FloatVector.fromMemorySegment(F, ALL, a + 3 * as, LITTLE_ENDIAN);
      c30 = a3.fma(b0, c30);
      c31 = a3.fma(b1, c31);
      a += W;
      x += W;
      y += W;
    }
    c00.blend(c01, HIGH)
        .add(c01.blend(c00, HIGH).rearrange(SWAP))
        .intoMemorySegment(ALL, out, LITTLE_ENDIAN);
    c10.blend(c11, HIGH)
        .add(c11.blend(c10, HIGH).rearrange(SWAP))
        .intoMemorySegment(ALL, out + PAIRS * W, LITTLE_ENDIAN);
    c20.blend(c21, HIGH)
        .add(c21.blend(c20, HIGH).rearrange(SWAP))
        .intoMemorySegment(ALL, out + 2 * PAIRS * W, LITTLE_ENDIAN);
    c30.blend(c31, HIGH)
        .add(c31.blend(c30, HIGH).rearrange(SWAP))
        .intoMemorySegment(ALL, out + 3 * PAIRS * W, LITTLE_ENDIAN);
  }

  /** Where the pair that begins with row i of 16 stands: rows i and i + N/2 share a vector. */
  private static int place(int i) {
    return i / N * HALF + i % N;
  }

  /**
   * The sums of 16 rows in 8 vectors, or in 4 that were halved twice, which are overwritten. Each
   * halving adds every row's other half; the sums of one go to the low lanes, those of its partner
   * to the high ones.
   */
  private static void reduce(long v, boolean quads, long out) {
    for (long g = v; g < v + PAIRS * W; g += (long) HALF * W) {
      if (N == 16 && !quads) {
        for (int i = 0; i < 4; i++) {
          long at = g + (long) i * W;
          FloatVector a = FloatVector.fromMemorySegment(F, ALL, at, LITTLE_ENDIAN);
          FloatVector b = FloatVector.fromMemorySegment(F, ALL, at + 4 * W, LITTLE_ENDIAN);
          a.blend(b, HIGH_4)
              .add(b.blend(a, HIGH_4).rearrange(SWAP_4))
              .intoMemorySegment(ALL, at, LITTLE_ENDIAN);
        }
      }
      if (N >= 8) {
        for (int i = 0; i < 2; i++) {
          long at = g + (long) i * W;
          FloatVector a = FloatVector.fromMemorySegment(F, ALL, at, LITTLE_ENDIAN);
          FloatVector b = FloatVector.fromMemorySegment(F, ALL, at + 2 * W, LITTLE_ENDIAN);
          a.blend(b, HIGH_2)
              .add(b.blend(a, HIGH_2).rearrange(SWAP_2))
              .intoMemorySegment(ALL, at, LITTLE_ENDIAN);
        }
      }
      FloatVector a = FloatVector.fromMemorySegment(F, ALL, g, LITTLE_ENDIAN);
      FloatVector b = FloatVector.fromMemorySegment(F, ALL, g + W, LITTLE_ENDIAN);
      a.blend(b, HIGH_1)
          .add(b.blend(a, HIGH_1).rearrange(SWAP_1))
          .intoMemorySegment(ALL, out + (g - v) / HALF, LITTLE_ENDIAN);
    }
  }
}
