package org.gatun.backend.jvm;

import static org.gatun.backend.jvm.Lanes.ROWS;

import org.gatun.tensor.DType;

/** Q2_K: 16 runs of 16, {@code w = d · scale · q − dmin · min}. */
final class Q2KKernel implements BlockKernel {
  private static final int COLS = 256;
  private static final BlockLayout LAYOUT = BlockLayout.of(DType.Q2_K);
  private static final int SCALES = LAYOUT.scalesAt();
  private static final int LOW = LAYOUT.lowAt();

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
    Fields.f16(w + 2 * ROWS, gs, vectors, tmp + DMIN);
    for (int g = 0; g < 16; g += 2) {
      scales(w + SCALES + ROWS * g, gs, vectors, tmp, tmp);
      scales(w + SCALES + ROWS * (g + 1), gs, vectors, tmp + 2 * Runs.M, tmp);
      long q = w + LOW + ROWS * 4 * g;
      Runs.plane(dot, q, gs, 2, 16, 2, tmp, x + 64 * g, Runs.at(dot, out, 16 * g));
    }
  }

  private static void scales(long from, long gs, int vectors, long sm, long tmp) {
    Fields.bits(from, gs, vectors, 0, 15, tmp + SCALE);
    Fields.bits(from, gs, vectors, 4, 15, tmp + MIN);
    Fields.affine(tmp + D, tmp + SCALE, tmp + DMIN, tmp + MIN, 4, vectors, sm);
  }
}
