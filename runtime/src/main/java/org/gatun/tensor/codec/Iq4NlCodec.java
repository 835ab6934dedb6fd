package org.gatun.tensor.codec;

import java.lang.foreign.MemorySegment;
import org.gatun.tensor.DType;

/**
 * IQ4_NL: {@code x = d * LEVELS[q]}, 4 bits that index a fixed non-linear grid.
 *
 * <pre>
 * byte 0  f16 d
 * byte 2  16 bytes: element j in the low nibble, j + 16 in the high nibble of byte j
 * </pre>
 */
final class Iq4NlCodec implements BlockCodec {
  private static final float[] LEVELS = {
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113
  };

  @Override
  public DType dtype() {
    return DType.IQ4_NL;
  }

  @Override
  public void decode(MemorySegment src, long offset, float[] dst, int dstOff) {
    float d = Bytes.f16(src, offset);
    for (int j = 0; j < 16; j++) {
      int q = Bytes.u8(src, offset + 2 + j);
      dst[dstOff + j] = LEVELS[q & 0xF] * d;
      dst[dstOff + 16 + j] = LEVELS[q >> 4] * d;
    }
  }
}
