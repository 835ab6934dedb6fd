package org.gatun.tensor.codec;

import java.lang.foreign.MemorySegment;
import org.gatun.tensor.DType;

/**
 * Q4_1: {@code x = d * q + m}.
 *
 * <pre>
 * byte 0  f16 d
 * byte 2  f16 m
 * byte 4  16 bytes: element j in the low nibble, j + 16 in the high nibble of byte j
 * </pre>
 */
final class Q41Codec implements BlockCodec.Encoder {
  @Override
  public DType dtype() {
    return DType.Q4_1;
  }

  @Override
  public void decode(MemorySegment src, long offset, float[] dst, int dstOff) {
    float d = Bytes.f16(src, offset);
    float m = Bytes.f16(src, offset + 2);
    for (int j = 0; j < 16; j++) {
      int q = Bytes.u8(src, offset + 4 + j);
      dst[dstOff + j] = (q & 0xF) * d + m;
      dst[dstOff + 16 + j] = (q >> 4) * d + m;
    }
  }

  @Override
  public void encode(float[] src, int srcOff, MemorySegment dst, long offset) {
    float min = Quantize.min(src, srcOff, 32);
    float d = (Quantize.max(src, srcOff, 32) - min) / 15;
    float inverse = Quantize.inverse(d);
    Bytes.putF16(dst, offset, d);
    Bytes.putF16(dst, offset + 2, min);
    for (int j = 0; j < 16; j++) {
      int low = Math.min(15, (int) ((src[srcOff + j] - min) * inverse + 0.5f));
      int high = Math.min(15, (int) ((src[srcOff + 16 + j] - min) * inverse + 0.5f));
      Bytes.put8(dst, offset + 4 + j, low | high << 4);
    }
  }
}
