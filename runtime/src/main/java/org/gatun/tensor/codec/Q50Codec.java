package org.gatun.tensor.codec;

import java.lang.foreign.MemorySegment;
import org.gatun.tensor.DType;

/**
 * Q5_0: {@code x = d * (q - 16)}.
 *
 * <pre>
 * byte 0  f16 d
 * byte 2  u32 qh: bit j is bit 4 of element j
 * byte 6  16 bytes: element j in the low nibble, j + 16 in the high nibble of byte j
 * </pre>
 */
final class Q50Codec implements BlockCodec.Encoder {
  @Override
  public DType dtype() {
    return DType.Q5_0;
  }

  @Override
  public void decode(MemorySegment src, long offset, float[] dst, int dstOff) {
    float d = Bytes.f16(src, offset);
    int qh = src.get(Bytes.INT, offset + 2);
    for (int j = 0; j < 16; j++) {
      int q = Bytes.u8(src, offset + 6 + j);
      dst[dstOff + j] = ((q & 0xF | (qh >>> j & 1) << 4) - 16) * d;
      dst[dstOff + 16 + j] = ((q >> 4 | (qh >>> (j + 16) & 1) << 4) - 16) * d;
    }
  }

  @Override
  public void encode(float[] src, int srcOff, MemorySegment dst, long offset) {
    float d = Quantize.extreme(src, srcOff, 32) / -16;
    float inverse = Quantize.inverse(d);
    int qh = 0;
    Bytes.putF16(dst, offset, d);
    for (int j = 0; j < 16; j++) {
      int low = Math.min(31, (int) (src[srcOff + j] * inverse + 16.5f));
      int high = Math.min(31, (int) (src[srcOff + 16 + j] * inverse + 16.5f));
      Bytes.put8(dst, offset + 6 + j, low & 0xF | (high & 0xF) << 4);
      qh |= low >> 4 << j | high >> 4 << (j + 16);
    }
    dst.set(Bytes.INT, offset + 2, qh);
  }
}
