package org.gatun.tensor.codec;

import java.lang.foreign.MemorySegment;
import org.gatun.tensor.DType;

/**
 * Q5_1: {@code x = d * q + m}.
 *
 * <pre>
 * byte 0  f16 d
 * byte 2  f16 m
 * byte 4  u32 qh: bit j is bit 4 of element j
 * byte 8  16 bytes: element j in the low nibble, j + 16 in the high nibble of byte j
 * </pre>
 */
final class Q51Codec implements BlockCodec.Encoder {
  @Override
  public DType dtype() {
    return DType.Q5_1;
  }

  @Override
  public void decode(MemorySegment src, long offset, float[] dst, int dstOff) {
    float d = Bytes.f16(src, offset);
    float m = Bytes.f16(src, offset + 2);
    int qh = src.get(Bytes.INT, offset + 4);
    for (int j = 0; j < 16; j++) {
      int q = Bytes.u8(src, offset + 8 + j);
      dst[dstOff + j] = (q & 0xF | (qh >>> j & 1) << 4) * d + m;
      dst[dstOff + 16 + j] = (q >> 4 | (qh >>> (j + 16) & 1) << 4) * d + m;
    }
  }

  @Override
  public void encode(float[] src, int srcOff, MemorySegment dst, long offset) {
    float min = Quantize.min(src, srcOff, 32);
    float d = (Quantize.max(src, srcOff, 32) - min) / 31;
    float inverse = Quantize.inverse(d);
    int qh = 0;
    Bytes.putF16(dst, offset, d);
    Bytes.putF16(dst, offset + 2, min);
    for (int j = 0; j < 16; j++) {
      int low = Math.min(31, (int) ((src[srcOff + j] - min) * inverse + 0.5f));
      int high = Math.min(31, (int) ((src[srcOff + 16 + j] - min) * inverse + 0.5f));
      Bytes.put8(dst, offset + 8 + j, low & 0xF | (high & 0xF) << 4);
      qh |= low >> 4 << j | high >> 4 << (j + 16);
    }
    dst.set(Bytes.INT, offset + 4, qh);
  }
}
