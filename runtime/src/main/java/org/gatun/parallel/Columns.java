package org.gatun.parallel;

import java.lang.foreign.MemorySegment;

/** The graph's all-gather of columns on top of a communicator's all-gather of whole buffers. */
public final class Columns {
  private Columns() {}

  /**
   * Concatenates every rank's columns: {@code x} [rows, rowBytes] to {@code out} [rows, ranks ×
   * rowBytes].
   *
   * @param scratch at least {@code ranks × rows × rowBytes} bytes, used when rows is not 1
   */
  public static void allGather(
      Communicator group, MemorySegment x, MemorySegment out, MemorySegment scratch, long rows) {
    int ranks = group.worldSize();
    if (rows == 1) {
      group.allGather(x, out);
      return;
    }
    group.allGather(x, scratch.asSlice(0, out.byteSize()));
    long width = x.byteSize() / rows;
    for (int k = 0; k < ranks; k++) {
      for (long r = 0; r < rows; r++) {
        MemorySegment.copy(scratch, (k * rows + r) * width, out, (r * ranks + k) * width, width);
      }
    }
  }
}
