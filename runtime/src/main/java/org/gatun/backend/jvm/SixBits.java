package org.gatun.backend.jvm;

import static org.gatun.backend.jvm.Lanes.ROWS;

/** The eight 6-bit scales and mins in 12 bytes of a Q4_K or Q5_K block. */
final class SixBits {
  private SixBits() {}

  /** The factors of run {@code g}; d and dmin of the block lie in {@code tmp}. */
  static void scales(long from, int lane, int g, float span, int vectors, long tmp) {
    long at = from + ROWS * g;
    long scale = tmp + BlockKernel.SCALE;
    long min = tmp + BlockKernel.MIN;
    if (g < 4) {
      Fields.bits(at, lane, vectors, 0, 63, scale);
      Fields.bits(at + 4 * ROWS, lane, vectors, 0, 63, min);
    } else {
      Fields.six(at + 4 * ROWS, 0, at - 4 * ROWS, 6, 0, lane, vectors, scale);
      Fields.six(at + 4 * ROWS, 4, at, 6, 0, lane, vectors, min);
    }
    Fields.affine(tmp + BlockKernel.D, scale, tmp + BlockKernel.DMIN, min, span, vectors, tmp);
  }
}
