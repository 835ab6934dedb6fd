package org.gatun.backend.jvm;

import static org.gatun.backend.jvm.Lanes.ROWS;
import static org.gatun.backend.jvm.Lanes.STRIP;

import org.gatun.tensor.DType;

/** Q4_K: 8 runs of 32, {@code w = d · scale · q − dmin · min}. */
final class Q4KKernel implements BlockKernel {
  private static final int COLS = 256;
  private static final BlockLayout LAYOUT = BlockLayout.of(DType.Q4_K);
  private static final int BYTES = LAYOUT.bytes();
  private static final int SCALES = LAYOUT.scalesAt();
  private static final int LOW = LAYOUT.lowAt();

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
    if (dot) {
      Ahead.touch(w, LOW, tmp + SINK);
    }
    Fields.f16(w, lane, vectors, tmp + D);
    Fields.f16(w + 2 * ROWS, lane, vectors, tmp + DMIN);
    for (int g = 0; g < 8; g++) {
      SixBits.scales(w + SCALES, lane, g, 16, vectors, tmp);
      long q = w + LOW + ROWS * 16 * g;
      Runs.plane(dot, q, lane, 1, 32, 4, tmp, x + 128 * g, Runs.at(dot, out, 32 * g));
    }
  }
}
