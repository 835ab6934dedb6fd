package org.gatun.tensor.codec;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.gatun.tensor.DType;
import org.gatun.tensor.Tensor;

/** Finds the codec of a format. */
public final class Codecs {
  private static final Map<DType, BlockCodec> ALL = new EnumMap<>(DType.class);

  static {
    for (BlockCodec codec :
        List.of(
            new F32Codec(),
            new F16Codec(),
            new Bf16Codec(),
            new Q40Codec(),
            new Q41Codec(),
            new Q50Codec(),
            new Q51Codec(),
            new Q80Codec(),
            new Q2KCodec(),
            new Q3KCodec(),
            new Q4KCodec(),
            new Q5KCodec(),
            new Q6KCodec(),
            new Iq4NlCodec())) {
      ALL.put(codec.dtype(), codec);
    }
  }

  private Codecs() {}

  /**
   * The codec of a weight format.
   *
   * @throws IllegalArgumentException if the type cannot hold a weight
   */
  public static BlockCodec of(DType dtype) {
    BlockCodec codec = ALL.get(dtype);
    if (codec == null) {
      throw new IllegalArgumentException(dtype + " is not a weight format");
    }
    return codec;
  }

  /** The formats that can be encoded here, not only decoded. */
  public static List<DType> encodable() {
    return Arrays.stream(DType.values())
        .filter(t -> ALL.get(t) instanceof BlockCodec.Encoder)
        .toList();
  }

  /** Decodes one row of {@code tensor} to {@code dst[0, tensor.cols())}. */
  public static void decodeRow(Tensor tensor, long row, float[] dst) {
    int blocks = Math.toIntExact(tensor.cols() / tensor.dtype().blockSize());
    of(tensor.dtype()).decode(tensor.data(), row * tensor.rowStride(), dst, 0, blocks);
  }

  /**
   * Encodes {@code count} floats as consecutive blocks from {@code offset} on.
   *
   * @throws IllegalArgumentException if the format cannot be encoded here, or {@code count} is not
   *     whole blocks
   */
  public static void encode(
      DType dtype, float[] src, int srcOff, int count, MemorySegment dst, long offset) {
    if (!(of(dtype) instanceof BlockCodec.Encoder encoder)) {
      throw new IllegalArgumentException(
          dtype + " cannot be encoded; formats that can: " + encodable());
    }
    long end = dtype.bytes(count);
    int size = dtype.blockSize();
    for (long at = 0; at < end; at += dtype.blockBytes()) {
      encoder.encode(src, srcOff, dst, offset + at);
      srcOff += size;
    }
  }
}
