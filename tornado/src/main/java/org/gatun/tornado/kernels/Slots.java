package org.gatun.tornado.kernels;

/**
 * KV slots. Slot {@code page · 64 + i} of a layer holds WIDTH elements at {@code K + slot · WIDTH}
 * of the float pool, or, as f16, WIDTH / 2 ints of the kv pool: int i of a head holds elements i
 * and i + DIM / 2.
 */
public final class Slots {
  /** Parameters of an append. */
  public static final int KEYS_IN = 1, VALUES_IN = 2, K = 3, V = 4, WIDTH = 5, DIM = 6, HALVES = 7;

  /** Operands of a copy, in {@code call}: pages times 64 plus slot, and how many. */
  public static final int FROM = 0, TO = 1, COUNT = 2;

  private Slots() {}

  /** Writes item {@code id} of the step's rows into its slot. */
  public static void append(int id, int[] step, int[] call, int[] w, float[] f, int[] kv, int k) {
    int p = Pool.params(call, k);
    int width = w[p + WIDTH];
    int items = w[p + HALVES] == 1 ? width >> 1 : width;
    int r = id / items;
    if (r >= step[0]) {
      return;
    }
    int i = id - r * items;
    int slot = Pool.row(step, w, 3, r);
    int at = Pool.page(step, w, Pool.row(step, w, 1, r), slot) * 64 + (slot & 63);
    int keys = w[p + KEYS_IN] + r * width;
    int values = w[p + VALUES_IN] + r * width;
    if (w[p + HALVES] == 1) {
      int half = w[p + DIM] >> 1;
      int e = i / half * w[p + DIM] + i % half;
      kv[w[p + K] + at * items + i] = pair(f[keys + e], f[keys + e + half]);
      kv[w[p + V] + at * items + i] = pair(f[values + e], f[values + e + half]);
    } else {
      f[w[p + K] + at * width + i] = f[keys + i];
      f[w[p + V] + at * width + i] = f[values + i];
    }
  }

  private static int pair(float low, float high) {
    return Arithmetic.toHalf(low) | Arithmetic.toHalf(high) << 16;
  }

  /** Copies element {@code id} of COUNT slots, in every layer, in order. */
  public static void copy(int id, int[] call, int[] w, float[] f, int[] kv) {
    int table = w[Pool.KV_TABLE];
    int from = call[FROM];
    int to = call[TO];
    int count = call[COUNT];
    for (int layer = 0; layer < w[Pool.KV_LAYERS]; layer++) {
      int at = table + 4 * layer;
      int width = w[at + 2];
      boolean halves = w[at + 3] == 1;
      int items = halves ? width >> 1 : width;
      if (id < items) {
        for (int s = 0; s < count; s++) {
          int a = (from + s) * items + id;
          int b = (to + s) * items + id;
          if (halves) {
            kv[w[at] + b] = kv[w[at] + a];
            kv[w[at + 1] + b] = kv[w[at + 1] + a];
          } else {
            f[w[at] + b] = f[w[at] + a];
            f[w[at + 1] + b] = f[w[at + 1] + a];
          }
        }
      }
    }
  }
}
