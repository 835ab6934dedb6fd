package org.gatun.backend.jvm;

import static org.gatun.backend.jvm.Lanes.N;
import static org.gatun.backend.jvm.Lanes.ROWS;

import jdk.incubator.vector.FloatVector;
import org.gatun.tensor.DType;

/**
 * Blocks of 32 nibbles: Q4_0 {@code d · (q − 8)}, Q4_1 {@code d · q + m}, IQ4_NL {@code d ·
 * grid[q]}.
 */
final class NibbleKernel implements BlockKernel {
  private static final int COLS = 32;

  private final DType dtype;
  private final long bytes;

  NibbleKernel(DType dtype) {
    this.dtype = dtype;
    bytes = (long) dtype.blockBytes() * ROWS;
  }

  @Override
  public void dot(long group, int blocks, long x, long y, long tmp) {
    for (int b = 0; b < blocks; b++) {
      block(true, group + b * bytes, x + 4L * COLS * b, y, tmp);
    }
  }

  @Override
  public void unpack(long group, int blocks, long out, long tmp) {
    for (int b = 0; b < blocks; b++) {
      block(false, group + b * bytes, 0, out + 4L * ROWS * COLS * b, tmp);
    }
  }

  private void block(boolean dot, long w, long x, long out, long tmp) {
    for (int s = 0; s < ROWS; s += N) {
      FloatVector d = Lanes.f16(w + 2 * s);
      if (dtype == DType.Q4_1) {
        Runs.affine(d, Lanes.f16(w + 2 * ROWS + 2 * s), tmp + 4 * s);
      } else if (dtype == DType.Q4_0) {
        Runs.affine(d, d.mul(-8f), tmp + 4 * s);
      } else {
        Lanes.store(d, tmp + 4 * s);
      }
    }
    if (dtype == DType.IQ4_NL) {
      Runs.levels(dot, w + 2 * ROWS, 16, 0, tmp, x, out);
      Runs.levels(dot, w + 2 * ROWS, 16, 4, tmp, x + 64, Runs.at(dot, out, 16));
    } else {
      long q = w + (dtype == DType.Q4_1 ? 4 : 2) * ROWS;
      Runs.bits(dot, q, 16, 0, 15, tmp, x, out);
      Runs.bits(dot, q, 16, 4, 15, tmp, x + 64, Runs.at(dot, out, 16));
    }
  }
}
