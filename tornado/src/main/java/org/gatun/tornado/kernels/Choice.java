package org.gatun.tornado.kernels;

/** The id of each row's largest logit, the first of equals; ids are exact as floats below 2^24. */
public final class Choice {
  /** Parameters. */
  public static final int X = 1, Y = 2, COLS = 3;

  private Choice() {}

  /** Each lane's largest of its share of row {@code group}. */
  public static void largest(
      int group,
      int lane,
      int lanes,
      float[] local,
      int[] step,
      int[] call,
      int[] w,
      float[] f,
      int k) {
    int p = Pool.params(call, k);
    if (group >= step[2]) {
      return;
    }
    int cols = w[p + COLS];
    int x = w[p + X] + group * cols;
    float max = -3.0e38f;
    int best = cols;
    for (int i = lane; i < cols; i += lanes) {
      float v = f[x + i];
      if (v > max) {
        max = v;
        best = i;
      }
    }
    local[lane] = max;
    local[Pool.MOST_LANES + lane] = (float) best;
  }

  /** The largest of the lanes'. */
  public static void pick(
      int group,
      int lane,
      int lanes,
      float[] local,
      int[] step,
      int[] call,
      int[] w,
      float[] f,
      int k) {
    int p = Pool.params(call, k);
    if (lane == 0 && group < step[2]) {
      float max = local[0];
      float best = local[Pool.MOST_LANES];
      for (int i = 1; i < lanes; i++) {
        float v = local[i];
        float id = local[Pool.MOST_LANES + i];
        if (v > max || v == max && id < best) {
          max = v;
          best = id;
        }
      }
      f[w[p + Y] + group] = best < w[p + COLS] ? best : 0f;
    }
  }
}
