package org.gatun.tensor.codec;

import java.lang.foreign.MemorySegment;
import org.gatun.tensor.DType;

/** IEEE 754 single precision. */
final class F32Codec implements BlockCodec.Encoder {
  @Override
  public DType dtype() {
    return DType.F32;
  }

  @Override
  public void decode(MemorySegment src, long offset, float[] dst, int dstOff) {
    dst[dstOff] = src.get(Bytes.FLOAT, offset);
  }

  @Override
  public void decode(MemorySegment src, long offset, float[] dst, int dstOff, int blocks) {
    MemorySegment.copy(src, Bytes.FLOAT, offset, dst, dstOff, blocks);
  }

  @Override
  public void encode(float[] src, int srcOff, MemorySegment dst, long offset) {
    dst.set(Bytes.FLOAT, offset, src[srcOff]);
  }
}
