package org.gatun.backend.jvm;

import static org.gatun.backend.jvm.Lanes.ROWS;

/** Q5_K: Q4_K with bit 4 of q from a mask plane. */
final class Q5KKernel implements BlockKernel {
  private static final long BYTES = 176L * ROWS;
  private static final int COLS = 256;

  @Override
  public void dot(long group, int blocks, long x, long y, long tmp) {
    for (int b = 0; b < blocks; b++) {
      block(true, group + b * BYTES, x + 4L * COLS * b, y, tmp);
    }
  }

  @Override
  public void unpack(long group, int blocks, long out, long tmp) {
    for (int b = 0; b < blocks; b++) {
      block(false, group + b * BYTES, 0, out + 4L * ROWS * COLS * b, tmp);
    }
  }

  private static void block(boolean dot, long w, long x, long out, long tmp) {
    for (int g = 0; g < 8; g++) {
      SixBits.scales(w, g, tmp);
      long q = w + ROWS * (48 + 32 * (g >> 1));
      Runs.planes(
          dot,
          q,
          32,
          4 * (g & 1),
          15,
          w + 16 * ROWS,
          g,
          1,
          4,
          tmp,
          x + 128 * g,
          Runs.at(dot, out, 32 * g));
    }
  }
}
