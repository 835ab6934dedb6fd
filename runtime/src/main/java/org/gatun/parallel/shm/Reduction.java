package org.gatun.parallel.shm;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.ShortVector;
import org.gatun.parallel.ReduceType;

/**
 * Adds the contributions of ranks elementwise, in rank order, in f32; 16-bit types are rounded once
 * at the end. One order everywhere is what makes results bitwise equal whatever the algorithm.
 */
public final class Reduction {
  private static final ByteOrder ORDER = ByteOrder.nativeOrder();
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
  private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED;
  private static final int LANES = Halves.FLOATS.length();

  private Reduction() {}

  /** {@code out[i] = a[i] + b[i]} for {@code n} elements; offsets in bytes; out may be a or b. */
  static void addTwo(
      ReduceType type,
      MemorySegment a,
      long aAt,
      MemorySegment b,
      long bAt,
      MemorySegment out,
      long outAt,
      long n) {
    switch (type) {
      case F32 -> addTwoF32(a, aAt, b, bAt, out, outAt, n);
      case F16 -> addTwoF16(a, aAt, b, bAt, out, outAt, n);
      case BF16 -> addTwoBf16(a, aAt, b, bAt, out, outAt, n);
    }
  }

  /** {@code out[i] = sum over r of region[at[r] + i]} for {@code n} elements. */
  static void addAll(
      ReduceType type, MemorySegment region, long[] at, MemorySegment out, long outAt, long n) {
    switch (type) {
      case F32 -> addAllF32(region, at, out, outAt, n);
      case F16 -> addAllF16(region, at, out, outAt, n);
      case BF16 -> addAllBf16(region, at, out, outAt, n);
    }
  }

  /** Widens {@code n} elements to f32. */
  public static void widen(
      ReduceType type, MemorySegment in, long at, MemorySegment out, long outAt, long n) {
    long i = 0;
    for (; i <= n - LANES && type != ReduceType.F32; i += LANES) {
      ShortVector h = half(in, at + 2 * i);
      FloatVector f = type == ReduceType.F16 ? Halves.fromF16(h) : Halves.fromBf16(h);
      f.intoMemorySegment(out, outAt + 4 * i, ORDER);
    }
    for (; i < n; i++) {
      float f =
          switch (type) {
            case F32 -> in.get(FLOAT, at + 4 * i);
            case F16 -> Float.float16ToFloat(in.get(SHORT, at + 2 * i));
            case BF16 -> Halves.fromBf16(in.get(SHORT, at + 2 * i));
          };
      out.set(FLOAT, outAt + 4 * i, f);
    }
  }

  /** Rounds {@code n} f32 elements to the type. */
  public static void narrow(
      ReduceType type, MemorySegment in, long at, MemorySegment out, long outAt, long n) {
    long i = 0;
    for (; i <= n - LANES && type != ReduceType.F32; i += LANES) {
      FloatVector f = f32(in, at + 4 * i);
      ShortVector h = type == ReduceType.F16 ? Halves.toF16(f) : Halves.toBf16(f);
      h.intoMemorySegment(out, outAt + 2 * i, ORDER);
    }
    for (; i < n; i++) {
      float f = in.get(FLOAT, at + 4 * i);
      switch (type) {
        case F32 -> out.set(FLOAT, outAt + 4 * i, f);
        case F16 -> out.set(SHORT, outAt + 2 * i, Float.floatToFloat16(f));
        case BF16 -> out.set(SHORT, outAt + 2 * i, Halves.toBf16(f));
      }
    }
  }

  private static void addTwoF32(
      MemorySegment a, long aAt, MemorySegment b, long bAt, MemorySegment out, long outAt, long n) {
    long i = 0;
    for (; i <= n - LANES; i += LANES) {
      f32(a, aAt + 4 * i).add(f32(b, bAt + 4 * i)).intoMemorySegment(out, outAt + 4 * i, ORDER);
    }
    for (; i < n; i++) {
      out.set(FLOAT, outAt + 4 * i, a.get(FLOAT, aAt + 4 * i) + b.get(FLOAT, bAt + 4 * i));
    }
  }

  private static void addTwoF16(
      MemorySegment a, long aAt, MemorySegment b, long bAt, MemorySegment out, long outAt, long n) {
    long i = 0;
    for (; i <= n - LANES; i += LANES) {
      FloatVector sum =
          Halves.fromF16(half(a, aAt + 2 * i)).add(Halves.fromF16(half(b, bAt + 2 * i)));
      Halves.toF16(sum).intoMemorySegment(out, outAt + 2 * i, ORDER);
    }
    for (; i < n; i++) {
      float sum =
          Float.float16ToFloat(a.get(SHORT, aAt + 2 * i))
              + Float.float16ToFloat(b.get(SHORT, bAt + 2 * i));
      out.set(SHORT, outAt + 2 * i, Float.floatToFloat16(sum));
    }
  }

  private static void addTwoBf16(
      MemorySegment a, long aAt, MemorySegment b, long bAt, MemorySegment out, long outAt, long n) {
    long i = 0;
    for (; i <= n - LANES; i += LANES) {
      FloatVector sum =
          Halves.fromBf16(half(a, aAt + 2 * i)).add(Halves.fromBf16(half(b, bAt + 2 * i)));
      Halves.toBf16(sum).intoMemorySegment(out, outAt + 2 * i, ORDER);
    }
    for (; i < n; i++) {
      float sum =
          Halves.fromBf16(a.get(SHORT, aAt + 2 * i)) + Halves.fromBf16(b.get(SHORT, bAt + 2 * i));
      out.set(SHORT, outAt + 2 * i, Halves.toBf16(sum));
    }
  }

  private static void addAllF32(
      MemorySegment region, long[] at, MemorySegment out, long outAt, long n) {
    long i = 0;
    for (; i <= n - LANES; i += LANES) {
      FloatVector sum = f32(region, at[0] + 4 * i);
      for (int r = 1; r < at.length; r++) {
        sum = sum.add(f32(region, at[r] + 4 * i));
      }
      sum.intoMemorySegment(out, outAt + 4 * i, ORDER);
    }
    for (; i < n; i++) {
      float sum = region.get(FLOAT, at[0] + 4 * i);
      for (int r = 1; r < at.length; r++) {
        sum += region.get(FLOAT, at[r] + 4 * i);
      }
      out.set(FLOAT, outAt + 4 * i, sum);
    }
  }

  private static void addAllF16(
      MemorySegment region, long[] at, MemorySegment out, long outAt, long n) {
    long i = 0;
    for (; i <= n - LANES; i += LANES) {
      FloatVector sum = Halves.fromF16(half(region, at[0] + 2 * i));
      for (int r = 1; r < at.length; r++) {
        sum = sum.add(Halves.fromF16(half(region, at[r] + 2 * i)));
      }
      Halves.toF16(sum).intoMemorySegment(out, outAt + 2 * i, ORDER);
    }
    for (; i < n; i++) {
      float sum = Float.float16ToFloat(region.get(SHORT, at[0] + 2 * i));
      for (int r = 1; r < at.length; r++) {
        sum += Float.float16ToFloat(region.get(SHORT, at[r] + 2 * i));
      }
      out.set(SHORT, outAt + 2 * i, Float.floatToFloat16(sum));
    }
  }

  private static void addAllBf16(
      MemorySegment region, long[] at, MemorySegment out, long outAt, long n) {
    long i = 0;
    for (; i <= n - LANES; i += LANES) {
      FloatVector sum = Halves.fromBf16(half(region, at[0] + 2 * i));
      for (int r = 1; r < at.length; r++) {
        sum = sum.add(Halves.fromBf16(half(region, at[r] + 2 * i)));
      }
      Halves.toBf16(sum).intoMemorySegment(out, outAt + 2 * i, ORDER);
    }
    for (; i < n; i++) {
      float sum = Halves.fromBf16(region.get(SHORT, at[0] + 2 * i));
      for (int r = 1; r < at.length; r++) {
        sum += Halves.fromBf16(region.get(SHORT, at[r] + 2 * i));
      }
      out.set(SHORT, outAt + 2 * i, Halves.toBf16(sum));
    }
  }

  private static FloatVector f32(MemorySegment s, long at) {
    return FloatVector.fromMemorySegment(Halves.FLOATS, s, at, ORDER);
  }

  private static ShortVector half(MemorySegment s, long at) {
    return ShortVector.fromMemorySegment(Halves.SHORTS, s, at, ORDER);
  }
}
