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
      ThreadLocal.withInitial(() -> Arena.global().allocate(ROWS * 2L * W, 64).address());

  private HalfGemm() {}

  /**
   * {@code C[n × 2 vectors] (+)= A[n × k] · B[k × 2 vectors]}: row i of B at {@code b + i·bs}, two
   * vectors side by side.
   */
  static void tiles(long a, long as, int n, long b, long bs, int k, long c, long cs, boolean add) {
    long spare = add ? SPARE.get() : 0;
    for (int r = 0; r < n; r += ROWS) {
      if (add) {
        rows4(a + r * as, as, b, bs, k, spare, 2 * W);
        sum(Math.min(ROWS, n - r), spare, c + r * cs, cs);
      } else {
        rows4(a + r * as, as, b, bs, k, c + r * cs, cs);
      }
    }
  }

  /** {@code C += A · B} where row i of B lies at the address {@code table[i] + offset}. */
  static void addGathered(long a, long as, int n, long table, long offset, int k, long c, long cs) {
    long spare = SPARE.get();
    for (int r = 0; r < n; r += ROWS) {
      gathered4(a + r * as, as, table, offset, k, spare);
      sum(Math.min(ROWS, n - r), spare, c + r * cs, cs);
    }
  }

  private static void sum(int rows, long from, long c, long cs) {
    for (int r = 0; r < rows; r++) {
      store(Lanes.load(from).add(Lanes.load(c)), c);
      store(Lanes.load(from + W).add(Lanes.load(c + W)), c + W);
      from += 2 * W;
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
}
