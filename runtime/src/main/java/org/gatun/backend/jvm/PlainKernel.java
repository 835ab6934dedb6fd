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
import static org.gatun.backend.jvm.Lanes.STRIP;

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
  public void dot(long group, int blocks, long x, long y, long tmp) {
    switch (dtype) {
      case F32 -> f32Dot(group, blocks, x, y);
      case F16 -> f16Dot(group, blocks, x, y, tmp);
      default -> bf16Dot(group, blocks, x, y);
    }
  }

  @Override
  public void unpack(long group, int lane, int blocks, long out, long tmp) {
    switch (dtype) {
      case F32 -> f32Copy(group + 4 * lane, blocks, out);
      case F16 -> {
        for (int j = 0; j < blocks; j++) {
          Fields.f16(group + 2L * ROWS * j, lane, STRIP / N, out + 4L * STRIP * j);
        }
      }
      default -> bf16Copy(group + 2 * lane, blocks, out);
    }
  }

  private static void f32Dot(long w, int n, long x, long y) {
    FloatVector a0 = FloatVector.fromMemorySegment(F, ALL, y + 0 * 4 * N, LITTLE_ENDIAN);
    FloatVector a1 = FloatVector.fromMemorySegment(F, ALL, y + 1 * 4 * N, LITTLE_ENDIAN);
    FloatVector a2 = FloatVector.fromMemorySegment(F, ALL, y + 2 * 4 * N, LITTLE_ENDIAN);
    FloatVector a3 = FloatVector.fromMemorySegment(F, ALL, y + 3 * 4 * N, LITTLE_ENDIAN);
    long w0 = w + 0 * 4 * N & ADDRESS;
    long w1 = w + 1 * 4 * N & ADDRESS;
    long w2 = w + 2 * 4 * N & ADDRESS;
    long w3 = w + 3 * 4 * N & ADDRESS;
    for (int j = 0; j < n; j++) {
      FloatVector xj = FloatVector.broadcast(F, ALL.get(Lanes.F32, x + 4L * (j & INDEX)));
      a0 =
          FloatVector.fromMemorySegment(F, ALL, (w0 + 4L * ROWS * j & ADDRESS), LITTLE_ENDIAN)
              .fma(xj, a0);
      a1 =
          FloatVector.fromMemorySegment(F, ALL, (w1 + 4L * ROWS * j & ADDRESS), LITTLE_ENDIAN)
              .fma(xj, a1);
      a2 =
          FloatVector.fromMemorySegment(F, ALL, (w2 + 4L * ROWS * j & ADDRESS), LITTLE_ENDIAN)
              .fma(xj, a2);
      a3 =
          FloatVector.fromMemorySegment(F, ALL, (w3 + 4L * ROWS * j & ADDRESS), LITTLE_ENDIAN)
              .fma(xj, a3);
    }
    a0.intoMemorySegment(ALL, y + 0 * 4 * N, LITTLE_ENDIAN);
    a1.intoMemorySegment(ALL, y + 1 * 4 * N, LITTLE_ENDIAN);
    a2.intoMemorySegment(ALL, y + 2 * 4 * N, LITTLE_ENDIAN);
    a3.intoMemorySegment(ALL, y + 3 * 4 * N, LITTLE_ENDIAN);
  }

  private static void f32Copy(long w, int n, long out) {
    for (int s = 0; s < STRIP; s += N) {
      long at = w + 4 * s;
      for (int j = 0; j < n; j++) {
        FloatVector.fromMemorySegment(F, ALL, (at & ADDRESS), LITTLE_ENDIAN)
            .intoMemorySegment(ALL, (out + 4L * (STRIP * j + s) & ADDRESS), LITTLE_ENDIAN);
        at += 4 * ROWS;
      }
    }
  }

  private static void bf16Dot(long w, int n, long x, long y) {
    FloatVector a0 = FloatVector.fromMemorySegment(F, ALL, y + 0 * 4 * N, LITTLE_ENDIAN);
    FloatVector a1 = FloatVector.fromMemorySegment(F, ALL, y + 1 * 4 * N, LITTLE_ENDIAN);
    FloatVector a2 = FloatVector.fromMemorySegment(F, ALL, y + 2 * 4 * N, LITTLE_ENDIAN);
    FloatVector a3 = FloatVector.fromMemorySegment(F, ALL, y + 3 * 4 * N, LITTLE_ENDIAN);
    long w0 = w + 0 * 2 * N & ADDRESS;
    long w1 = w + 1 * 2 * N & ADDRESS;
    long w2 = w + 2 * 2 * N & ADDRESS;
    long w3 = w + 3 * 2 * N & ADDRESS;
    for (int j = 0; j < n; j++) {
      FloatVector xj = FloatVector.broadcast(F, ALL.get(Lanes.F32, x + 4L * (j & INDEX)));
      a0 =
          ((IntVector)
                  ShortVector.fromMemorySegment(
                          S, ALL, (w0 + 2L * ROWS * j & ADDRESS), LITTLE_ENDIAN)
                      .convertShape(ZERO_EXTEND_S2I, I, 0))
              .lanewise(LSHL, 16)
              .reinterpretAsFloats()
              .fma(xj, a0);
      a1 =
          ((IntVector)
                  ShortVector.fromMemorySegment(
                          S, ALL, (w1 + 2L * ROWS * j & ADDRESS), LITTLE_ENDIAN)
                      .convertShape(ZERO_EXTEND_S2I, I, 0))
              .lanewise(LSHL, 16)
              .reinterpretAsFloats()
              .fma(xj, a1);
      a2 =
          ((IntVector)
                  ShortVector.fromMemorySegment(
                          S, ALL, (w2 + 2L * ROWS * j & ADDRESS), LITTLE_ENDIAN)
                      .convertShape(ZERO_EXTEND_S2I, I, 0))
              .lanewise(LSHL, 16)
              .reinterpretAsFloats()
              .fma(xj, a2);
      a3 =
          ((IntVector)
                  ShortVector.fromMemorySegment(
                          S, ALL, (w3 + 2L * ROWS * j & ADDRESS), LITTLE_ENDIAN)
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

  private static void bf16Copy(long w, int n, long out) {
    for (int s = 0; s < STRIP; s += N) {
      long at = w + 2 * s;
      for (int j = 0; j < n; j++) {
        ((IntVector)
                ShortVector.fromMemorySegment(S, ALL, (at & ADDRESS), LITTLE_ENDIAN)
                    .convertShape(ZERO_EXTEND_S2I, I, 0))
            .lanewise(LSHL, 16)
            .reinterpretAsFloats()
            .intoMemorySegment(ALL, (out + 4L * (STRIP * j + s) & ADDRESS), LITTLE_ENDIAN);
        at += 2 * ROWS;
      }
    }
  }

  /** Through scratch memory, {@code STEP} columns at a time. */
  private static void f16Dot(long w, int n, long x, long y, long tmp) {
    for (int j = 0; j < n; j += STEP) {
      int count = Math.min(STEP, n - j);
      Ahead.touch(w + 2L * ROWS * j, 2 * ROWS * count, tmp);
      for (int i = 0; i < count; i++) {
        Fields.f16(w + 2L * ROWS * (j + i), 0, Lanes.CHAINS, tmp + 4L * ROWS * i);
      }
      f32Dot(tmp, count, x + 4L * j, y);
    }
  }

  private static final int STEP = SCRATCH / (4 * ROWS);
}
