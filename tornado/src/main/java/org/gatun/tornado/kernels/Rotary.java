package org.gatun.tornado.kernels;

/**
 * Rotary position embedding. Angles are fractions of a turn in 40 bits, so that a position is
 * multiplied and reduced exactly, whatever the device's rounding.
 */
public final class Rotary {
  /** Parameters; {@code TURNS}: per pair two ints of 20 bits, the turns per position · 2^40. */
  public static final int COLS = 1,
      HEAD_DIM = 2,
      ROTARY_DIM = 3,
      INTERLEAVED = 4,
      X = 5,
      Y = 6,
      TURNS = 7;

  private Rotary() {}

  /** Rotates pair {@code id} of the step (or passes one element through). */
  public static void run(int id, int[] step, int[] call, int[] w, float[] f, int k) {
    int p = Pool.params(call, k);
    int headDim = w[p + HEAD_DIM];
    int rotary = w[p + ROTARY_DIM];
    int half = rotary >> 1;
    int items = half + headDim - rotary;
    int cols = w[p + COLS];
    int perRow = cols / headDim * items;
    int r = id / perRow;
    if (r >= step[0]) {
      return;
    }
    int head = (id - r * perRow) / items;
    int i = id - r * perRow - head * items;
    int at = r * cols + head * headDim;
    int x = w[p + X] + at;
    int y = w[p + Y] + at;
    if (i >= half) {
      int e = rotary + i - half;
      f[y + e] = f[x + e];
      return;
    }
    int turns = w[p + TURNS] + 2 * i;
    long perPosition = (long) w[turns] * 1048576L + (long) w[turns + 1];
    long angle = (long) Pool.row(step, w, 2, r) * perPosition & 1099511627775L;
    float turn = (float) angle * 9.094947e-13f; // 2^-40
    int quadrant = (int) (turn * 4f + 0.5f);
    float rest = (turn - quadrant * 0.25f) * 6.2831855f;
    float s = Arithmetic.sinSmall(rest);
    float c = Arithmetic.cosSmall(rest);
    int q = quadrant & 3;
    float sin = (q & 1) == 0 ? s : c;
    float cos = (q & 1) == 0 ? c : s;
    if (q >= 2) {
      sin = -sin;
    }
    if (q == 1 || q == 2) {
      cos = -cos;
    }
    int a = w[p + INTERLEAVED] == 1 ? 2 * i : i;
    int b = w[p + INTERLEAVED] == 1 ? 2 * i + 1 : i + half;
    float xa = f[x + a];
    float xb = f[x + b];
    f[y + a] = xa * cos - xb * sin;
    f[y + b] = xa * sin + xb * cos;
  }
}
