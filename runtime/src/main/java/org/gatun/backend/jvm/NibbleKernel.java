package org.gatun.backend.jvm;

import static org.gatun.backend.jvm.Lanes.ROWS;
import static org.gatun.backend.jvm.Lanes.STRIP;

import org.gatun.tensor.DType;

/**
 * Blocks of 32 nibbles: Q4_0 {@code d · (q − 8)}, Q4_1 {@code d · q + m}, IQ4_NL {@code d ·
 * grid[q]}.
 */
final class NibbleKernel implements BlockKernel {
  private static final int COLS = 32;

  private final DType dtype;
  private final int low;
  private final int bytes;

  NibbleKernel(DType dtype) {
    this.dtype = dtype;
    low = BlockLayout.of(dtype).lowAt();
    bytes = BlockLayout.of(dtype).bytes();
  }

  @Override
  public void dot(long group, int blocks, long x, long y, long tmp) {
    for (int b = 0; b < blocks; b++) {
      block(true, group + (long) b * bytes, 0, x + 4L * COLS * b, y, tmp);
    }
  }

  @Override
  public void unpack(long group, int lane, int blocks, long out, long tmp) {
    for (int b = 0; b < blocks; b++) {
      block(false, group + (long) b * bytes, lane, 0, out + 4L * STRIP * COLS * b, tmp);
    }
  }

  private void block(boolean dot, long w, int lane, long x, long out, long tmp) {
    int vectors = Runs.vectors(dot);
    Fields.f16(w, lane, vectors, tmp + D);
    if (dtype == DType.IQ4_NL) {
      Runs.levels(dot, w + low, lane, COLS, tmp + D, x, out);
      return;
    }
    if (dtype == DType.Q4_1) {
      Fields.f16(w + 2 * ROWS, lane, vectors, tmp + DMIN);
      Fields.affine(tmp + D, tmp + DMIN, 16, vectors, tmp);
    } else {
      Fields.centred(tmp + D, -8, 16, vectors, tmp);
    }
    Runs.plane(dot, w + low, lane, 1, COLS, 4, tmp, x, out);
  }
}
