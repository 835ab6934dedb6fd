package org.gatun.tensor.codec;

import java.lang.foreign.MemorySegment;
import org.gatun.tensor.DType;

/**
 * Q2_K: 16 groups of 16 elements, {@code x = d * scale * q - dmin * min}.
 *
 * <pre>
 * byte  0  16 bytes: group g has its scale in the low, its min in the high nibble of byte g
 * byte 16  64 bytes: of each half h (128 elements), element 32 k + l sits in byte 32 h + l at bit 2 k
 * byte 80  f16 d
 * byte 82  f16 dmin
 * </pre>
 */
final class Q2KCodec implements BlockCodec {
  @Override
  public DType dtype() {
    return DType.Q2_K;
  }

  @Override
  public void decode(MemorySegment src, long offset, float[] dst, int dstOff) {
    float d = Bytes.f16(src, offset + 80);
    float dmin = Bytes.f16(src, offset + 82);
    for (int group = 0; group < 16; group++) {
      int packed = Bytes.u8(src, offset + group);
      float scale = d * (packed & 0xF);
      float min = dmin * (packed >> 4);
      int shift = 2 * (group >> 1 & 3);
      long qs = offset + 16 + 32 * (group >> 3) + 16 * (group & 1);
      int out = dstOff + 16 * group;
      for (int l = 0; l < 16; l++) {
        dst[out + l] = scale * (Bytes.u8(src, qs + l) >> shift & 3) - min;
      }
    }
  }
}
