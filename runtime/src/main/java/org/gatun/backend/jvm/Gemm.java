package org.gatun.backend.jvm;

import static org.gatun.backend.jvm.Lanes.load;
import static org.gatun.backend.jvm.Lanes.splatAt;
import static org.gatun.backend.jvm.Lanes.store;

import java.lang.foreign.Arena;
import jdk.incubator.vector.FloatVector;

/**
 * The register tile of every matrix product: {@code C[rows × 2 vectors] (+)= A[rows × k] · B[k × 2
 * vectors]}.
 *
 * <pre>
 *            b  b+b2          a: row r at a + r·as, one f32 per k
 *          ┌──┬──┐  k ↓       b: k-th pair of vectors at b + k·bs
 *          └──┴──┘            c: row r at c + r·cs, two vectors side by side
 *   a  ┌─┐ ┌──┬──┐
 *      └─┘ └──┴──┘ c          accumulators are named locals: in an array they fall out of the registers
 * </pre>
 *
 * Every element is one chain of fused multiply-adds in the order of k, so its bits do not depend on
 * the tile it is in. Tiles read whole rows of A and write whole rows of C: buffers have room for
 * {@link #ROWS} more.
 */
final class Gemm {
  /**
   * Rows of the largest tile: 12 accumulators with the 32 registers of AVX-512, 8 with 16
   * registers.
   */
  static final int ROWS = Lanes.BITS == 512 ? 6 : 4;

  /** Bytes of a vector. */
  private static final int W = 4 * Lanes.N;

  private Gemm() {}

  /** A tile of each thread, allocated once: products that add go through it. */
  private static final ThreadLocal<Long> SPARE =
      ThreadLocal.withInitial(() -> Arena.global().allocate(ROWS * 2L * W, 64).address());

  /**
   * {@code n} rows: whole tiles, the last one possibly past the end.
   *
   * <p>Register tiles start from one shared zero and hold nothing but the loop and the stores. Sums
   * that come from memory would add as many loads, and C2 stops inlining at its node limit: then
   * all sums are objects.
   */
  static void tiles(
      long a, long as, int n, long b, long bs, long b2, int k, long c, long cs, boolean add) {
    if (!add) {
      fresh(a, as, n, b, bs, b2, k, c, cs);
      return;
    }
    long spare = SPARE.get();
    for (int r = 0; r < n; r += ROWS) {
      int m = Math.min(ROWS, n - r);
      fresh(a + r * as, as, m, b, bs, b2, k, spare, 2 * W);
      add(m, spare, c + r * cs, cs);
    }
  }

  /** {@code C += } rows of two vectors, side by side at {@code from}. */
  static void add(int rows, long from, long c, long cs) {
    for (int r = 0; r < rows; r++) {
      store(load(from).add(load(c)), c);
      store(load(from + W).add(load(c + W)), c + W);
      from += 2 * W;
      c += cs;
    }
  }

  private static void fresh(
      long a, long as, int n, long b, long bs, long b2, int k, long c, long cs) {
    int r = 0;
    for (; n - r > 4 && ROWS == 6; r += 6) {
      rows6(a + r * as, as, b, bs, b2, k, c + r * cs, cs);
    }
    for (; n - r > 2; r += 4) {
      rows4(a + r * as, as, b, bs, b2, k, c + r * cs, cs);
    }
    if (n > r) {
      rows2(a + r * as, as, b, bs, b2, k, c + r * cs, cs);
    }
  }

  /** 6 rows. */
  static void rows6(long a, long as, long b, long bs, long b2, int k, long c, long cs) {
    FloatVector zero = Lanes.zero();
    FloatVector c00 = zero;
    FloatVector c01 = zero;
    FloatVector c10 = zero;
    FloatVector c11 = zero;
    FloatVector c20 = zero;
    FloatVector c21 = zero;
    FloatVector c30 = zero;
    FloatVector c31 = zero;
    FloatVector c40 = zero;
    FloatVector c41 = zero;
    FloatVector c50 = zero;
    FloatVector c51 = zero;
    for (int i = 0; i < k; i++) {
      FloatVector b0 = load(b);
      FloatVector b1 = load(b + b2);
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
      FloatVector a4 = splatAt(a + 4 * as);
      c40 = a4.fma(b0, c40);
      c41 = a4.fma(b1, c41);
      FloatVector a5 = splatAt(a + 5 * as);
      c50 = a5.fma(b0, c50);
      c51 = a5.fma(b1, c51);
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
    store(c40, c + 4 * cs);
    store(c41, c + 4 * cs + W);
    store(c50, c + 5 * cs);
    store(c51, c + 5 * cs + W);
  }

  /** 4 rows. */
  static void rows4(long a, long as, long b, long bs, long b2, int k, long c, long cs) {
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
      FloatVector b0 = load(b);
      FloatVector b1 = load(b + b2);
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

  /** 2 rows. */
  static void rows2(long a, long as, long b, long bs, long b2, int k, long c, long cs) {
    FloatVector zero = Lanes.zero();
    FloatVector c00 = zero;
    FloatVector c01 = zero;
    FloatVector c10 = zero;
    FloatVector c11 = zero;
    for (int i = 0; i < k; i++) {
      FloatVector b0 = load(b);
      FloatVector b1 = load(b + b2);
      FloatVector a0 = splatAt(a);
      c00 = a0.fma(b0, c00);
      c01 = a0.fma(b1, c01);
      FloatVector a1 = splatAt(a + as);
      c10 = a1.fma(b0, c10);
      c11 = a1.fma(b1, c11);
      a += 4;
      b += bs;
    }
    store(c00, c);
    store(c01, c + W);
    store(c10, c + cs);
    store(c11, c + cs + W);
  }
}
