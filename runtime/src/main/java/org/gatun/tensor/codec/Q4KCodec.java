package org.gatun.tensor.codec;

import java.lang.foreign.MemorySegment;
import org.gatun.tensor.DType;

/**
 * Q4_K: 8 groups of 32 elements, {@code x = d * scale * q - dmin * min}.
 *
 * <pre>
 * byte  0  f16 d
 * byte  2  f16 dmin
 * byte  4  12 bytes: {@link SixBitScales}
 * byte 16  128 bytes: group 2 p in the low nibbles, 2 p + 1 in the high nibbles of bytes 32 p..32 p + 31
 * </pre>
 */
final class Q4KCodec implements BlockCodec {
  @Override
  public DType dtype() {
    return DType.Q4_K;
  }

  @Override
  public void decode(MemorySegment src, long offset, float[] dst, int dstOff) {
    float d = Bytes.f16(src, offset);
    float dmin = Bytes.f16(src, offset + 2);
    for (int group = 0; group < 8; group++) {
      float scale = d * SixBitScales.scale(src, offset + 4, group);
      float min = dmin * SixBitScales.min(src, offset + 4, group);
      int shift = 4 * (group & 1);
      long qs = offset + 16 + 32 * (group >> 1);
      int out = dstOff + 32 * group;
      for (int l = 0; l < 32; l++) {
        dst[out + l] = scale * (Bytes.u8(src, qs + l) >> shift & 0xF) - min;
      }
    }
  }
}
