package org.gatun.backend.jvm;

import static org.gatun.backend.jvm.Lanes.ROWS;

import org.gatun.tensor.DType;

/**
 * Blocks of 32 nibbles: Q4_0 {@code d · (q − 8)}, Q4_1 {@code d · q + m}, IQ4_NL {@code d ·
 * grid[q]}.
 */
final class NibbleKernel implements BlockKernel {
  private static final int COLS = 32;

  private final DType dtype;
  private final int low;

  NibbleKernel(DType dtype) {
    this.dtype = dtype;
    low = BlockLayout.of(dtype).lowAt();
  }

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

  private void block(boolean dot, long w, long gs, long x, long out, long tmp) {
    int vectors = Runs.vectors(dot);
    Fields.f16(w, gs, vectors, tmp + D);
    if (dtype == DType.IQ4_NL) {
      Runs.levels(dot, w + low, gs, COLS, tmp + D, x, out);
      return;
    }
    if (dtype == DType.Q4_1) {
      Fields.f16(w + 2 * ROWS, gs, vectors, tmp + DMIN);
      Fields.affine(tmp + D, tmp + DMIN, 16, vectors, tmp);
    } else {
      Fields.centred(tmp + D, -8, 16, vectors, tmp);
    }
    Runs.plane(dot, w + low, gs, 1, COLS, 4, tmp, x, out);
  }
}
