package org.gatun.backend.jvm;

import static org.gatun.backend.jvm.Lanes.ROWS;

import org.gatun.tensor.DType;

/** Q5_0: {@code w = d · (q − 16)}. */
final class Q50Kernel implements BlockKernel {
  private static final int COLS = 32;
  private static final BlockLayout LAYOUT = BlockLayout.of(DType.Q5_0);
  private static final int LOW = LAYOUT.lowAt();
  private static final int HIGH = LAYOUT.highAt();

  @Override
  public void dot(long group, long gs, long bs, int blocks, long x, long y, long tmp) {
    for (int b = 0; b < blocks; b++) {
      block(true, group + b * bs, gs, x + 4L * COLS * b, y, tmp);
    }
  }

  @Override
  public void unpack(long group, long bs, int blocks, long out, long tmp) {
    for (int b = 0; b < blocks; b++) {
      block(false, group + b * bs, 0, 0, out + 4L * ROWS * COLS * b, tmp);
    }
  }

  private static void block(boolean dot, long w, long gs, long x, long out, long tmp) {
    int vectors = Runs.vectors(dot);
    Fields.f16(w, gs, vectors, tmp + D);
    Fields.centred(tmp + D, -16, 32, vectors, tmp);
    Runs.planes(dot, w + LOW, gs, 1, 32, 4, w + HIGH, 1, tmp, x, out);
  }
}
