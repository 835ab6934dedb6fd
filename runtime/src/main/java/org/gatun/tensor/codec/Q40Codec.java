package org.gatun.tensor.codec;

import java.lang.foreign.MemorySegment;
import org.gatun.tensor.DType;

/**
 * Q4_0: {@code x = d * (q - 8)}.
 *
 * <pre>
 * byte 0  f16 d
 * byte 2  16 bytes: element j in the low nibble, j + 16 in the high nibble of byte j
 * </pre>
 */
final class Q40Codec implements BlockCodec.Encoder {
  @Override
  public DType dtype() {
    return DType.Q4_0;
  }

  @Override
  public void decode(MemorySegment src, long offset, float[] dst, int dstOff) {
    float d = Bytes.f16(src, offset);
    for (int j = 0; j < 16; j++) {
      int q = Bytes.u8(src, offset + 2 + j);
      dst[dstOff + j] = ((q & 0xF) - 8) * d;
      dst[dstOff + 16 + j] = ((q >> 4) - 8) * d;
    }
  }

  @Override
  public void encode(float[] src, int srcOff, MemorySegment dst, long offset) {
    float d = Quantize.extreme(src, srcOff, 32) / -8;
    float inverse = Quantize.inverse(d);
    Bytes.putF16(dst, offset, d);
    for (int j = 0; j < 16; j++) {
      int low = Math.min(15, (int) (src[srcOff + j] * inverse + 8.5f));
      int high = Math.min(15, (int) (src[srcOff + 16 + j] * inverse + 8.5f));
      Bytes.put8(dst, offset + 2 + j, low | high << 4);
    }
  }
}
