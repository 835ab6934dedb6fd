package org.gatun.backend.jvm;

import java.lang.foreign.Arena;
import java.util.Locale;
import java.util.SplittableRandom;
import org.gatun.graph.spec.RandomTensors;
import org.gatun.tensor.DType;
import org.gatun.tensor.Tensor;

/**
 * Rates of the kernels alone: GB/s of weights for one row, GFLOP/s for many. Run with the test
 * class path: {@code KernelBench vector|matrix|gemm [format…]}. Weights rotate over 512 MiB, so
 * that no cache holds them.
 */
public final class KernelBench {
  private static final int COLS = 1024;
  private static final int ROWS = 1024;
  private static final long SPAN = Long.getLong("mib", 512) << 20;
  private static final int THREADS = Integer.getInteger("threads", 2);

  private KernelBench() {}

  /** Prints a line per format. */
  public static void main(String[] args) {
    DType[] types =
        args.length > 1
            ? java.util.Arrays.stream(args).skip(1).map(DType::valueOf).toArray(DType[]::new)
            : java.util.Arrays.stream(DType.values()).filter(DType::isWeight).toArray(DType[]::new);
    try (Arena arena = Arena.ofShared();
        WorkerPool pool = new WorkerPool(THREADS)) {
      if (args[0].equals("gemm")) {
        gemm(arena);
        return;
      }
      for (DType t : types) {
        if (args[0].equals("vector")) {
          vector(t, pool);
        } else {
          matrix(t, pool);
        }
      }
    }
  }

  private static void fill(long at, long floats) {
    SplittableRandom random = new SplittableRandom(1);
    for (long i = 0; i < floats; i++) {
      Lanes.put(at + 4 * i, (float) random.nextDouble() - 0.5f);
    }
  }

  private static void gemm(Arena arena) {
    long a = arena.allocate(4L * 512 * 640 + 65536, 64).address();
    long b = arena.allocate(4L * 64 * 640, 64).address();
    long c = arena.allocate(4L * 64 * 520, 64).address();
    fill(a, 512 * 640);
    fill(b, 64 * 640);
    for (int round = 0; round < 12; round++) {
      long start = System.nanoTime();
      int times = 20;
      for (int i = 0; i < times; i++) {
        Gemm.tiles(
            a, 4 * 640, 512, b, 64, Lanes.N == 16 ? 64 * 640 : 4 * Lanes.N, 640, c, 128, false);
      }
      double s = (System.nanoTime() - start) / 1e9;
      print("gemm", "F32", 2.0 * 512 * 2 * Lanes.N * 640 * times / s / 1e9, "GFLOP/s, one thread");
    }
  }

  private static void vector(DType t, WorkerPool pool) {
    try (Arena arena = Arena.ofShared()) {
      Tensor w = new RandomTensors(1).add("w", t, ROWS, COLS);
      long bytes = PackedWeight.bytes(t, ROWS, COLS);
      int copies = (int) (SPAN / bytes);
      PackedWeight[] all = packed(w, copies, arena);
      long x = arena.allocate(4L * COLS, 64).address();
      long y = arena.allocate(4L * ROWS, 64).address();
      fill(x, COLS);
      Scratch scratch = new Scratch(pool.workers());
      MatMulExec[] execs = new MatMulExec[copies];
      for (int i = 0; i < copies; i++) {
        execs[i] =
            new MatMulExec(
                pool,
                scratch,
                org.gatun.graph.Dim.of(1),
                1,
                x,
                new PackedWeight[] {all[i]},
                new long[1],
                new long[] {y});
      }
      scratch.allocate(arena);
      double best = 0;
      try (var step = new org.gatun.graph.Step(new org.gatun.graph.StepLimits(1, 1, 1, 1))) {
        for (int round = 0; round < Integer.getInteger("rounds", 8); round++) {
          long start = System.nanoTime();
          for (MatMulExec e : execs) {
            e.run(step);
          }
          best = Math.max(best, copies * (double) bytes / (System.nanoTime() - start));
        }
      }
      print("vector", t.name(), best, "GB/s");
    }
  }

  private static void matrix(DType t, WorkerPool pool) {
    int rows = 512;
    try (Arena arena = Arena.ofShared();
        var step = new org.gatun.graph.Step(new org.gatun.graph.StepLimits(1, 1, 1, 1))) {
      PackedWeight w = packed(new RandomTensors(1).add("w", t, ROWS, COLS), 1, arena)[0];
      long x = arena.allocate(4L * COLS * (rows + 8), 64).address();
      long y = arena.allocate(4L * ROWS * rows, 64).address();
      fill(x, (long) COLS * rows);
      Scratch scratch = new Scratch(pool.workers());
      MatMulExec e =
          new MatMulExec(
              pool,
              scratch,
              org.gatun.graph.Dim.of(rows),
              rows,
              x,
              new PackedWeight[] {w},
              new long[1],
              new long[] {y});
      scratch.allocate(arena);
      double best = 0;
      for (int round = 0; round < 12; round++) {
        long start = System.nanoTime();
        e.run(step);
        best = Math.max(best, 2.0 * rows * COLS * ROWS / (System.nanoTime() - start));
      }
      print("matrix", t.name(), best, "GFLOP/s");
    }
  }

  private static PackedWeight[] packed(Tensor w, int copies, Arena arena) {
    long bytes = PackedWeight.bytes(w.dtype(), ROWS, COLS);
    long base = arena.allocate(bytes * copies + Ahead.SLACK, 4096).address();
    PackedWeight[] all = new PackedWeight[copies];
    for (int i = 0; i < copies; i++) {
      long at = base + i * bytes;
      all[i] = new PackedWeight("w", w.dtype(), ROWS, COLS, at);
      if (i == 0) {
        for (long g = 0; g < ROWS / Lanes.ROWS; g++) {
          all[0].pack(w, g);
        }
      } else {
        java.lang.foreign.MemorySegment.copy(Lanes.ALL, base, Lanes.ALL, at, bytes);
      }
    }
    return all;
  }

  private static void print(String what, String type, double rate, String unit) {
    System.out.printf(
        Locale.ROOT, "%d bits %s %-6s %7.1f %s%n", Lanes.BITS, what, type, rate, unit);
  }
}
