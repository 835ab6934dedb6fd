package org.gatun.tornado.kernels;

/** Copies between the float pool and the staging arrays that cross to the host. */
public final class Transfer {
  /** Operands in {@code call}: place in the pool, and how many floats. */
  public static final int AT = 0, COUNT = 1;

  private Transfer() {}

  /** Pool to staging. */
  public static void out(int id, int[] call, float[] f, float[] staging) {
    if (id < call[COUNT]) {
      staging[id] = f[call[AT] + id];
    }
  }

  /** Staging to pool. */
  public static void in(int id, int[] call, float[] f, float[] staging) {
    if (id < call[COUNT]) {
      f[call[AT] + id] = staging[id];
    }
  }

  /** NaN over a range of the pool: what no kernel wrote then shows (tests). */
  public static void poison(int id, int[] call, float[] f) {
    if (id < call[COUNT]) {
      f[call[AT] + id] = f[Pool.NAN];
    }
  }
}
