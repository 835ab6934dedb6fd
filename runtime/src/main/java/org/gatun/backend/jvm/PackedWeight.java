package org.gatun.backend.jvm;

import java.lang.foreign.MemorySegment;
import org.gatun.tensor.DType;
import org.gatun.tensor.Tensor;
import org.gatun.tensor.codec.BlockCodec;
import org.gatun.tensor.codec.Codecs;

/**
 * A weight whose rows are interleaved as {@link BlockLayout} draws it, in groups of {@value #ROWS}
 * rows. {@value #GROUPS} groups lie side by side, block after block: whatever the width of vectors,
 * a kernel that takes several groups at once reads one stream.
 *
 * <pre>
 *   | block 0 of groups 0 1 2 3 | block 1 of groups 0 1 2 3 | … | block 0 of groups 4 5 6 7 | …
 * </pre>
 *
 * The last group is filled up with zeros; fewer groups at the end lie closer together.
 *
 * @param address of the first group
 * @param kernel the format's arithmetic
 */
record PackedWeight(
    String name,
    DType dtype,
    long rows,
    int cols,
    long address,
    BlockLayout layout,
    BlockKernel kernel) {
  static final int ROWS = Lanes.ROWS;

  /** Groups side by side. */
  static final int GROUPS = 4;

  PackedWeight(String name, DType dtype, long rows, int cols, long address) {
    this(name, dtype, rows, cols, address, BlockLayout.of(dtype), BlockKernel.of(dtype));
  }

  /** Bytes of a weight of this shape, padding included. */
  static long bytes(DType dtype, long rows, long cols) {
    return Math.multiplyExact(Math.ceilDiv(rows, (long) ROWS), ROWS * dtype.bytes(cols));
  }

  int blocks() {
    return cols / dtype.blockSize();
  }

  int groups() {
    return Math.toIntExact(Math.ceilDiv(rows, (long) ROWS));
  }

  /** Bytes of a group's block, the distance of neighbours among {@link #GROUPS}. */
  long blockBytes() {
    return (long) dtype.blockBytes() * ROWS;
  }

  /** The first block of group {@code g}. */
  long group(long g) {
    return address + g / GROUPS * GROUPS * ROWS * dtype.bytes(cols) + g % GROUPS * blockBytes();
  }

  /** Bytes from a block of group {@code g} to its next. */
  long stride(long g) {
    return Math.min(GROUPS, groups() - g / GROUPS * GROUPS) * blockBytes();
  }

  /** Interleaves sixteen rows of the file's layout. */
  void pack(Tensor t, long g) {
    long bytes = stride(g);
    for (int r = 0; r < ROWS; r++) {
      long row = g * ROWS + r;
      MemorySegment src = row < t.rows() ? t.data() : ZEROS;
      for (long b = 0; b < blocks(); b++) {
        long from = row < t.rows() ? row * t.rowStride() + b * dtype.blockBytes() : 0;
        layout.pack(src, from, r, group(g) + b * bytes);
      }
    }
  }

  private static final MemorySegment ZEROS = MemorySegment.ofArray(new byte[256]);

  /**
   * Decodes one row to {@code out[0 … cols − 1]} times {@code scale}.
   *
   * @param block at least {@code dtype.blockBytes()} bytes
   * @param values at least {@code dtype.blockSize()} floats
   */
  void row(long row, float scale, long out, MemorySegment block, float[] values) {
    BlockCodec codec = Codecs.of(dtype);
    int size = dtype.blockSize();
    long g = row / ROWS;
    for (int b = 0; b < blocks(); b++) {
      layout.unpack(group(g) + b * stride(g), (int) (row % ROWS), block);
      codec.decode(block, 0, values, 0);
      for (int i = 0; i < size; i++) {
        Lanes.put(out + 4L * ((long) b * size + i), values[i] * scale);
      }
    }
  }
}
