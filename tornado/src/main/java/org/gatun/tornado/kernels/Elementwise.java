package org.gatun.tornado.kernels;

/** One work-item per element: y = a, a + b, or act(a) · b; and rows gathered for their logits. */
public final class Elementwise {
  /** Parameters. */
  public static final int COUNTER = 1, COLS = 2, A = 3, B = 4, Y = 5, MODE = 6;

  /** Values of {@link #MODE}: bits, as {@link Blocks} has them. */
  public static final int COPY = 1, ADD = 2, SILU = 4, GELU_TANH = 8, GATHER = 16;

  private Elementwise() {}

  /** Result element {@code id}. */
  public static void run(int id, int[] step, int[] call, int[] w, float[] f, int k) {
    int p = Pool.params(call, k);
    int cols = w[p + COLS];
    if (id < step[w[p + COUNTER]] * cols) {
      int a = w[p + A];
      int b = w[p + B];
      int mode = w[p + MODE];
      float y;
      if ((mode & ADD) != 0) {
        y = f[a + id] + f[b + id];
      } else if ((mode & SILU) != 0) {
        y = Arithmetic.silu(f[a + id]) * f[b + id];
      } else if ((mode & GELU_TANH) != 0) {
        y = Arithmetic.geluTanh(f[a + id]) * f[b + id];
      } else if ((mode & GATHER) != 0) {
        int l = id / cols;
        y = f[a + step[w[Pool.LOGITS_AT] + l] * cols + (id - l * cols)];
      } else {
        y = f[a + id];
      }
      f[w[p + Y] + id] = y;
    }
  }
}
