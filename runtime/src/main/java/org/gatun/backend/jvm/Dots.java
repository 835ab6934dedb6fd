package org.gatun.backend.jvm;

import static org.gatun.backend.jvm.Lanes.N;
import static org.gatun.backend.jvm.Lanes.load;
import static org.gatun.backend.jvm.Lanes.store;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorShuffle;

/**
 * Products of rows with rows: {@code C[m × n] = A[m × k] · B[n × k]ᵀ}, both row-major, for keys
 * that were gathered and thus cannot have lanes of their own.
 *
 * <pre>
 *   register tile: 4 rows of A × 2 rows of B, lanes along k      → partial sums [4][16][N]
 *   then N vectors of one row are summed at once by halving:     s0 … sN−1 in one vector
 * </pre>
 *
 * k is a multiple of the vector's length. Every element is one chain of fused multiply-adds per
 * lane and one fixed tree over the lanes, wherever it stands in a tile.
 */
final class Dots {
  /** Rows of B whose partial sums are kept before they are reduced. */
  private static final int KEYS = 16;

  private static final int W = 4 * N;

  /** Scratch for partial sums. */
  static final long PARTIAL_BYTES = 4L * KEYS * W;

  private static final VectorShuffle<Float> SWAP_8 = swap(8);
  private static final VectorShuffle<Float> SWAP_4 = swap(4);
  private static final VectorShuffle<Float> SWAP_2 = swap(2);
  private static final VectorShuffle<Float> SWAP_1 = swap(1);
  private static final VectorMask<Float> HIGH_8 = high(8);
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
        for (int i = 0; i < keys; i += 2) {
          tile(a + r * as, as, b + (j + i) * bs, bs, k, partial + (long) i * W);
        }
        for (int i = r; i < Math.min(m, r + 4); i++) {
          reduce(partial + (i - r) * (long) KEYS * W, c + i * cs + 4L * j);
        }
      }
    }
  }

  /**
   * The same with rows of B in half precision at the addresses {@code table[0 … n − 1]}, read in
   * place; C is {@link Lanes#HALF_SCALE_DOWN} times the products. The table has an even number of
   * valid entries.
   */
  static void halfRows(
      long a, long as, int m, long table, int n, int k, long c, long cs, long partial) {
    for (int j = 0; j < n; j += KEYS) {
      int keys = Math.min(KEYS, n - j);
      for (int r = 0; r < m; r += 4) {
        for (int i = 0; i < keys; i += 2) {
          long at = table + 8L * (j + i);
          halfTile(
              a + r * as, as, Lanes.address(at), Lanes.address(at + 8), k, partial + (long) i * W);
        }
        for (int i = r; i < Math.min(m, r + 4); i++) {
          reduce(partial + (i - r) * (long) KEYS * W, c + i * cs + 4L * j);
        }
      }
    }
  }

  private static void halfTile(long a, long as, long x, long y, int k, long out) {
    FloatVector zero = Lanes.zero();
    FloatVector c00 = zero;
    FloatVector c01 = zero;
    FloatVector c10 = zero;
    FloatVector c11 = zero;
    FloatVector c20 = zero;
    FloatVector c21 = zero;
    FloatVector c30 = zero;
    FloatVector c31 = zero;
    for (int i = 0; i < k; i += N) {
      FloatVector b0 = Lanes.halfBits(x);
      FloatVector b1 = Lanes.halfBits(y);
      FloatVector a0 = load(a);
      c00 = a0.fma(b0, c00);
      c01 = a0.fma(b1, c01);
      FloatVector a1 = load(a + as);
      c10 = a1.fma(b0, c10);
      c11 = a1.fma(b1, c11);
      FloatVector a2 = load(a + 2 * as);
      c20 = a2.fma(b0, c20);
      c21 = a2.fma(b1, c21);
      FloatVector a3 = load(a + 3 * as);
      c30 = a3.fma(b0, c30);
      c31 = a3.fma(b1, c31);
      a += W;
      x += W / 2;
      y += W / 2;
    }
    store(c00, out);
    store(c01, out + W);
    store(c10, out + KEYS * W);
    store(c11, out + (KEYS + 1) * W);
    store(c20, out + 2 * KEYS * W);
    store(c21, out + (2 * KEYS + 1) * W);
    store(c30, out + 3 * KEYS * W);
    store(c31, out + (3 * KEYS + 1) * W);
  }

  private static void tile(long a, long as, long b, long bs, int k, long out) {
    FloatVector zero = Lanes.zero();
    FloatVector c00 = zero;
    FloatVector c01 = zero;
    FloatVector c10 = zero;
    FloatVector c11 = zero;
    FloatVector c20 = zero;
    FloatVector c21 = zero;
    FloatVector c30 = zero;
    FloatVector c31 = zero;
    for (int i = 0; i < k; i += N) {
      FloatVector b0 = load(b);
      FloatVector b1 = load(b + bs);
      FloatVector a0 = load(a);
      c00 = a0.fma(b0, c00);
      c01 = a0.fma(b1, c01);
      FloatVector a1 = load(a + as);
      c10 = a1.fma(b0, c10);
      c11 = a1.fma(b1, c11);
      FloatVector a2 = load(a + 2 * as);
      c20 = a2.fma(b0, c20);
      c21 = a2.fma(b1, c21);
      FloatVector a3 = load(a + 3 * as);
      c30 = a3.fma(b0, c30);
      c31 = a3.fma(b1, c31);
      a += W;
      b += W;
    }
    store(c00, out);
    store(c01, out + W);
    store(c10, out + KEYS * W);
    store(c11, out + (KEYS + 1) * W);
    store(c20, out + 2 * KEYS * W);
    store(c21, out + (2 * KEYS + 1) * W);
    store(c30, out + 3 * KEYS * W);
    store(c31, out + (3 * KEYS + 1) * W);
  }

  /** The sums of 16 vectors. */
  private static void reduce(long v, long out) {
    if (N == 16) {
      store(join(eight(v, 0), eight(v, 1), SWAP_1, HIGH_1), out);
    } else if (N == 8) {
      store(join(four(v, 0, 2), four(v, 1, 2), SWAP_1, HIGH_1), out);
      store(join(four(v, 8, 2), four(v, 9, 2), SWAP_1, HIGH_1), out + W);
    } else {
      for (int i = 0; i < KEYS; i += 4) {
        store(join(two(v, i, 2), two(v, i + 1, 2), SWAP_1, HIGH_1), out + 4L * i);
      }
    }
  }

  /** Vectors first, first + 2, … first + 14 of 16 lanes. */
  private static FloatVector eight(long v, int first) {
    FloatVector low = join(pair16(v, first), pair16(v, first + 4), SWAP_4, HIGH_4);
    FloatVector high = join(pair16(v, first + 2), pair16(v, first + 6), SWAP_4, HIGH_4);
    return join(low, high, SWAP_2, HIGH_2);
  }

  private static FloatVector pair16(long v, int i) {
    return join(load(v + (long) i * W), load(v + (i + 8L) * W), SWAP_8, HIGH_8);
  }

  /** Vectors first, first + step, … of 8 lanes. */
  private static FloatVector four(long v, int first, int step) {
    FloatVector low =
        join(load(v + (long) first * W), load(v + (first + 2L * step) * W), SWAP_4, HIGH_4);
    FloatVector high =
        join(
            load(v + (first + (long) step) * W), load(v + (first + 3L * step) * W), SWAP_4, HIGH_4);
    return join(low, high, SWAP_2, HIGH_2);
  }

  private static FloatVector two(long v, int first, int step) {
    return join(load(v + (long) first * W), load(v + (first + (long) step) * W), SWAP_2, HIGH_2);
  }

  /** Adds each vector's other half; a's sums go to the low lanes, b's to the high ones. */
  private static FloatVector join(
      FloatVector a, FloatVector b, VectorShuffle<Float> swap, VectorMask<Float> high) {
    return a.add(a.rearrange(swap)).blend(b.add(b.rearrange(swap)), high);
  }
}
