package org.gatun.backend.jvm;

import static org.gatun.backend.jvm.Lanes.ROWS;

import org.gatun.tensor.DType;

/** Q8_0: {@code w = d · q}, q a signed byte. */
final class Q80Kernel implements BlockKernel {
  private static final int COLS = 32;
  private static final BlockLayout LAYOUT = BlockLayout.of(DType.Q8_0);
  private static final int SCALES = LAYOUT.scalesAt();

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
    Fields.f16(w, gs, vectors, tmp);
    Runs.signed(dot, w + SCALES, gs, COLS, tmp, x, out);
  }
}
