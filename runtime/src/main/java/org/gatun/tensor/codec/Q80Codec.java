package org.gatun.tensor.codec;

import java.lang.foreign.MemorySegment;
import org.gatun.tensor.DType;

/**
 * Q8_0: {@code x = d * q}.
 *
 * <pre>
 * byte 0  f16 d
 * byte 2  32 signed bytes
 * </pre>
 */
final class Q80Codec implements BlockCodec.Encoder {
  @Override
  public DType dtype() {
    return DType.Q8_0;
  }

  @Override
  public void decode(MemorySegment src, long offset, float[] dst, int dstOff) {
    float d = Bytes.f16(src, offset);
    for (int j = 0; j < 32; j++) {
      dst[dstOff + j] = Bytes.i8(src, offset + 2 + j) * d;
    }
  }

  @Override
  public void encode(float[] src, int srcOff, MemorySegment dst, long offset) {
    float d = Math.abs(Quantize.extreme(src, srcOff, 32)) / 127;
    float inverse = Quantize.inverse(d);
    Bytes.putF16(dst, offset, d);
    for (int j = 0; j < 32; j++) {
      Bytes.put8(dst, offset + 2 + j, Quantize.roundAway(src[srcOff + j] * inverse));
    }
  }
}
