package org.gatun.backend.jvm;

import java.lang.foreign.Arena;
import java.util.List;
import org.gatun.backend.CompileOptions;
import org.gatun.tensor.Tensor;

/** Where the interleaved weights of a model lie. */
final class RepackFile {
  private RepackFile() {}

  static long locate(
      String key, List<Tensor> tensors, long[] offsets, long size, CompileOptions options, WorkerPool pool, Arena arena) {
    long base = arena.allocate(Math.max(size, 64) + 64, 4096).address();
    WeightStore.pack(tensors, offsets, base, options, pool);
    return base;
  }
}
