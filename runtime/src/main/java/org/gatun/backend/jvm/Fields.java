package org.gatun.backend.jvm;

import static java.nio.ByteOrder.LITTLE_ENDIAN;
import static jdk.incubator.vector.VectorOperators.B2I;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.ZERO_EXTEND_B2I;
import static jdk.incubator.vector.VectorOperators.ZERO_EXTEND_S2I;
import static org.gatun.backend.jvm.Lanes.ADDRESS;
import static org.gatun.backend.jvm.Lanes.ALL;
import static org.gatun.backend.jvm.Lanes.B;
import static org.gatun.backend.jvm.Lanes.F;
import static org.gatun.backend.jvm.Lanes.I;
import static org.gatun.backend.jvm.Lanes.N;
import static org.gatun.backend.jvm.Lanes.S;

import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;

/**
 * Scale fields of interleaved blocks to f32, memory to memory: {@code vectors} vectors, a row per
 * lane of the vectors, from row {@code lane} of the interleaved ones on.
 *
 * <p>Here and in {@link Runs} vectors are handled by the API's own methods alone: those are inlined
 * whatever the size of the caller. A helper that returns a vector is not inlined once the caller is
 * past C2's node limit, and then every vector that it returns is an object.
 */
final class Fields {
  private static final float F16_SCALE = 0x1p112f;

  private Fields() {}

  /** Half-precision floats; exact for every finite value, subnormals included. */
  static void f16(long from, int lane, int vectors, long to) {
    for (int c = 0; c < vectors; c++) {
      IntVector h =
          ((IntVector)
              ShortVector.fromMemorySegment(
                      S, ALL, (from + 2L * (lane + N * c) & ADDRESS), LITTLE_ENDIAN)
                  .convertShape(ZERO_EXTEND_S2I, I, 0));
      FloatVector magnitude = h.and(0x7FFF).lanewise(LSHL, 13).reinterpretAsFloats().mul(F16_SCALE);
      IntVector sign = h.and(0x8000).lanewise(LSHL, 16);
      magnitude
          .reinterpretAsInts()
          .or(sign)
          .reinterpretAsFloats()
          .intoMemorySegment(ALL, (to + 4L * N * c) & ADDRESS, LITTLE_ENDIAN);
    }
  }

  /** Signed bytes. */
  static void signed(long from, int lane, int vectors, long to) {
    for (int c = 0; c < vectors; c++) {
      IntVector q =
          ((IntVector)
              ByteVector.fromMemorySegment(B, ALL, (from + lane + N * c & ADDRESS), LITTLE_ENDIAN)
                  .convertShape(B2I, I, 0));
      ((FloatVector) q.convertShape(I2F, F, 0))
          .intoMemorySegment(ALL, (to + 4L * N * c) & ADDRESS, LITTLE_ENDIAN);
    }
  }

  /** {@code byte >>> shift & mask}. */
  static void bits(long from, int lane, int vectors, int shift, int mask, long to) {
    for (int c = 0; c < vectors; c++) {
      IntVector q =
          ((IntVector)
              ByteVector.fromMemorySegment(B, ALL, (from + lane + N * c & ADDRESS), LITTLE_ENDIAN)
                  .convertShape(ZERO_EXTEND_B2I, I, 0));
      ((FloatVector) q.lanewise(LSHR, shift).and(mask).convertShape(I2F, F, 0))
          .intoMemorySegment(ALL, (to + 4L * N * c) & ADDRESS, LITTLE_ENDIAN);
    }
  }

  /** {@code (low >>> shift & 15) + (high >>> hShift & 3) · 16 − minus}, a byte of each. */
  static void six(
      long low, int shift, long high, int hShift, int minus, int lane, int vectors, long to) {
    for (int c = 0; c < vectors; c++) {
      long at = lane + N * c;
      IntVector l =
          ((IntVector)
              ByteVector.fromMemorySegment(B, ALL, (low + at & ADDRESS), LITTLE_ENDIAN)
                  .convertShape(ZERO_EXTEND_B2I, I, 0));
      IntVector h =
          ((IntVector)
              ByteVector.fromMemorySegment(B, ALL, (high + at & ADDRESS), LITTLE_ENDIAN)
                  .convertShape(ZERO_EXTEND_B2I, I, 0));
      IntVector q =
          h.lanewise(LSHR, hShift).and(3).lanewise(LSHL, 4).or(l.lanewise(LSHR, shift).and(15));
      ((FloatVector) q.sub(minus).convertShape(I2F, F, 0))
          .intoMemorySegment(ALL, (to + 4L * N * c) & ADDRESS, LITTLE_ENDIAN);
    }
  }

  /** Factors of {@code d · (q + offset)} for {@link Runs}. */
  static void centred(long d, float offset, float span, int vectors, long sm) {
    for (int c = 0; c < vectors; c++) {
      long at = 4L * N * c;
      FloatVector f = FloatVector.fromMemorySegment(F, ALL, (d + at & ADDRESS), LITTLE_ENDIAN);
      f.mul(span).intoMemorySegment(ALL, (sm + at) & ADDRESS, LITTLE_ENDIAN);
      f.mul(offset - span).intoMemorySegment(ALL, (sm + Runs.M + at) & ADDRESS, LITTLE_ENDIAN);
    }
  }

  /** Factors of {@code d · scale · (q + offset)}. */
  static void centred(long d, long scale, float offset, float span, int vectors, long sm) {
    for (int c = 0; c < vectors; c++) {
      long at = 4L * N * c;
      FloatVector f =
          FloatVector.fromMemorySegment(F, ALL, (d + at & ADDRESS), LITTLE_ENDIAN)
              .mul(FloatVector.fromMemorySegment(F, ALL, (scale + at & ADDRESS), LITTLE_ENDIAN));
      f.mul(span).intoMemorySegment(ALL, (sm + at) & ADDRESS, LITTLE_ENDIAN);
      f.mul(offset - span).intoMemorySegment(ALL, (sm + Runs.M + at) & ADDRESS, LITTLE_ENDIAN);
    }
  }

  /** Factors of {@code d · q + m}. */
  static void affine(long d, long m, float span, int vectors, long sm) {
    for (int c = 0; c < vectors; c++) {
      long at = 4L * N * c;
      FloatVector f = FloatVector.fromMemorySegment(F, ALL, (d + at & ADDRESS), LITTLE_ENDIAN);
      FloatVector o = FloatVector.fromMemorySegment(F, ALL, (m + at & ADDRESS), LITTLE_ENDIAN);
      f.mul(span).intoMemorySegment(ALL, (sm + at) & ADDRESS, LITTLE_ENDIAN);
      o.sub(f.mul(span)).intoMemorySegment(ALL, (sm + Runs.M + at) & ADDRESS, LITTLE_ENDIAN);
    }
  }

  /** Factors of {@code d · scale · q − dmin · min}. */
  static void affine(long d, long scale, long dmin, long min, float span, int vectors, long sm) {
    for (int c = 0; c < vectors; c++) {
      long at = 4L * N * c;
      FloatVector f =
          FloatVector.fromMemorySegment(F, ALL, (d + at & ADDRESS), LITTLE_ENDIAN)
              .mul(FloatVector.fromMemorySegment(F, ALL, (scale + at & ADDRESS), LITTLE_ENDIAN))
              .mul(span);
      FloatVector o =
          FloatVector.fromMemorySegment(F, ALL, (dmin + at & ADDRESS), LITTLE_ENDIAN)
              .mul(FloatVector.fromMemorySegment(F, ALL, (min + at & ADDRESS), LITTLE_ENDIAN));
      f.intoMemorySegment(ALL, (sm + at) & ADDRESS, LITTLE_ENDIAN);
      f.add(o).neg().intoMemorySegment(ALL, (sm + Runs.M + at) & ADDRESS, LITTLE_ENDIAN);
    }
  }
}
