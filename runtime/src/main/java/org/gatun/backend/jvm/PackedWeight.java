package org.gatun.backend.jvm;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.gatun.tensor.DType;
import org.gatun.tensor.Tensor;
import org.gatun.tensor.codec.BlockCodec;
import org.gatun.tensor.codec.Codecs;

/**
 * A weight whose rows are interleaved as {@link BlockKernel} draws it. The last group is filled up
 * with zeros.
 *
 * @param address of the first group
 * @param kernel the format's arithmetic
 */
record PackedWeight(
    String name, DType dtype, long rows, int cols, long address, BlockKernel kernel) {
  static final int ROWS = Lanes.ROWS;

  PackedWeight(String name, DType dtype, long rows, int cols, long address) {
    this(name, dtype, rows, cols, address, BlockKernel.of(dtype));
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

  long group(long g) {
    return address + g * ROWS * dtype.bytes(cols);
  }

  /** Interleaves sixteen rows of the file's layout. */
  static void pack(Tensor t, long g, long dst) {
    int[] words = words(t.dtype());
    int blockBytes = t.dtype().blockBytes();
    long blocks = t.cols() / t.dtype().blockSize();
    MemorySegment src = t.data();
    MemorySegment all = Lanes.ALL;
    for (int r = 0; r < ROWS; r++) {
      long row = g * ROWS + r;
      for (long b = 0; b < blocks; b++) {
        long to = dst + b * blockBytes * ROWS;
        long from = row * t.rowStride() + b * blockBytes;
        for (int f = 0, w = 0; f < blockBytes; w++) {
          int width = w < words.length ? words[w] : 1;
          if (width == 2) {
            short v = row < t.rows() ? src.get(Lanes.I16, from + f) : 0;
            all.set(Lanes.I16, to + (long) f * ROWS + 2L * r, v);
          } else if (width == 4) {
            int v = row < t.rows() ? src.get(Lanes.I32, from + f) : 0;
            all.set(Lanes.I32, to + (long) f * ROWS + 4L * r, v);
          } else {
            int run = w < words.length ? -width : blockBytes - f;
            bytes(src, from + f, row < t.rows() ? run : 0, run, to + (long) f * ROWS + r);
            width = run;
          }
          f += width;
        }
      }
    }
  }

  private static void bytes(MemorySegment src, long from, int present, int count, long to) {
    for (int i = 0; i < count; i++) {
      byte v = i < present ? src.get(ValueLayout.JAVA_BYTE, from + i) : 0;
      Lanes.ALL.set(ValueLayout.JAVA_BYTE, to + (long) i * ROWS, v);
    }
  }

  /**
   * The fields of a block: 2 and 4 for words of that many bytes, −n for n single bytes; single
   * bytes follow.
   */
  private static int[] words(DType t) {
    return switch (t) {
      case F32 -> new int[] {4};
      case F16, BF16, Q4_0, Q5_0, Q8_0, IQ4_NL -> new int[] {2};
      case Q4_1, Q5_1, Q4_K, Q5_K -> new int[] {2, 2};
      case Q2_K -> new int[] {-80, 2, 2};
      case Q3_K -> new int[] {-108, 2};
      case Q6_K -> new int[] {-208, 2};
      case I8, I16, I32, I64, F64 ->
          throw new IllegalArgumentException(t + " is not a weight format");
    };
  }

  /**
   * Decodes one row to {@code out[0 … cols − 1]} times {@code scale}.
   *
   * @param block at least {@code dtype.blockBytes()} bytes
   * @param values at least {@code dtype.blockSize()} floats
   */
  void row(long row, float scale, long out, MemorySegment block, float[] values) {
    BlockCodec codec = Codecs.of(dtype);
    int[] words = words(dtype);
    int size = dtype.blockSize();
    int blockBytes = dtype.blockBytes();
    int lane = (int) (row % ROWS);
    for (int b = 0; b < blocks(); b++) {
      long from = group(row / ROWS) + (long) b * blockBytes * ROWS;
      for (int f = 0, w = 0; f < blockBytes; w++) {
        int width = w < words.length ? words[w] : 1;
        int run = width < 0 ? -width : width;
        for (int i = 0; i < run; i++) {
          long at =
              width < 0 ? (long) (f + i) * ROWS + lane : (long) f * ROWS + (long) width * lane + i;
          block.set(ValueLayout.JAVA_BYTE, f + i, Lanes.ALL.get(ValueLayout.JAVA_BYTE, from + at));
        }
        f += run;
      }
      codec.decode(block, 0, values, 0);
      for (int i = 0; i < size; i++) {
        Lanes.put(out + 4L * ((long) b * size + i), values[i] * scale);
      }
    }
  }
}
