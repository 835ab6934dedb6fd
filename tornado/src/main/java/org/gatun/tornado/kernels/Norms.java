package org.gatun.tornado.kernels;

/**
 * RMS norm of each run of DIM elements, alone or behind a residual sum. A group per run; its lanes
 * share the sums of squares through local memory, with a barrier after each phase.
 */
public final class Norms {
  /** Parameters; {@code FLOATS}: eps. */
  public static final int COUNTER = 1,
      RUNS = 2,
      DIM = 3,
      X = 4,
      W = 5,
      Y = 6,
      MODE = 7,
      RESIDUAL = 8,
      SUM = 9,
      W_X = 10,
      FLOATS = 11;

  /** Values of {@link #MODE}: norm(x); residual + x, normed; residual + norm(x), normed. */
  public static final int PLAIN = 0, ADD = 1, ADD_NORMED = 2;

  private Norms() {}

  /** The sum of squares of x, where x itself is normed first. */
  public static void squares(
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
    float sum = 0f;
    if (w[p + MODE] == ADD_NORMED && group < step[w[p + COUNTER]] * w[p + RUNS]) {
      int dim = w[p + DIM];
      int x = w[p + X] + group * dim;
      for (int i = lane; i < dim; i += lanes) {
        sum += f[x + i] * f[x + i];
      }
    }
    local[lane] = sum;
  }

  /** Writes the residual sum, and sums the squares of what is normed. */
  public static void add(
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
    float sum = 0f;
    if (group < step[w[p + COUNTER]] * w[p + RUNS]) {
      int dim = w[p + DIM];
      int mode = w[p + MODE];
      int x = w[p + X] + group * dim;
      if (mode == PLAIN) {
        for (int i = lane; i < dim; i += lanes) {
          sum += f[x + i] * f[x + i];
        }
      } else {
        int residual = w[p + RESIDUAL] + group * dim;
        int to = w[p + SUM] + group * dim;
        int weight = w[p + W_X];
        float scale = 1f;
        if (mode == ADD_NORMED) {
          scale = scale(0, lanes, local, dim, f[w[p + FLOATS]]);
        }
        for (int i = lane; i < dim; i += lanes) {
          float v = f[x + i];
          if (mode == ADD_NORMED) {
            v = v * scale * f[weight + i];
          }
          v += f[residual + i];
          f[to + i] = v;
          sum += v * v;
        }
      }
    }
    local[Pool.MOST_LANES + lane] = sum;
  }

  /** Writes the normed run. */
  public static void scale(
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
    if (group < step[w[p + COUNTER]] * w[p + RUNS]) {
      int dim = w[p + DIM];
      int x = (w[p + MODE] == PLAIN ? w[p + X] : w[p + SUM]) + group * dim;
      int y = w[p + Y] + group * dim;
      int weight = w[p + W];
      float scale = scale(Pool.MOST_LANES, lanes, local, dim, f[w[p + FLOATS]]);
      for (int i = lane; i < dim; i += lanes) {
        f[y + i] = f[x + i] * scale * f[weight + i];
      }
    }
  }

  private static float scale(int at, int lanes, float[] local, int dim, float eps) {
    float sum = 0f;
    for (int i = 0; i < lanes; i++) {
      sum += local[at + i];
    }
    return Arithmetic.reciprocalRoot(sum / dim + eps);
  }
}
