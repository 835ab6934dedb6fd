package org.gatun.tensor.codec;

import java.lang.foreign.MemorySegment;
import org.gatun.tensor.DType;

/** bfloat16: the upper half of a single-precision number. */
final class Bf16Codec implements BlockCodec.Encoder {
  @Override
  public DType dtype() {
    return DType.BF16;
  }

  @Override
  public void decode(MemorySegment src, long offset, float[] dst, int dstOff) {
    dst[dstOff] = Float.intBitsToFloat(src.get(Bytes.SHORT, offset) << 16);
  }

  @Override
  public void decode(MemorySegment src, long offset, float[] dst, int dstOff, int blocks) {
    for (int i = 0; i < blocks; i++) {
      dst[dstOff + i] = Float.intBitsToFloat(src.get(Bytes.SHORT, offset + 2L * i) << 16);
    }
  }

  @Override
  public void encode(float[] src, int srcOff, MemorySegment dst, long offset) {
    int bits = Float.floatToRawIntBits(src[srcOff]);
    // Round to nearest, ties to even; a NaN must not round up to infinity.
    int rounded =
        Float.isNaN(src[srcOff])
            ? (bits >>> 16) | 0x40
            : (bits + 0x7FFF + ((bits >>> 16) & 1)) >>> 16;
    dst.set(Bytes.SHORT, offset, (short) rounded);
  }
}
