package org.gatun.backend.jvm;

import java.lang.foreign.Arena;

/**
 * Memory of each worker for what lives only within a unit of work: sized while nodes are bound,
 * allocated once.
 */
final class Scratch {
  private final long[] base;
  private long bytes = BlockKernel.SCRATCH;
  private boolean fresh;

  Scratch(int workers) {
    base = new long[workers];
  }

  /** Makes room for a unit that needs this much. */
  void need(long size) {
    bytes = Math.max(bytes, size);
  }

  void allocate(Arena arena) {
    for (int i = 0; i < base.length; i++) {
      base[i] = arena.allocate(Math.ceilDiv(bytes, 4096) * 4096, 4096).address();
    }
  }

  /** Says whether kernels are likely not yet compiled. */
  void setFresh(boolean value) {
    fresh = value;
  }

  boolean fresh() {
    return fresh;
  }

  long of(int worker) {
    return base[worker];
  }

  long bytes() {
    return bytes * base.length;
  }
}
