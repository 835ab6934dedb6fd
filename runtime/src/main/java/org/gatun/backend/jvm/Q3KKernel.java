package org.gatun.backend.jvm;

import static org.gatun.backend.jvm.Lanes.ROWS;
import static org.gatun.backend.jvm.Lanes.STRIP;

import org.gatun.tensor.DType;

/** Q3_K: 16 runs of 16, {@code w = d · (scale − 32) · (q − 4)}. */
final class Q3KKernel implements BlockKernel {
  private static final int COLS = 256;
  private static final BlockLayout LAYOUT = BlockLayout.of(DType.Q3_K);
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
      scales(w + SCALES, lane, g, vectors, tmp, tmp);
      scales(w + SCALES, lane, g + 1, vectors, tmp + 2 * Runs.M, tmp);
      long q = w + LOW + ROWS * 4 * g;
      long h = w + HIGH + ROWS * 2 * g;
      Runs.planes(dot, q, lane, 2, 16, 2, h, 1, tmp, x + 64 * g, Runs.at(dot, out, 16 * g));
    }
  }

  private static void scales(long from, int lane, int g, int vectors, long sm, long tmp) {
    long low = from + ROWS * (g & 7);
    long high = from + ROWS * (8 + (g & 3));
    Fields.six(low, g < 8 ? 0 : 4, high, 2 * (g >> 2), 32, lane, vectors, tmp + SCALE);
    Fields.centred(tmp + D, tmp + SCALE, -4, 8, vectors, sm);
  }
}
