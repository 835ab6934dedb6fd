package org.gatun.backend.jvm;

import static org.gatun.backend.jvm.Lanes.N;
import static org.gatun.backend.jvm.Lanes.PAIR;
import static org.gatun.backend.jvm.Lanes.ROWS;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import org.gatun.tensor.DType;

/** F32, F16 and BF16: a block is one element. */
final class PlainKernel implements BlockKernel {
  private final DType dtype;

  PlainKernel(DType dtype) {
    this.dtype = dtype;
  }

  @Override
  public void dot(long group, int blocks, long x, long y, long tmp) {
    switch (dtype) {
      case F32 -> f32Dot(group, blocks, x, y);
      case F16 -> f16Dot(group, blocks, x, y);
      default -> bf16Dot(group, blocks, x, y);
    }
  }

  @Override
  public void unpack(long group, int blocks, long out, long tmp) {
    long n = (long) blocks * ROWS;
    switch (dtype) {
      case F32 -> MemorySegment.copy(Lanes.ALL, group, Lanes.ALL, out, 4 * n);
      case F16 -> {
        for (long i = 0; i < n; i += N) {
          Lanes.store(Lanes.f16(group + 2 * i), out + 4 * i);
        }
      }
      default -> {
        for (long i = 0; i < n; i += N) {
          Lanes.store(Lanes.bf16(group + 2 * i), out + 4 * i);
        }
      }
    }
  }

  private static void f32Dot(long w, int n, long x, long y) {
    for (int s = 0; s < ROWS; s += 2 * N) {
      FloatVector a0 = Lanes.load(y + 4 * s);
      FloatVector a1 = PAIR ? Lanes.load(y + 4 * (s + N)) : a0;
      for (int j = 0; j < n; j++) {
        long at = (long) ROWS * j + s;
        a0 = Lanes.load(w + 4 * at).fma(Lanes.splatAt(x + 4L * j), a0);
        if (PAIR) {
          a1 = Lanes.load(w + 4 * (at + N)).fma(Lanes.splatAt(x + 4L * j), a1);
        }
      }
      Lanes.store(a0, y + 4 * s);
      if (PAIR) {
        Lanes.store(a1, y + 4 * (s + N));
      }
    }
  }

  private static void f16Dot(long w, int n, long x, long y) {
    for (int s = 0; s < ROWS; s += 2 * N) {
      FloatVector a0 = Lanes.load(y + 4 * s);
      FloatVector a1 = PAIR ? Lanes.load(y + 4 * (s + N)) : a0;
      for (int j = 0; j < n; j++) {
        long at = (long) ROWS * j + s;
        a0 = Lanes.f16(w + 2 * at).fma(Lanes.splatAt(x + 4L * j), a0);
        if (PAIR) {
          a1 = Lanes.f16(w + 2 * (at + N)).fma(Lanes.splatAt(x + 4L * j), a1);
        }
      }
      Lanes.store(a0, y + 4 * s);
      if (PAIR) {
        Lanes.store(a1, y + 4 * (s + N));
      }
    }
  }

  private static void bf16Dot(long w, int n, long x, long y) {
    for (int s = 0; s < ROWS; s += 2 * N) {
      FloatVector a0 = Lanes.load(y + 4 * s);
      FloatVector a1 = PAIR ? Lanes.load(y + 4 * (s + N)) : a0;
      for (int j = 0; j < n; j++) {
        long at = (long) ROWS * j + s;
        a0 = Lanes.bf16(w + 2 * at).fma(Lanes.splatAt(x + 4L * j), a0);
        if (PAIR) {
          a1 = Lanes.bf16(w + 2 * (at + N)).fma(Lanes.splatAt(x + 4L * j), a1);
        }
      }
      Lanes.store(a0, y + 4 * s);
      if (PAIR) {
        Lanes.store(a1, y + 4 * (s + N));
      }
    }
  }
}
