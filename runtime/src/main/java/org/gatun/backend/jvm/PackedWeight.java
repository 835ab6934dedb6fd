package org.gatun.backend.jvm;

import static org.gatun.backend.jvm.Lanes.ROWS;

import java.lang.foreign.MemorySegment;
import org.gatun.tensor.DType;
import org.gatun.tensor.Tensor;
import org.gatun.tensor.codec.BlockCodec;
import org.gatun.tensor.codec.Codecs;

/**
 * A weight whose rows are interleaved as {@link BlockLayout} draws it, in groups of {@link
 * Lanes#ROWS} rows, block after block. The last group is filled up with zeros.
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

  /** Block {@code b} of group {@code g}. */
  long block(long g, long b) {
    return address + (g * blocks() + b) * layout.bytes();
  }

  /** Interleaves the rows of group {@code g} from the file's layout. */
  void pack(Tensor t, long g) {
    for (long b = 0; b < blocks(); b++) {
      for (int r = 0; r < ROWS; r++) {
        long row = g * ROWS + r;
        MemorySegment src = row < t.rows() ? t.data() : ZEROS;
        long from = row < t.rows() ? row * t.rowStride() + b * dtype.blockBytes() : 0;
        layout.pack(src, from, r, block(g, b));
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
      layout.unpack(block(g, b), (int) (row % ROWS), block);
      codec.decode(block, 0, values, 0);
      for (int i = 0; i < size; i++) {
        Lanes.put(out + 4L * ((long) b * size + i), values[i] * scale);
      }
    }
  }
}
