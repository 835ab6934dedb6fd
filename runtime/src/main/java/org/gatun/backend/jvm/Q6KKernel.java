package org.gatun.backend.jvm;

import static org.gatun.backend.jvm.Lanes.N;
import static org.gatun.backend.jvm.Lanes.ROWS;

import jdk.incubator.vector.FloatVector;

/**
 * Q6_K: 16 groups of 16, {@code w = d · scale · (q − 32)}; bits 4 and 5 of q come from a second
 * plane.
 */
final class Q6KKernel implements BlockKernel {
  private static final long BYTES = 210L * ROWS;
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
    for (int g = 0; g < 16; g++) {
      scales(w, g, tmp);
      int k = g >> 1 & 3;
      int l = 16 * (g & 1);
      long low = w + ROWS * (64 * (g >> 3) + 32 * (k & 1) + l);
      long high = w + ROWS * (128 + 32 * (g >> 3) + l);
      Runs.planes(
          dot,
          low,
          16,
          4 * (k >> 1),
          15,
          high,
          2 * k,
          3,
          4,
          tmp,
          x + 64 * g,
          Runs.at(dot, out, 16 * g));
    }
  }

  private static void scales(long w, int g, long tmp) {
    for (int s = 0; s < ROWS; s += N) {
      FloatVector d =
          Lanes.f16(w + 208 * ROWS + 2 * s).mul(Lanes.toFloat(Lanes.s8(w + ROWS * (192 + g) + s)));
      Runs.affine(d, d.mul(-32f), tmp + 4 * s);
    }
  }
}
