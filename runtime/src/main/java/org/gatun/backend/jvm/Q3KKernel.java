package org.gatun.backend.jvm;

import static org.gatun.backend.jvm.Lanes.N;
import static org.gatun.backend.jvm.Lanes.ROWS;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Q3_K: 16 groups of 16, {@code w = d · (scale − 32) · (q − 4)}; bit 2 of q comes from a mask
 * plane.
 */
final class Q3KKernel implements BlockKernel {
  private static final long BYTES = 110L * ROWS;
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
      long half = ROWS * 16 * (g & 1);
      long q = w + ROWS * (32 + 32 * (g >> 3)) + half;
      int shift = 2 * (g >> 1 & 3);
      Runs.planes(
          dot, q, 16, shift, 3, w + half, g >> 1, 1, 2, tmp, x + 64 * g, Runs.at(dot, out, 16 * g));
    }
  }

  private static void scales(long w, int g, long tmp) {
    for (int s = 0; s < ROWS; s += N) {
      IntVector low =
          Lanes.u8(w + ROWS * (96 + (g & 7)) + s)
              .lanewise(VectorOperators.LSHR, g < 8 ? 0 : 4)
              .and(15);
      IntVector high =
          Lanes.u8(w + ROWS * (104 + (g & 3)) + s)
              .lanewise(VectorOperators.LSHR, 2 * (g >> 2))
              .and(3);
      IntVector scale = low.or(high.lanewise(VectorOperators.LSHL, 4)).sub(32);
      FloatVector d = Lanes.f16(w + 108 * ROWS + 2 * s).mul(Lanes.toFloat(scale));
      Runs.affine(d, d.mul(-4f), tmp + 4 * s);
    }
  }
}
