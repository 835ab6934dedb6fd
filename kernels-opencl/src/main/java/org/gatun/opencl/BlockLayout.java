package org.gatun.opencl;

import java.util.List;
import org.gatun.backend.BackendException;
import org.gatun.tensor.DType;

/**
 * How a weight format's blocks are interleaved on the device: the Java side of {@code lanes.cl}.
 * Formats without blocks are cut into runs of 16 columns.
 *
 * @param dtype the format
 * @param sources codec source files, in order
 * @param columns columns per device block
 * @param segment columns that share a scale
 * @param bytes bytes per device block and row
 * @param head half-word of the file's block that holds a lone f16 scale, or −1
 */
record BlockLayout(
    DType dtype, List<String> sources, int columns, int segment, int bytes, int head) {

  /** Rows that are interleaved. */
  static final int LANES = 16;

  static BlockLayout of(DType t) {
    return switch (t) {
      case F32 -> new BlockLayout(t, List.of("codec_f32.cl"), 16, 16, 64, -1);
      case F16 -> new BlockLayout(t, List.of("codec_f16.cl"), 16, 16, 32, -1);
      case BF16 -> new BlockLayout(t, List.of("codec_bf16.cl"), 16, 16, 32, -1);
      case Q4_0, Q5_0, Q8_0, IQ4_NL -> block(t, 32, 0);
      case Q4_1, Q5_1 -> block(t, 32, -1);
      case Q2_K -> block(t, 16, -1);
      case Q3_K, Q6_K -> block(t, 16, t.blockBytes() / 2 - 1);
      case Q4_K, Q5_K ->
          new BlockLayout(
              t, List.of("k_scales.cl", codec(t)), t.blockSize(), 32, t.blockBytes(), -1);
      default ->
          throw new BackendException(
              "opencl has no codec for weight format " + t + "; use --backend jvm");
    };
  }

  private static BlockLayout block(DType t, int segment, int head) {
    return new BlockLayout(t, List.of(codec(t)), t.blockSize(), segment, t.blockBytes(), head);
  }

  private static String codec(DType t) {
    return "codec_" + t.name().toLowerCase(java.util.Locale.ROOT) + ".cl";
  }

  /** Device blocks of one row. */
  int blocks(long cols) {
    return Math.toIntExact(Math.ceilDiv(cols, columns));
  }

  /** Groups of interleaved rows. */
  static int groups(long rows) {
    return Math.toIntExact(Math.ceilDiv(rows, LANES));
  }

  /** Bytes of a whole weight on the device. */
  long deviceBytes(long rows, long cols) {
    return (long) groups(rows) * LANES * blocks(cols) * bytes;
  }
}
