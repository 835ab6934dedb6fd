package org.gatun.parallel.shm;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.gatun.parallel.ReduceType;

/** Scalar access to the element types, written apart from the code under test. */
final class Values {
  private Values() {}

  static float get(ReduceType type, MemorySegment s, long i) {
    return switch (type) {
      case F32 -> s.get(ValueLayout.JAVA_FLOAT_UNALIGNED, 4 * i);
      case F16 -> Float.float16ToFloat(s.get(ValueLayout.JAVA_SHORT_UNALIGNED, 2 * i));
      case BF16 -> Float.intBitsToFloat(s.get(ValueLayout.JAVA_SHORT_UNALIGNED, 2 * i) << 16);
    };
  }

  static void set(ReduceType type, MemorySegment s, long i, float v) {
    switch (type) {
      case F32 -> s.set(ValueLayout.JAVA_FLOAT_UNALIGNED, 4 * i, v);
      case F16 -> s.set(ValueLayout.JAVA_SHORT_UNALIGNED, 2 * i, Float.floatToFloat16(v));
      // Truncated: inputs need no rounding rule.
      case BF16 ->
          s.set(
              ValueLayout.JAVA_SHORT_UNALIGNED, 2 * i, (short) (Float.floatToRawIntBits(v) >>> 16));
    }
  }

  /** Half a unit in the last place, relative. */
  static double ulp(ReduceType type) {
    return switch (type) {
      case F32 -> 0x1p-24;
      case F16 -> 0x1p-11;
      case BF16 -> 0x1p-8;
    };
  }
}
