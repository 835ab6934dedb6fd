package org.gatun.backend.jvm;

import static org.gatun.backend.jvm.Lanes.N;
import static org.gatun.backend.jvm.Lanes.ROWS;

import jdk.incubator.vector.FloatVector;

/** Q5_0: {@code w = d · (q − 16)}; bit 4 of q comes from a mask of 32 bits. */
final class Q50Kernel implements BlockKernel {
  private static final long BYTES = 22L * ROWS;
  private static final int COLS = 32;

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
    for (int s = 0; s < ROWS; s += N) {
      FloatVector d = Lanes.f16(w + 2 * s);
      Runs.affine(d, d.mul(-16f), tmp + 4 * s);
    }
    Runs.fifthOf8(dot, w + 6 * ROWS, 0, w + 2 * ROWS, tmp, x, out);
    Runs.fifthOf8(dot, w + 6 * ROWS, 4, w + 4 * ROWS, tmp, x + 64, Runs.at(dot, out, 16));
  }
}
