package org.gatun.tensor.codec;

/** What the plain quantisers share. */
final class Quantize {
  private Quantize() {}

  /** The value of largest magnitude, with its sign; the first of equals. */
  static float extreme(float[] x, int from, int count) {
    float extreme = 0;
    for (int i = from; i < from + count; i++) {
      if (Math.abs(x[i]) > Math.abs(extreme)) {
        extreme = x[i];
      }
    }
    return extreme;
  }

  static float min(float[] x, int from, int count) {
    float min = x[from];
    for (int i = from + 1; i < from + count; i++) {
      min = Math.min(min, x[i]);
    }
    return min;
  }

  static float max(float[] x, int from, int count) {
    float max = x[from];
    for (int i = from + 1; i < from + count; i++) {
      max = Math.max(max, x[i]);
    }
    return max;
  }

  static float inverse(float d) {
    return d == 0 ? 0 : 1 / d;
  }

  /** Rounds half away from zero, as C's roundf does. */
  static int roundAway(float x) {
    return (int) (x + Math.copySign(0.5f, x));
  }
}
