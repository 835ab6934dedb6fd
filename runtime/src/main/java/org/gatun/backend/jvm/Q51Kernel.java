package org.gatun.backend.jvm;

import static org.gatun.backend.jvm.Lanes.ROWS;
import static org.gatun.backend.jvm.Lanes.STRIP;

import org.gatun.tensor.DType;

/** Q5_1: {@code w = d · q + m}. */
final class Q51Kernel implements BlockKernel {
  private static final int COLS = 32;
  private static final BlockLayout LAYOUT = BlockLayout.of(DType.Q5_1);
  private static final int BYTES = LAYOUT.bytes();
  private static final int LOW = LAYOUT.lowAt();
  private static final int HIGH = LAYOUT.highAt();

  @Override
  public void dot(long group, int blocks, long x, long y, long tmp) {
    for (int b = 0; b < blocks; b++) {
      block(true, group + (long) b * BYTES, 0, x + 4L * COLS * b, y, tmp);
    }
  }

  @Override
  public void unpack(long group, int lane, int blocks, long out, long tmp) {
    for (int b = 0; b < blocks; b++) {
      block(false, group + (long) b * BYTES, lane, 0, out + 4L * STRIP * COLS * b, tmp);
    }
  }

  private static void block(boolean dot, long w, int lane, long x, long out, long tmp) {
    int vectors = Runs.vectors(dot);
    Fields.f16(w, lane, vectors, tmp + D);
    Fields.f16(w + 2 * ROWS, lane, vectors, tmp + DMIN);
    Fields.affine(tmp + D, tmp + DMIN, 32, vectors, tmp);
    Runs.planes(dot, w + LOW, lane, 1, 32, 4, w + HIGH, 1, tmp, x, out);
  }
}
