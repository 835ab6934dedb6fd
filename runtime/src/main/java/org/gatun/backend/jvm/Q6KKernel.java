package org.gatun.backend.jvm;

import static org.gatun.backend.jvm.Lanes.ROWS;
import static org.gatun.backend.jvm.Lanes.STRIP;

import org.gatun.tensor.DType;

/** Q6_K: 16 runs of 16, {@code w = d · scale · (q − 32)}. */
final class Q6KKernel implements BlockKernel {
  private static final int COLS = 256;
  private static final BlockLayout LAYOUT = BlockLayout.of(DType.Q6_K);
  private static final int BYTES = LAYOUT.bytes();
  private static final int SCALES = LAYOUT.scalesAt();
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
    if (dot) {
      Ahead.touch(w, LOW, tmp + SINK);
    }
    Fields.f16(w, lane, vectors, tmp + D);
    for (int g = 0; g < 16; g += 2) {
      scales(w + SCALES + ROWS * g, lane, vectors, tmp, tmp);
      scales(w + SCALES + ROWS * (g + 1), lane, vectors, tmp + 2 * Runs.M, tmp);
      long q = w + LOW + ROWS * 8 * g;
      long h = w + HIGH + ROWS * 4 * g;
      Runs.planes(dot, q, lane, 2, 16, 4, h, 2, tmp, x + 64 * g, Runs.at(dot, out, 16 * g));
    }
  }

  private static void scales(long from, int lane, int vectors, long sm, long tmp) {
    Fields.signed(from, lane, vectors, tmp + SCALE);
    Fields.centred(tmp + D, tmp + SCALE, -32, 64, vectors, sm);
  }
}
