package org.gatun.backend.jvm;

import static org.gatun.backend.jvm.Lanes.ROWS;
import static org.gatun.backend.jvm.Lanes.STRIP;

import org.gatun.tensor.DType;

/** Q2_K: 16 runs of 16, {@code w = d · scale · q − dmin · min}. */
final class Q2KKernel implements BlockKernel {
  private static final int COLS = 256;
  private static final BlockLayout LAYOUT = BlockLayout.of(DType.Q2_K);
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
    for (int g = 0; g < 16; g += 2) {
      scales(w + SCALES + ROWS * g, lane, vectors, tmp, tmp);
      scales(w + SCALES + ROWS * (g + 1), lane, vectors, tmp + 2 * Runs.M, tmp);
      long q = w + LOW + ROWS * 4 * g;
      Runs.plane(dot, q, lane, 2, 16, 2, tmp, x + 64 * g, Runs.at(dot, out, 16 * g));
    }
  }

  private static void scales(long from, int lane, int vectors, long sm, long tmp) {
    Fields.bits(from, lane, vectors, 0, 15, tmp + SCALE);
    Fields.bits(from, lane, vectors, 4, 15, tmp + MIN);
    Fields.affine(tmp + D, tmp + SCALE, tmp + DMIN, tmp + MIN, 4, vectors, sm);
  }
}
