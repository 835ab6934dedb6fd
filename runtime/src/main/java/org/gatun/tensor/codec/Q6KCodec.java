package org.gatun.tensor.codec;

import java.lang.foreign.MemorySegment;
import org.gatun.tensor.DType;

/**
 * Q6_K: 16 groups of 16 elements, {@code x = d * scale * (q - 32)}; scales are signed bytes.
 *
 * <pre>
 * each half h (128 elements), element 32 k + l:
 * byte   0  128 bytes: bits 0-3 in byte 64 h + 32 (k % 2) + l, low nibble for k &lt; 2, high after
 * byte 128  64 bytes: bits 4-5 in byte 32 h + l at bit 2 k
 * byte 192  16 signed bytes: the scales
 * byte 208  f16 d
 * </pre>
 */
final class Q6KCodec implements BlockCodec {
  @Override
  public DType dtype() {
    return DType.Q6_K;
  }

  @Override
  public void decode(MemorySegment src, long offset, float[] dst, int dstOff) {
    float d = Bytes.f16(src, offset + 208);
    for (int group = 0; group < 16; group++) {
      float scale = d * Bytes.i8(src, offset + 192 + group);
      int k = group >> 1 & 3;
      int l0 = 16 * (group & 1);
      long ql = offset + 64 * (group >> 3) + 32 * (k & 1) + l0;
      long qh = offset + 128 + 32 * (group >> 3) + l0;
      int nibble = 4 * (k >> 1);
      int out = dstOff + 16 * group;
      for (int l = 0; l < 16; l++) {
        int high = Bytes.u8(src, qh + l) >> 2 * k & 3;
        dst[out + l] = scale * ((Bytes.u8(src, ql + l) >> nibble & 0xF | high << 4) - 32);
      }
    }
  }
}
