package org.gatun.backend.jvm;

import static org.gatun.backend.jvm.Lanes.N;
import static org.gatun.backend.jvm.Lanes.ROWS;

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
      case F32 -> f32(true, group, blocks, x, y);
      case F16 -> f16(true, group, blocks, x, y);
      default -> bf16(true, group, blocks, x, y);
    }
  }

  @Override
  public void unpack(long group, int blocks, long out, long tmp) {
    switch (dtype) {
      case F32 -> f32(false, group, blocks, 0, out);
      case F16 -> f16(false, group, blocks, 0, out);
      default -> bf16(false, group, blocks, 0, out);
    }
  }

  private static FloatVector emit(boolean dot, FloatVector w, FloatVector sum, long x, long out) {
    if (dot) {
      return w.fma(Lanes.splatAt(x), sum);
    }
    Lanes.store(w, out);
    return sum;
  }

  private static void f32(boolean dot, long w, int n, long x, long out) {
    for (int s = 0; s < ROWS; s += N) {
      FloatVector a = Lanes.load(out + 4 * s);
      for (int j = 0; j < n; j++) {
        a = emit(dot, Lanes.load(w + 4L * (ROWS * (long) j + s)), a, x + 4L * j, Runs.at(dot, out, j) + 4 * s);
      }
      finish(dot, a, out + 4 * s);
    }
  }

  private static void f16(boolean dot, long w, int n, long x, long out) {
    for (int s = 0; s < ROWS; s += N) {
      FloatVector a = Lanes.load(out + 4 * s);
      for (int j = 0; j < n; j++) {
        a = emit(dot, Lanes.f16(w + 2L * (ROWS * (long) j + s)), a, x + 4L * j, Runs.at(dot, out, j) + 4 * s);
      }
      finish(dot, a, out + 4 * s);
    }
  }

  private static void bf16(boolean dot, long w, int n, long x, long out) {
    for (int s = 0; s < ROWS; s += N) {
      FloatVector a = Lanes.load(out + 4 * s);
      for (int j = 0; j < n; j++) {
        a = emit(dot, Lanes.bf16(w + 2L * (ROWS * (long) j + s)), a, x + 4L * j, Runs.at(dot, out, j) + 4 * s);
      }
      finish(dot, a, out + 4 * s);
    }
  }

  private static void finish(boolean dot, FloatVector a, long out) {
    if (dot) {
      Lanes.store(a, out);
    }
  }
}
