package org.gatun.backend.jvm;

import static org.gatun.backend.jvm.Lanes.N;
import static org.gatun.backend.jvm.Lanes.ROWS;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/** Q2_K: 16 groups of 16, {@code w = d · scale · q − dmin · min}. */
final class Q2KKernel implements BlockKernel {
  private static final long BYTES = 84L * ROWS;
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
      long q = w + ROWS * (16 + 32 * (g >> 3) + 16 * (g & 1));
      Runs.bits(dot, q, 16, 2 * (g >> 1 & 3), 3, tmp, x + 64 * g, Runs.at(dot, out, 16 * g));
    }
  }

  private static void scales(long w, int g, long tmp) {
    for (int s = 0; s < ROWS; s += N) {
      IntVector packed = Lanes.u8(w + ROWS * g + s);
      FloatVector d = Lanes.f16(w + 80 * ROWS + 2 * s);
      FloatVector min = Lanes.f16(w + 82 * ROWS + 2 * s);
      IntVector high = packed.lanewise(VectorOperators.LSHR, 4);
      Runs.affine(
          d.mul(Lanes.toFloat(packed.and(15))), min.mul(Lanes.toFloat(high)).neg(), tmp + 4 * s);
    }
  }
}
