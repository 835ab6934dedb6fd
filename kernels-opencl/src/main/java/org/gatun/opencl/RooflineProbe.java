package org.gatun.opencl;

import java.nio.file.Path;
import java.util.List;
import org.gatun.backend.Program.Roofline;
import org.jspecify.annotations.Nullable;

/** Measures what a device reads and multiplies at most, by {@code roofline.cl}. */
final class RooflineProbe {
  private static final int TRIES = 8;
  private static final int CHAINS = 16;
  private static final int ROUNDS = 200_000;

  private RooflineProbe() {}

  /** Best of eight each; takes about a second on a CPU. The buffer is larger than usual caches. */
  static Roofline measure(
      ClContext context, KernelLibrary kernels, Tiles tiles, @Nullable Path cacheDir) {
    boolean wide = !tiles.gpu();
    int per = wide ? 16 : 1;
    int local = wide ? 1 : 64;
    int groups = wide ? tiles.workers() : tiles.workers() * 16;
    long items = (long) groups * local;
    long most = Math.min(1L << 30, context.device().maxAllocBytes() / 2);
    long rounds = Math.max(1, most / (16L * per * items));
    long bytes = rounds * items * per * 16;
    String options = wide ? "-DWIDE" : "";
    List<String> sources = List.of("roofline.cl");
    try (ClQueue queue = new ClQueue(context, true);
        ClBuffer data = context.buffer("roofline", bytes);
        ClBuffer sums = context.buffer("sums", 4 * items);
        ClKernel read = kernels.kernel(cacheDir, sources, options, "read_all");
        ClKernel fma = kernels.kernel(cacheDir, sources, options, "multiply_add")) {
      queue.fill(data, 0);
      read.arg(data).arg(sums).arg(rounds).local(local, 1, 1);
      fma.arg(sums).arg(0.5f).arg(ROUNDS).local(local, 1, 1);
      read.at(3).arg(wide ? 4L : 4 * items).arg(wide ? 1L : items);
      long nanos = best(context, queue, read, groups);
      if (wide) {
        read.at(3).arg(1L).arg(rounds);
        nanos = Math.min(nanos, best(context, queue, read, groups));
      }
      double gb = bytes / (double) nanos;
      double flops = 2.0 * CHAINS * per * ROUNDS * items;
      return new Roofline(gb, flops / best(context, queue, fma, groups));
    }
  }

  private static long best(ClContext context, ClQueue queue, ClKernel k, int groups) {
    long best = Long.MAX_VALUE;
    for (int i = 0; i < TRIES; i++) {
      try (Timer t = new Timer(context)) {
        t.add(k.enqueueTimed(queue, groups, 1, 1));
        queue.finish();
        t.collect();
        best = Math.min(best, t.nanos);
      }
    }
    return Math.max(1, best);
  }
}
