package org.gatun.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/** A kernel's parameters in native memory, built once; a launch passes the pointer array. */
final class Args {
  private final Arena arena;
  private final List<MemorySegment> values = new ArrayList<>();

  Args(Arena arena) {
    this.arena = arena;
  }

  Args i(int... ints) {
    for (int v : ints) {
      values.add(arena.allocateFrom(ValueLayout.JAVA_INT, v));
    }
    return this;
  }

  Args f(float v) {
    values.add(arena.allocateFrom(ValueLayout.JAVA_FLOAT, v));
    return this;
  }

  /** A device pointer; 0 is null. */
  Args p(long pointer) {
    values.add(arena.allocateFrom(ValueLayout.JAVA_LONG, pointer));
    return this;
  }

  /** A struct of pointers and, behind them, ints. */
  Args struct(long[] pointers, int... ints) {
    MemorySegment s = arena.allocate(8L * pointers.length + Math.ceilDiv(ints.length, 2) * 8L, 8);
    MemorySegment.copy(pointers, 0, s, ValueLayout.JAVA_LONG, 0, pointers.length);
    MemorySegment.copy(ints, 0, s, ValueLayout.JAVA_INT, 8L * pointers.length, ints.length);
    values.add(s);
    return this;
  }

  /** The value of the newest parameter: see {@link #value}. */
  MemorySegment last() {
    return values.getLast();
  }

  /**
   * The value of parameter {@code i}: a launch may change it, since the driver copies parameters at
   * the call.
   */
  MemorySegment value(int i) {
    return values.get(i);
  }

  /** Parameters so far. */
  int size() {
    return values.size();
  }

  /** The array of pointers to values. */
  MemorySegment pointers() {
    MemorySegment p = arena.allocate(ValueLayout.ADDRESS, values.size());
    for (int i = 0; i < values.size(); i++) {
      p.setAtIndex(ValueLayout.ADDRESS, i, values.get(i));
    }
    return p;
  }
}
