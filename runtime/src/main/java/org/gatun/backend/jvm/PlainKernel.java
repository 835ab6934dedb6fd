package org.gatun.backend.jvm;

import static java.nio.ByteOrder.LITTLE_ENDIAN;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.ZERO_EXTEND_S2I;
import static org.gatun.backend.jvm.Lanes.ADDRESS;
import static org.gatun.backend.jvm.Lanes.ALL;
import static org.gatun.backend.jvm.Lanes.F;
import static org.gatun.backend.jvm.Lanes.I;
import static org.gatun.backend.jvm.Lanes.INDEX;
import static org.gatun.backend.jvm.Lanes.N;
import static org.gatun.backend.jvm.Lanes.ROWS;
import static org.gatun.backend.jvm.Lanes.S;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import org.gatun.tensor.DType;

/**
 * F32, F16 and BF16: a block is one element. {@link Fields} says why vectors are handled in the
 * open.
 */
final class PlainKernel implements BlockKernel {
  private final DType dtype;

  PlainKernel(DType dtype) {
    this.dtype = dtype;
  }

  @Override
  public void dot(long group, long gs, long bs, int blocks, long x, long y, long tmp) {
    switch (dtype) {
      case F32 -> f32Dot(group, gs, bs, blocks, x, y);
      case F16 -> f16Dot(group, gs, bs, blocks, x, y, tmp);
      default -> bf16Dot(group, gs, bs, blocks, x, y);
    }
  }

  @Override
  public void unpack(long group, long bs, int blocks, long out, long tmp) {
    switch (dtype) {
      case F32 -> f32Copy(group, bs, blocks, out);
      case F16 -> {
        for (int j = 0; j < blocks; j++) {
          Fields.f16(group + j * bs, 0, ROWS / N, out + 4L * ROWS * j);
        }
      }
      default -> bf16Copy(group, bs, blocks, out);
    }
  }

  private static void f32Dot(long w, long gs, long bs, int n, long x, long y) {
    FloatVector a0 = FloatVector.fromMemorySegment(F, ALL, y + 0 * 4 * N, LITTLE_ENDIAN);
    FloatVector a1 = FloatVector.fromMemorySegment(F, ALL, y + 1 * 4 * N, LITTLE_ENDIAN);
    FloatVector a2 = FloatVector.fromMemorySegment(F, ALL, y + 2 * 4 * N, LITTLE_ENDIAN);
    FloatVector a3 = FloatVector.fromMemorySegment(F, ALL, y + 3 * 4 * N, LITTLE_ENDIAN);
    long w0 = w + Lanes.chain(0, gs, 4) & ADDRESS;
    long w1 = w + Lanes.chain(1, gs, 4) & ADDRESS;
    long w2 = w + Lanes.chain(2, gs, 4) & ADDRESS;
    long w3 = w + Lanes.chain(3, gs, 4) & ADDRESS;
    for (int j = 0; j < n; j++) {
      FloatVector xj = FloatVector.broadcast(F, ALL.get(Lanes.F32, x + 4L * (j & INDEX)));
      a0 =
          FloatVector.fromMemorySegment(F, ALL, (w0 + bs * j & ADDRESS), LITTLE_ENDIAN).fma(xj, a0);
      a1 =
          FloatVector.fromMemorySegment(F, ALL, (w1 + bs * j & ADDRESS), LITTLE_ENDIAN).fma(xj, a1);
      a2 =
          FloatVector.fromMemorySegment(F, ALL, (w2 + bs * j & ADDRESS), LITTLE_ENDIAN).fma(xj, a2);
      a3 =
          FloatVector.fromMemorySegment(F, ALL, (w3 + bs * j & ADDRESS), LITTLE_ENDIAN).fma(xj, a3);
    }
    a0.intoMemorySegment(ALL, y + 0 * 4 * N, LITTLE_ENDIAN);
    a1.intoMemorySegment(ALL, y + 1 * 4 * N, LITTLE_ENDIAN);
    a2.intoMemorySegment(ALL, y + 2 * 4 * N, LITTLE_ENDIAN);
    a3.intoMemorySegment(ALL, y + 3 * 4 * N, LITTLE_ENDIAN);
  }

  private static void f32Copy(long w, long bs, int n, long out) {
    for (int s = 0; s < ROWS; s += N) {
      long at = w + 4 * s;
      for (int j = 0; j < n; j++) {
        FloatVector.fromMemorySegment(F, ALL, (at & ADDRESS), LITTLE_ENDIAN)
            .intoMemorySegment(ALL, (out + 4L * (ROWS * j + s) & ADDRESS), LITTLE_ENDIAN);
        at += bs;
      }
    }
  }

  private static void bf16Dot(long w, long gs, long bs, int n, long x, long y) {
    FloatVector a0 = FloatVector.fromMemorySegment(F, ALL, y + 0 * 4 * N, LITTLE_ENDIAN);
    FloatVector a1 = FloatVector.fromMemorySegment(F, ALL, y + 1 * 4 * N, LITTLE_ENDIAN);
    FloatVector a2 = FloatVector.fromMemorySegment(F, ALL, y + 2 * 4 * N, LITTLE_ENDIAN);
    FloatVector a3 = FloatVector.fromMemorySegment(F, ALL, y + 3 * 4 * N, LITTLE_ENDIAN);
    long w0 = w + Lanes.chain(0, gs, 2) & ADDRESS;
    long w1 = w + Lanes.chain(1, gs, 2) & ADDRESS;
    long w2 = w + Lanes.chain(2, gs, 2) & ADDRESS;
    long w3 = w + Lanes.chain(3, gs, 2) & ADDRESS;
    for (int j = 0; j < n; j++) {
      FloatVector xj = FloatVector.broadcast(F, ALL.get(Lanes.F32, x + 4L * (j & INDEX)));
      a0 =
          ((IntVector)
                  ShortVector.fromMemorySegment(S, ALL, (w0 + bs * j & ADDRESS), LITTLE_ENDIAN)
                      .convertShape(ZERO_EXTEND_S2I, I, 0))
              .lanewise(LSHL, 16)
              .reinterpretAsFloats()
              .fma(xj, a0);
      a1 =
          ((IntVector)
                  ShortVector.fromMemorySegment(S, ALL, (w1 + bs * j & ADDRESS), LITTLE_ENDIAN)
                      .convertShape(ZERO_EXTEND_S2I, I, 0))
              .lanewise(LSHL, 16)
              .reinterpretAsFloats()
              .fma(xj, a1);
      a2 =
          ((IntVector)
                  ShortVector.fromMemorySegment(S, ALL, (w2 + bs * j & ADDRESS), LITTLE_ENDIAN)
                      .convertShape(ZERO_EXTEND_S2I, I, 0))
              .lanewise(LSHL, 16)
              .reinterpretAsFloats()
              .fma(xj, a2);
      a3 =
          ((IntVector)
                  ShortVector.fromMemorySegment(S, ALL, (w3 + bs * j & ADDRESS), LITTLE_ENDIAN)
                      .convertShape(ZERO_EXTEND_S2I, I, 0))
              .lanewise(LSHL, 16)
              .reinterpretAsFloats()
              .fma(xj, a3);
    }
    a0.intoMemorySegment(ALL, y + 0 * 4 * N, LITTLE_ENDIAN);
    a1.intoMemorySegment(ALL, y + 1 * 4 * N, LITTLE_ENDIAN);
    a2.intoMemorySegment(ALL, y + 2 * 4 * N, LITTLE_ENDIAN);
    a3.intoMemorySegment(ALL, y + 3 * 4 * N, LITTLE_ENDIAN);
  }

  private static void bf16Copy(long w, long bs, int n, long out) {
    for (int s = 0; s < ROWS; s += N) {
      long at = w + 2 * s;
      for (int j = 0; j < n; j++) {
        ((IntVector)
                ShortVector.fromMemorySegment(S, ALL, (at & ADDRESS), LITTLE_ENDIAN)
                    .convertShape(ZERO_EXTEND_S2I, I, 0))
            .lanewise(LSHL, 16)
            .reinterpretAsFloats()
            .intoMemorySegment(ALL, (out + 4L * (ROWS * j + s) & ADDRESS), LITTLE_ENDIAN);
        at += bs;
      }
    }
  }

  /** Through scratch memory, {@code STEP} columns at a time. */
  private static void f16Dot(long w, long gs, long bs, int n, long x, long y, long tmp) {
    for (int j = 0; j < n; j += STEP) {
      int count = Math.min(STEP, n - j);
      for (int i = 0; i < count; i++) {
        Fields.f16(w + (j + i) * bs, gs, Lanes.CHAINS, tmp + 4L * Lanes.UNIT * i);
      }
      f32Dot(tmp, 4 * ROWS, 4 * Lanes.UNIT, count, x + 4L * j, y);
    }
  }

  private static final int STEP = SCRATCH / (4 * Lanes.UNIT);
}
