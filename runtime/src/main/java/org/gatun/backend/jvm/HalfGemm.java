package org.gatun.backend.jvm;

import static org.gatun.backend.jvm.Lanes.halfBits;
import static org.gatun.backend.jvm.Lanes.splatAt;
import static org.gatun.backend.jvm.Lanes.store;

import java.lang.foreign.Arena;
import jdk.incubator.vector.FloatVector;

/**
 * {@link Gemm} with a half-precision B that is read in place: for few rows of A, where a copy of B
 * in f32 would cost more than the products. B comes as {@link Lanes#halfBits}, {@link
 * Lanes#HALF_SCALE_DOWN} times its value, so C is that much smaller; callers undo it where they
 * multiply anyway. Powers of two change no bits: results are those of {@link Gemm}.
 */
final class HalfGemm {
  private static final int W = 4 * Lanes.N;
  private static final int HALF_W = 2 * Lanes.N;
  private static final int ROWS = 4;
  private static final ThreadLocal<Long> SPARE =
      ThreadLocal.withInitial(() -> Arena.global().allocate(ROWS * 4L * W, 64).address());

  private HalfGemm() {}

  /**
   * {@code C[n × width] (+)= A[n × k] · B[k × width]}: row i of B at {@code b + i·bs}. Whole strips
   * of two vectors, the last one possibly past the end.
   */
  static void tiles(
      long a, long as, int n, long b, long bs, int k, int width, long c, long cs, boolean add) {
    long spare = add ? SPARE.get() : 0;
    for (int strip = 0; strip < width; ) {
      int vectors = vectors(width - strip);
      for (int r = 0; r < n; r += ROWS) {
        long to = c + r * cs + 4L * strip;
        if (vectors == 4) {
          rows4x4(a + r * as, as, b + 2L * strip, bs, k, add ? spare : to, add ? 4 * W : cs);
        } else {
          rows4(a + r * as, as, b + 2L * strip, bs, k, add ? spare : to, add ? 2 * W : cs);
        }
        if (add) {
          sum(Math.min(ROWS, n - r), vectors, spare, to, cs);
        }
      }
      strip += vectors * Lanes.N;
    }
  }

  /** {@code C += A · B} where row i of B lies at the address {@code table[i] + offset}. */
  static void addGathered(
      long a, long as, int n, long table, long offset, int k, int width, long c, long cs) {
    long spare = SPARE.get();
    for (int strip = 0; strip < width; ) {
      int vectors = vectors(width - strip);
      for (int r = 0; r < n; r += ROWS) {
        if (vectors == 4) {
          gathered4x4(a + r * as, as, table, offset + 2L * strip, k, spare);
        } else {
          gathered4(a + r * as, as, table, offset + 2L * strip, k, spare);
        }
        sum(Math.min(ROWS, n - r), vectors, spare, c + r * cs + 4L * strip, cs);
      }
      strip += vectors * Lanes.N;
    }
  }

  /**
   * Vectors of a strip: as many as there are registers for, so that rows of B are read in long
   * pieces. A narrow strip costs a pass over lines that memory brought already, or has to bring
   * again.
   */
  private static int vectors(int left) {
    return Lanes.N == 16 && left >= 4 * Lanes.N ? 4 : 2;
  }

  private static void sum(int rows, int vectors, long from, long c, long cs) {
    for (int r = 0; r < rows; r++) {
      for (int i = 0; i < vectors * W; i += W) {
        store(Lanes.load(from + i).add(Lanes.load(c + i)), c + i);
      }
      from += (long) vectors * W;
      c += cs;
    }
  }

  private static void rows4(long a, long as, long b, long bs, int k, long c, long cs) {
    FloatVector zero = Lanes.zero();
    FloatVector c00 = zero;
    FloatVector c01 = zero;
    FloatVector c10 = zero;
    FloatVector c11 = zero;
    FloatVector c20 = zero;
    FloatVector c21 = zero;
    FloatVector c30 = zero;
    FloatVector c31 = zero;
    for (int i = 0; i < k; i++) {
      FloatVector b0 = halfBits(b);
      FloatVector b1 = halfBits(b + HALF_W);
      FloatVector a0 = splatAt(a);
      c00 = a0.fma(b0, c00);
      c01 = a0.fma(b1, c01);
      FloatVector a1 = splatAt(a + as);
      c10 = a1.fma(b0, c10);
      c11 = a1.fma(b1, c11);
      FloatVector a2 = splatAt(a + 2 * as);
      c20 = a2.fma(b0, c20);
      c21 = a2.fma(b1, c21);
      FloatVector a3 = splatAt(a + 3 * as);
      c30 = a3.fma(b0, c30);
      c31 = a3.fma(b1, c31);
      a += 4;
      b += bs;
    }
    store(c00, c);
    store(c01, c + W);
    store(c10, c + cs);
    store(c11, c + cs + W);
    store(c20, c + 2 * cs);
    store(c21, c + 2 * cs + W);
    store(c30, c + 3 * cs);
    store(c31, c + 3 * cs + W);
  }

  private static void gathered4(long a, long as, long table, long offset, int k, long c) {
    FloatVector zero = Lanes.zero();
    FloatVector c00 = zero;
    FloatVector c01 = zero;
    FloatVector c10 = zero;
    FloatVector c11 = zero;
    FloatVector c20 = zero;
    FloatVector c21 = zero;
    FloatVector c30 = zero;
    FloatVector c31 = zero;
    for (int i = 0; i < k; i++) {
      long b = Lanes.address(table) + offset;
      FloatVector b0 = halfBits(b);
      FloatVector b1 = halfBits(b + HALF_W);
      FloatVector a0 = splatAt(a);
      c00 = a0.fma(b0, c00);
      c01 = a0.fma(b1, c01);
      FloatVector a1 = splatAt(a + as);
      c10 = a1.fma(b0, c10);
      c11 = a1.fma(b1, c11);
      FloatVector a2 = splatAt(a + 2 * as);
      c20 = a2.fma(b0, c20);
      c21 = a2.fma(b1, c21);
      FloatVector a3 = splatAt(a + 3 * as);
      c30 = a3.fma(b0, c30);
      c31 = a3.fma(b1, c31);
      a += 4;
      table += 8;
    }
    store(c00, c);
    store(c01, c + W);
    store(c10, c + 2 * W);
    store(c11, c + 3 * W);
    store(c20, c + 4 * W);
    store(c21, c + 5 * W);
    store(c30, c + 6 * W);
    store(c31, c + 7 * W);
  }

  private static void rows4x4(long a, long as, long b, long bs, int k, long c, long cs) {
    FloatVector zero = Lanes.zero();
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
      FloatVector b0 = halfBits(b);
      FloatVector b1 = halfBits(b + HALF_W);
      FloatVector b2 = halfBits(b + 2 * HALF_W);
      FloatVector b3 = halfBits(b + 3 * HALF_W);
      FloatVector a0 = splatAt(a);
      c00 = a0.fma(b0, c00);
      c01 = a0.fma(b1, c01);
      c02 = a0.fma(b2, c02);
      c03 = a0.fma(b3, c03);
      FloatVector a1 = splatAt(a + as);
      c10 = a1.fma(b0, c10);
      c11 = a1.fma(b1, c11);
      c12 = a1.fma(b2, c12);
      c13 = a1.fma(b3, c13);
      FloatVector a2 = splatAt(a + 2 * as);
      c20 = a2.fma(b0, c20);
      c21 = a2.fma(b1, c21);
      c22 = a2.fma(b2, c22);
      c23 = a2.fma(b3, c23);
      FloatVector a3 = splatAt(a + 3 * as);
      c30 = a3.fma(b0, c30);
      c31 = a3.fma(b1, c31);
      c32 = a3.fma(b2, c32);
      c33 = a3.fma(b3, c33);
      a += 4;
      b += bs;
    }
    store(c00, c);
    store(c01, c + W);
    store(c02, c + 2 * W);
    store(c03, c + 3 * W);
    store(c10, c + cs);
    store(c11, c + cs + W);
    store(c12, c + cs + 2 * W);
    store(c13, c + cs + 3 * W);
    store(c20, c + 2 * cs);
    store(c21, c + 2 * cs + W);
    store(c22, c + 2 * cs + 2 * W);
    store(c23, c + 2 * cs + 3 * W);
    store(c30, c + 3 * cs);
    store(c31, c + 3 * cs + W);
    store(c32, c + 3 * cs + 2 * W);
    store(c33, c + 3 * cs + 3 * W);
  }

  private static void gathered4x4(long a, long as, long table, long offset, int k, long c) {
    FloatVector zero = Lanes.zero();
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
      long b = Lanes.address(table) + offset;
      FloatVector b0 = halfBits(b);
      FloatVector b1 = halfBits(b + HALF_W);
      FloatVector b2 = halfBits(b + 2 * HALF_W);
      FloatVector b3 = halfBits(b + 3 * HALF_W);
      FloatVector a0 = splatAt(a);
      c00 = a0.fma(b0, c00);
      c01 = a0.fma(b1, c01);
      c02 = a0.fma(b2, c02);
      c03 = a0.fma(b3, c03);
      FloatVector a1 = splatAt(a + as);
      c10 = a1.fma(b0, c10);
      c11 = a1.fma(b1, c11);
      c12 = a1.fma(b2, c12);
      c13 = a1.fma(b3, c13);
      FloatVector a2 = splatAt(a + 2 * as);
      c20 = a2.fma(b0, c20);
      c21 = a2.fma(b1, c21);
      c22 = a2.fma(b2, c22);
      c23 = a2.fma(b3, c23);
      FloatVector a3 = splatAt(a + 3 * as);
      c30 = a3.fma(b0, c30);
      c31 = a3.fma(b1, c31);
      c32 = a3.fma(b2, c32);
      c33 = a3.fma(b3, c33);
      a += 4;
      table += 8;
    }
    store(c00, c);
    store(c01, c + W);
    store(c02, c + 2 * W);
    store(c03, c + 3 * W);
    store(c10, c + 4 * W);
    store(c11, c + 5 * W);
    store(c12, c + 6 * W);
    store(c13, c + 7 * W);
    store(c20, c + 8 * W);
    store(c21, c + 9 * W);
    store(c22, c + 10 * W);
    store(c23, c + 11 * W);
    store(c30, c + 12 * W);
    store(c31, c + 13 * W);
    store(c32, c + 14 * W);
    store(c33, c + 15 * W);
  }
}
