package org.gatun.backend.jvm;

import static org.gatun.backend.jvm.Lanes.N;
import static org.gatun.backend.jvm.Lanes.ROWS;

/** Q8_0: {@code w = d · q}, q a signed byte. */
final class Q80Kernel implements BlockKernel {
  private static final long BYTES = 34L * ROWS;
  private static final int COLS = 32;

  @Override
  public void dot(long group, int blocks, long x, long y, long tmp) {
    for (int b = 0; b < blocks; b++) {
      block(true, group + b * BYTES, x + 4L * COLS * b, y, tmp);
    }
  }

  @Override
  public void unpack(long group, int blocks, long out, long tmp) {
    for (int b = 0; b < blocks; b++) {
      block(false, group + b * BYTES, 0, out + 4L * ROWS * COLS * b, tmp);
    }
  }

  private static void block(boolean dot, long w, long x, long out, long tmp) {
    for (int s = 0; s < ROWS; s += N) {
      Lanes.store(Lanes.f16(w + 2 * s), tmp + 4 * s);
    }
    Runs.signed(dot, w + 2 * ROWS, COLS, tmp, x, out);
  }
}
