package org.gatun.tensor.codec;

import java.lang.foreign.MemorySegment;
import org.gatun.tensor.DType;

/**
 * Q3_K: 16 groups of 16 elements, {@code x = d * (scale - 32) * (q - 4)}.
 *
 * <pre>
 * byte   0  32 bytes: bit k of byte l is bit 2 of element 32 k + l
 * byte  32  64 bytes: of each half h (128 elements), element 32 k + l sits in byte 32 h + l at bit 2 k
 * byte  96  12 bytes: the 6-bit scales; group g has its low nibble in byte g % 8 (low half for g &lt; 8,
 *           high half after), its upper two bits in byte 8 + g % 4 at bit 2 (g / 4)
 * byte 108  f16 d
 * </pre>
 */
final class Q3KCodec implements BlockCodec {
  @Override
  public DType dtype() {
    return DType.Q3_K;
  }

  @Override
  public void decode(MemorySegment src, long offset, float[] dst, int dstOff) {
    float d = Bytes.f16(src, offset + 108);
    long scales = offset + 96;
    for (int group = 0; group < 16; group++) {
      int low = Bytes.u8(src, scales + (group & 7)) >> (group < 8 ? 0 : 4) & 0xF;
      int high = Bytes.u8(src, scales + 8 + (group & 3)) >> 2 * (group >> 2) & 3;
      float scale = d * ((low | high << 4) - 32);
      int shift = 2 * (group >> 1 & 3);
      int plane = group >> 1;
      int half = 16 * (group & 1);
      long qs = offset + 32 + 32 * (group >> 3) + half;
      int out = dstOff + 16 * group;
      for (int l = 0; l < 16; l++) {
        int bit2 = (Bytes.u8(src, offset + half + l) >> plane & 1) << 2;
        dst[out + l] = scale * ((Bytes.u8(src, qs + l) >> shift & 3 | bit2) - 4);
      }
    }
  }
}
