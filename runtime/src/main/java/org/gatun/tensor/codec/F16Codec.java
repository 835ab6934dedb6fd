package org.gatun.tensor.codec;

import java.lang.foreign.MemorySegment;
import org.gatun.tensor.DType;

/** IEEE 754 half precision. */
final class F16Codec implements BlockCodec.Encoder {
  @Override
  public DType dtype() {
    return DType.F16;
  }

  @Override
  public void decode(MemorySegment src, long offset, float[] dst, int dstOff) {
    dst[dstOff] = Bytes.f16(src, offset);
  }

  @Override
  public void decode(MemorySegment src, long offset, float[] dst, int dstOff, int blocks) {
    for (int i = 0; i < blocks; i++) {
      dst[dstOff + i] = Bytes.f16(src, offset + 2L * i);
    }
  }

  @Override
  public void encode(float[] src, int srcOff, MemorySegment dst, long offset) {
    Bytes.putF16(dst, offset, src[srcOff]);
  }
}
