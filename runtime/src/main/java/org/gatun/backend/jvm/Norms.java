package org.gatun.backend.jvm;

import jdk.incubator.vector.FloatVector;

/** Root-mean-square norms of rows. */
final class Norms {
  private Norms() {}

  /** {@code 1 / sqrt(mean(x²) + eps)}. */
  static float scale(long x, int n, float eps) {
    FloatVector s0 = Lanes.zero();
    FloatVector s1 = Lanes.zero();
    int i = 0;
    for (; i + 2 * Lanes.N <= n; i += 2 * Lanes.N) {
      FloatVector a = Lanes.load(x + 4L * i);
      FloatVector b = Lanes.load(x + 4L * (i + Lanes.N));
      s0 = a.fma(a, s0);
      s1 = b.fma(b, s1);
    }
    for (; i < n; i += Lanes.N) {
      FloatVector a = Lanes.load(x + 4L * i, n - i);
      s0 = a.fma(a, s0);
    }
    float sum = Lanes.sum(s0.add(s1));
    return (float) (1 / Math.sqrt((double) sum / n + eps));
  }

  /** {@code y = x · scale · w}. */
  static void apply(long x, long w, float scale, long y, int n) {
    FloatVector s = Lanes.splat(scale);
    for (int i = 0; i < n; i += Lanes.N) {
      FloatVector v = Lanes.load(x + 4L * i, n - i).mul(s).mul(Lanes.load(w + 4L * i, n - i));
      Lanes.store(v, y + 4L * i, n - i);
    }
  }

  /** {@code y = x + residual}. */
  static void add(long x, long residual, long y, int n) {
    for (int i = 0; i < n; i += Lanes.N) {
      FloatVector v = Lanes.load(x + 4L * i, n - i).add(Lanes.load(residual + 4L * i, n - i));
      Lanes.store(v, y + 4L * i, n - i);
    }
  }
}
