package org.gatun.backend.jvm;

import static java.nio.ByteOrder.LITTLE_ENDIAN;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.S2I;
import static org.gatun.backend.jvm.Lanes.ALL;
import static org.gatun.backend.jvm.Lanes.F;
import static org.gatun.backend.jvm.Lanes.F32;
import static org.gatun.backend.jvm.Lanes.HALF_MASK;
import static org.gatun.backend.jvm.Lanes.I;
import static org.gatun.backend.jvm.Lanes.I64;
import static org.gatun.backend.jvm.Lanes.S;

import java.lang.foreign.Arena;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;

/**
 * {@link Gemm} with a half-precision B that is read in place: for few rows of A, where a copy of B
 * in f32 would cost more than the products. B comes as {@link Lanes#halfBits}, {@link
 * Lanes#HALF_SCALE_DOWN} times its value, so C is that much smaller; callers undo it where they
 * multiply anyway. Powers of two change no bits: results are those of {@link Gemm}.
 *
 * <p>A strip is two vectors or four, so B is read in pieces of few lines, several times over:
 * callers bring it to the first cache before ({@link Ahead#burst}). {@link Lanes#halfBits} and
 * loads stand in the open, for the reason that {@link Fields} gives.
 */
final class HalfGemm {
  private static final int W = 4 * Lanes.N;
  private static final int HALF_W = 2 * Lanes.N;
  private static final int ROWS = 4;

  /**
   * Whether there are registers for the sums of 4 rows of 4 vectors: two strips at once then, for
   * which a row of A is broadcast once.
   */
  private static final boolean WIDE = Lanes.N == 16;

  private static final ThreadLocal<Long> SPARE =
      ThreadLocal.withInitial(() -> Arena.global().allocate(ROWS * 4L * W, 64).address());

  private HalfGemm() {}

  /**
   * {@code C[n × width] (+)= A[n × k] · B[k × width]}: row i of B at {@code b + i·bs}. Whole strips
   * of two vectors, the last one possibly past the end.
   */
  static void tiles(
      long a, long as, int n, long b, long bs, int k, int width, long c, long cs, boolean add) {
    strips(a, as, n, b, bs, 0, false, k, width, c, cs, add);
  }

  /** {@code C += A · B} where row i of B lies at the address {@code table[i] + offset}. */
  static void addGathered(
      long a, long as, int n, long table, long offset, int k, int width, long c, long cs) {
    strips(a, as, n, table, 8, offset, true, k, width, c, cs, true);
  }

  /** Row i of B lies at {@code at + i · step + offset}, or gathered at the address found there. */
  private static void strips(
      long a,
      long as,
      int n,
      long at,
      long step,
      long offset,
      boolean gathered,
      int k,
      int width,
      long c,
      long cs,
      boolean add) {
    long spare = add ? SPARE.get() : 0;
    int strip = 0;
    for (; WIDE && strip + 4 * Lanes.N <= width; strip += 4 * Lanes.N) {
      long from = offset + 2L * strip;
      for (int r = 0; r < n; r += ROWS) {
        long to = c + r * cs + 4L * strip;
        wide4(a + r * as, as, at, step, from, gathered, k, add ? spare : to, add ? 4 * W : cs);
        if (add) {
          addWide(Math.min(ROWS, n - r), spare, to, cs);
        }
      }
    }
    for (; strip < width; strip += 2 * Lanes.N) {
      long from = offset + 2L * strip;
      for (int r = 0; r < n; r += ROWS) {
        long to = c + r * cs + 4L * strip;
        rows4(a + r * as, as, at, step, from, gathered, k, add ? spare : to, add ? 2 * W : cs);
        if (add) {
          Gemm.add(Math.min(ROWS, n - r), spare, to, cs);
        }
      }
    }
  }

  private static void rows4(
      long a, long as, long at, long step, long offset, boolean gathered, int k, long c, long cs) {
    FloatVector zero = FloatVector.zero(F);
    FloatVector c00 = zero;
    FloatVector c01 = zero;
    FloatVector c10 = zero;
    FloatVector c11 = zero;
    FloatVector c20 = zero;
    FloatVector c21 = zero;
    FloatVector c30 = zero;
    FloatVector c31 = zero;
    for (int i = 0; i < k; i++) {
      long b = (gathered ? ALL.get(I64, at) : at) + offset;
      IntVector h0 =
          (IntVector)
              ShortVector.fromMemorySegment(S, ALL, b, LITTLE_ENDIAN).convertShape(S2I, I, 0);
      FloatVector b0 = h0.lanewise(LSHL, 13).and(HALF_MASK).reinterpretAsFloats();
      IntVector h1 =
          (IntVector)
              ShortVector.fromMemorySegment(S, ALL, b + HALF_W, LITTLE_ENDIAN)
                  .convertShape(S2I, I, 0);
      FloatVector b1 = h1.lanewise(LSHL, 13).and(HALF_MASK).reinterpretAsFloats();
      FloatVector a0 = FloatVector.broadcast(F, ALL.get(F32, a));
      c00 = a0.fma(b0, c00);
      c01 = a0.fma(b1, c01);
      FloatVector a1 = FloatVector.broadcast(F, ALL.get(F32, a + as));
      c10 = a1.fma(b0, c10);
      c11 = a1.fma(b1, c11);
      FloatVector a2 = FloatVector.broadcast(F, ALL.get(F32, a + 2 * as));
      c20 = a2.fma(b0, c20);
      c21 = a2.fma(b1, c21);
      FloatVector a3 = FloatVector.broadcast(F, ALL.get(F32, a + 3 * as));
      c30 = a3.fma(b0, c30);
      c31 = a3.fma(b1, c31);
      a += 4;
      at += step;
    }
    c00.intoMemorySegment(ALL, c, LITTLE_ENDIAN);
    c01.intoMemorySegment(ALL, c + W, LITTLE_ENDIAN);
    c10.intoMemorySegment(ALL, c + cs, LITTLE_ENDIAN);
    c11.intoMemorySegment(ALL, c + cs + W, LITTLE_ENDIAN);
    c20.intoMemorySegment(ALL, c + 2 * cs, LITTLE_ENDIAN);
    c21.intoMemorySegment(ALL, c + 2 * cs + W, LITTLE_ENDIAN);
    c30.intoMemorySegment(ALL, c + 3 * cs, LITTLE_ENDIAN);
    c31.intoMemorySegment(ALL, c + 3 * cs + W, LITTLE_ENDIAN);
  }

  private static void wide4(
      long a, long as, long at, long step, long offset, boolean gathered, int k, long c, long cs) {
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
    for (int i = 0; i < k; i++) {
      long b = (gathered ? ALL.get(I64, at) : at) + offset;
      IntVector h0 =
          (IntVector)
              ShortVector.fromMemorySegment(S, ALL, b, LITTLE_ENDIAN).convertShape(S2I, I, 0);
      FloatVector b0 = h0.lanewise(LSHL, 13).and(HALF_MASK).reinterpretAsFloats();
      IntVector h1 =
          (IntVector)
              ShortVector.fromMemorySegment(S, ALL, b + HALF_W, LITTLE_ENDIAN)
                  .convertShape(S2I, I, 0);
      FloatVector b1 = h1.lanewise(LSHL, 13).and(HALF_MASK).reinterpretAsFloats();
      IntVector h2 =
          (IntVector)
              ShortVector.fromMemorySegment(S, ALL, b + 2 * HALF_W, LITTLE_ENDIAN)
                  .convertShape(S2I, I, 0);
      FloatVector b2 = h2.lanewise(LSHL, 13).and(HALF_MASK).reinterpretAsFloats();
      IntVector h3 =
          (IntVector)
              ShortVector.fromMemorySegment(S, ALL, b + 3 * HALF_W, LITTLE_ENDIAN)
                  .convertShape(S2I, I, 0);
      FloatVector b3 = h3.lanewise(LSHL, 13).and(HALF_MASK).reinterpretAsFloats();
      FloatVector a0 = FloatVector.broadcast(F, ALL.get(F32, a));
      c00 = a0.fma(b0, c00);
      c01 = a0.fma(b1, c01);
      c02 = a0.fma(b2, c02);
      c03 = a0.fma(b3, c03);
      FloatVector a1 = FloatVector.broadcast(F, ALL.get(F32, a + as));
      c10 = a1.fma(b0, c10);
      c11 = a1.fma(b1, c11);
      c12 = a1.fma(b2, c12);
      c13 = a1.fma(b3, c13);
      FloatVector a2 = FloatVector.broadcast(F, ALL.get(F32, a + 2 * as));
      c20 = a2.fma(b0, c20);
      c21 = a2.fma(b1, c21);
      c22 = a2.fma(b2, c22);
      c23 = a2.fma(b3, c23);
      FloatVector a3 = FloatVector.broadcast(F, ALL.get(F32, a + 3 * as));
      c30 = a3.fma(b0, c30);
      c31 = a3.fma(b1, c31);
      c32 = a3.fma(b2, c32);
      c33 = a3.fma(b3, c33);
      a += 4;
      at += step;
    }
    c00.intoMemorySegment(ALL, c, LITTLE_ENDIAN);
    c01.intoMemorySegment(ALL, c + W, LITTLE_ENDIAN);
    c02.intoMemorySegment(ALL, c + 2 * W, LITTLE_ENDIAN);
    c03.intoMemorySegment(ALL, c + 3 * W, LITTLE_ENDIAN);
    c10.intoMemorySegment(ALL, c + cs, LITTLE_ENDIAN);
    c11.intoMemorySegment(ALL, c + cs + W, LITTLE_ENDIAN);
    c12.intoMemorySegment(ALL, c + cs + 2 * W, LITTLE_ENDIAN);
    c13.intoMemorySegment(ALL, c + cs + 3 * W, LITTLE_ENDIAN);
    c20.intoMemorySegment(ALL, c + 2 * cs, LITTLE_ENDIAN);
    c21.intoMemorySegment(ALL, c + 2 * cs + W, LITTLE_ENDIAN);
    c22.intoMemorySegment(ALL, c + 2 * cs + 2 * W, LITTLE_ENDIAN);
    c23.intoMemorySegment(ALL, c + 2 * cs + 3 * W, LITTLE_ENDIAN);
    c30.intoMemorySegment(ALL, c + 3 * cs, LITTLE_ENDIAN);
    c31.intoMemorySegment(ALL, c + 3 * cs + W, LITTLE_ENDIAN);
    c32.intoMemorySegment(ALL, c + 3 * cs + 2 * W, LITTLE_ENDIAN);
    c33.intoMemorySegment(ALL, c + 3 * cs + 3 * W, LITTLE_ENDIAN);
  }

  /** {@code C += } rows of four vectors: {@link Gemm#add} takes each for two of its own. */
  private static void addWide(int rows, long from, long c, long cs) {
    for (int r = 0; r < rows; r++) {
      Gemm.add(2, from + r * 4L * W, c + r * cs, 2 * W);
    }
  }
}
