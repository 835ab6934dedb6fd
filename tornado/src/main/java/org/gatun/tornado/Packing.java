package org.gatun.tornado;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Locale;
import java.util.stream.LongStream;
import org.gatun.tensor.DType;
import org.gatun.tensor.Tensor;
import org.gatun.tornado.kernels.Blocks;
import org.jspecify.annotations.Nullable;

/**
 * How a weight format's rows become ints: the writer of the layout that {@link
 * org.gatun.tornado.kernels.Blocks} reads, of the file's size but for padding of a row to whole
 * ints.
 *
 * @param format the kernels' number of it
 * @param columns columns per block
 * @param bytes bytes per block in the file
 * @param lone byte offset of a lone f16 in the block, or −1
 * @param runs of bytes to transpose, as (offset without the lone f16, length) pairs
 */
record Packing(int format, int columns, int bytes, int lone, int[] runs) {
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** The packing of this format, or null if the kernels have no codec for it. */
  static @Nullable Packing of(DType t) {
    return switch (t) {
      case F16 -> new Packing(Blocks.F16, 32, 64, -1, new int[0]);
      case BF16 -> new Packing(Blocks.BF16, 32, 64, -1, new int[0]);
      case Q8_0 -> block(t, Blocks.Q8_0, 0, 0, 32);
      case Q4_0 -> block(t, Blocks.Q4_0, 0, 0, 16);
      case Q4_1 -> block(t, Blocks.Q4_1, -1, 4, 16);
      case Q5_0 -> block(t, Blocks.Q5_0, 0, 4, 16);
      case Q5_1 -> block(t, Blocks.Q5_1, -1, 8, 16);
      case Q4_K -> block(t, Blocks.Q4_K, -1, 16, 32, 48, 32, 80, 32, 112, 32);
      case Q5_K -> block(t, Blocks.Q5_K, -1, 16, 32, 48, 32, 80, 32, 112, 32, 144, 32);
      case Q6_K -> block(t, Blocks.Q6_K, 208, 0, 32, 32, 32, 64, 32, 96, 32, 128, 32, 160, 32);
      default -> null;
    };
  }

  private static Packing block(DType t, int format, int lone, int... runs) {
    return new Packing(format, t.blockSize(), t.blockBytes(), lone, runs);
  }

  /** Ints of one row. */
  int rowWords(long cols) {
    int blocks = Math.toIntExact(Math.ceilDiv(cols, columns));
    return lone < 0 ? blocks * (bytes / 4) : blocks * ((bytes - 2) / 4) + (blocks + 1) / 2;
  }

  /** Writes all rows of {@code t} from {@code at} on. */
  void pack(Tensor t, int[] to, int at) {
    int words = rowWords(t.cols());
    LongStream.range(0, t.rows())
        .parallel()
        .forEach(r -> packRow(t.row(r), t.cols(), to, Math.toIntExact(at + r * words)));
  }

  private void packRow(MemorySegment row, long cols, int[] to, int at) {
    if (runs.length == 0) {
      packHalves(row, cols, to, at);
      return;
    }
    int blocks = Math.toIntExact(cols / columns);
    int bodyBytes = lone < 0 ? bytes : bytes - 2;
    byte[] body = new byte[bodyBytes];
    byte[] plain = new byte[bodyBytes];
    int scales = at + blocks * (bodyBytes / 4);
    for (int b = 0; b < blocks; b++) {
      long from = (long) b * bytes;
      int before = lone < 0 ? bodyBytes : lone;
      MemorySegment.copy(row, ValueLayout.JAVA_BYTE, from, plain, 0, before);
      if (lone >= 0) {
        MemorySegment.copy(
            row, ValueLayout.JAVA_BYTE, from + lone + 2, plain, lone, bodyBytes - lone);
        int half = row.get(SHORT, from + lone) & 0xffff;
        to[scales + b / 2] |= half << 16 * (b & 1);
      }
      System.arraycopy(plain, 0, body, 0, bodyBytes);
      for (int i = 0; i < runs.length; i += 2) {
        transpose(plain, body, runs[i], runs[i + 1]);
      }
      for (int i = 0; i < bodyBytes / 4; i++) {
        to[at + b * (bodyBytes / 4) + i] =
            body[4 * i] & 0xff
                | (body[4 * i + 1] & 0xff) << 8
                | (body[4 * i + 2] & 0xff) << 16
                | (body[4 * i + 3] & 0xff) << 24;
      }
    }
  }

  /** Int j of the run gets bytes j, j + n, j + 2 n, j + 3 n, where n is a quarter of the run. */
  private static void transpose(byte[] from, byte[] to, int at, int length) {
    int n = length / 4;
    for (int j = 0; j < n; j++) {
      for (int b = 0; b < 4; b++) {
        to[at + 4 * j + b] = from[at + b * n + j];
      }
    }
  }

  /**
   * Two-byte elements: int j of a run of 32 holds elements j and 16 + j; the end is padded with 0.
   */
  private static void packHalves(MemorySegment row, long cols, int[] to, int at) {
    for (int c = 0; c < cols; c++) {
      int half = row.get(SHORT, 2L * c) & 0xffff;
      to[at + c / 32 * 16 + (c & 15)] |= half << (c & 16);
    }
  }

  /** The formats there are, for messages. */
  static String known() {
    StringBuilder s = new StringBuilder("F32");
    for (DType t : DType.values()) {
      if (of(t) != null) {
        s.append(", ").append(t.name().toUpperCase(Locale.ROOT));
      }
    }
    return s.toString();
  }
}
