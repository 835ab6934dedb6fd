package org.gatun.tensor.codec;

import java.lang.foreign.ValueLayout;
import org.gatun.tensor.Tensor;

/** The codec of each format. */
public final class Codecs {
  private Codecs() {}

  /** Decodes one row into {@code dst[0 … cols − 1]}. */
  public static void decodeRow(Tensor t, long row, float[] dst) {
    long at = row * t.rowStride();
    for (int i = 0; i < t.cols(); i++) {
      dst[i] =
          switch (t.dtype()) {
            case F32 -> t.data().get(ValueLayout.JAVA_FLOAT_UNALIGNED, at + 4L * i);
            case F16 -> Float.float16ToFloat(t.data().get(ValueLayout.JAVA_SHORT_UNALIGNED, at + 2L * i));
            case BF16 -> Float.intBitsToFloat(t.data().get(ValueLayout.JAVA_SHORT_UNALIGNED, at + 2L * i) << 16);
            default -> throw new IllegalArgumentException("no codec for " + t.dtype());
          };
    }
  }
}
