package org.gatun.parallel.shm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.ShortVector;
import org.gatun.parallel.ReduceType;

/**
 * Adds the contributions of ranks elementwise, in rank order, in f32; 16-bit types are widened and
 * rounded once at the end, by blocks that stay in the first cache. One order everywhere is what
 * makes results bitwise equal whatever the algorithm. One thread uses it at a time.
 */
public final class Reduction {
  private static final ByteOrder ORDER = ByteOrder.nativeOrder();
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
  private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED;
  private static final int LANES = Halves.FLOATS.length();
  private static final int STEP = 4 * LANES;
  private static final int BLOCK = 1024;

  private final MemorySegment sum = Arena.ofAuto().allocate(4L * BLOCK, 64);
  private final MemorySegment term = Arena.ofAuto().allocate(4L * BLOCK, 64);

  /** {@code out[i] = a[i] + b[i]} for {@code n} elements; offsets in bytes; out may be a or b. */
  void addTwo(
      ReduceType type,
      MemorySegment a,
      long aAt,
      MemorySegment b,
      long bAt,
      MemorySegment out,
      long outAt,
      long n) {
    if (type == ReduceType.F32) {
      add(a, aAt, b, bAt, out, outAt, n);
      return;
    }
    for (long i = 0; i < n; i += BLOCK) {
      int m = (int) Math.min(BLOCK, n - i);
      widen(type, a, aAt + 2 * i, sum, 0, m);
      widen(type, b, bAt + 2 * i, term, 0, m);
      add(sum, 0, term, 0, sum, 0, m);
      narrow(type, sum, 0, out, outAt + 2 * i, m);
    }
  }

  /** {@code out[i] = sum over r of region[at[r] + i]}; out may be one of them. */
  void addAll(
      ReduceType type, MemorySegment region, long[] at, MemorySegment out, long outAt, long n) {
    int bytes = type.bytes();
    for (long i = 0; i < n; i += BLOCK) {
      int m = (int) Math.min(BLOCK, n - i);
      widen(type, region, at[0] + bytes * i, sum, 0, m);
      for (int r = 1; r < at.length; r++) {
        if (type == ReduceType.F32) {
          add(sum, 0, region, at[r] + 4 * i, sum, 0, m);
        } else {
          widen(type, region, at[r] + 2 * i, term, 0, m);
          add(sum, 0, term, 0, sum, 0, m);
        }
      }
      narrow(type, sum, 0, out, outAt + bytes * i, m);
    }
  }

  /** f32; four vectors at a time, as one per turn leaves the loads waiting for the loop. */
  private static void add(
      MemorySegment a, long aAt, MemorySegment b, long bAt, MemorySegment out, long outAt, long n) {
    long i = 0;
    for (; i <= n - STEP; i += STEP) {
      long o = 4 * i;
      FloatVector s0 = f32(a, aAt + o).add(f32(b, bAt + o));
      FloatVector s1 = f32(a, aAt + o + 4L * LANES).add(f32(b, bAt + o + 4L * LANES));
      FloatVector s2 = f32(a, aAt + o + 8L * LANES).add(f32(b, bAt + o + 8L * LANES));
      FloatVector s3 = f32(a, aAt + o + 12L * LANES).add(f32(b, bAt + o + 12L * LANES));
      s0.intoMemorySegment(out, outAt + o, ORDER);
      s1.intoMemorySegment(out, outAt + o + 4L * LANES, ORDER);
      s2.intoMemorySegment(out, outAt + o + 8L * LANES, ORDER);
      s3.intoMemorySegment(out, outAt + o + 12L * LANES, ORDER);
    }
    for (; i < n; i++) {
      out.set(FLOAT, outAt + 4 * i, a.get(FLOAT, aAt + 4 * i) + b.get(FLOAT, bAt + 4 * i));
    }
  }

  /** Widens {@code n} elements to f32. */
  public static void widen(
      ReduceType type, MemorySegment in, long at, MemorySegment out, long outAt, long n) {
    if (type == ReduceType.F32) {
      MemorySegment.copy(in, at, out, outAt, 4 * n);
      return;
    }
    long i = 0;
    for (; i <= n - LANES; i += LANES) {
      ShortVector h = ShortVector.fromMemorySegment(Halves.SHORTS, in, at + 2 * i, ORDER);
      FloatVector f = type == ReduceType.F16 ? Halves.fromF16(h) : Halves.fromBf16(h);
      f.intoMemorySegment(out, outAt + 4 * i, ORDER);
    }
    for (; i < n; i++) {
      short h = in.get(SHORT, at + 2 * i);
      float f = type == ReduceType.F16 ? Float.float16ToFloat(h) : Halves.fromBf16(h);
      out.set(FLOAT, outAt + 4 * i, f);
    }
  }

  /** Rounds {@code n} f32 elements to the type. */
  public static void narrow(
      ReduceType type, MemorySegment in, long at, MemorySegment out, long outAt, long n) {
    if (type == ReduceType.F32) {
      MemorySegment.copy(in, at, out, outAt, 4 * n);
      return;
    }
    long i = 0;
    for (; i <= n - LANES; i += LANES) {
      FloatVector f = f32(in, at + 4 * i);
      ShortVector h = type == ReduceType.F16 ? Halves.toF16(f) : Halves.toBf16(f);
      h.intoMemorySegment(out, outAt + 2 * i, ORDER);
    }
    for (; i < n; i++) {
      float f = in.get(FLOAT, at + 4 * i);
      out.set(
          SHORT,
          outAt + 2 * i,
          type == ReduceType.F16 ? Float.floatToFloat16(f) : Halves.toBf16(f));
    }
  }

  private static FloatVector f32(MemorySegment s, long at) {
    return FloatVector.fromMemorySegment(Halves.FLOATS, s, at, ORDER);
  }
}
