package org.gatun.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.gatun.bindings.cuda.cuda_h.*;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.gatun.parallel.Communicator;
import org.gatun.parallel.Communicators;
import org.gatun.parallel.GroupSpec;

/** Ranks on devices of one process with peer access, for tests of the collective kernels. */
final class PeerRanks {
  private static final int THREADS = 256;

  private PeerRanks() {}

  /** One rank: its device, its kernels and its end of the group. */
  static final class Rank implements AutoCloseable {
    final CudaDevice device;
    final Kernels kernels = new Kernels();
    final PeerGroup group;
    final Arena arena = Arena.ofConfined();
    final List<Long> memory = new ArrayList<>();

    Rank(Communicator host) {
      device = CudaDevice.open(host.rank());
      device.enter();
      PeerGroup joined = PeerGroup.join(device, host);
      assertThat(joined).isNotNull();
      group = joined;
    }

    long upload(MemorySegment bytes) {
      MemorySegment p = arena.allocate(ValueLayout.JAVA_LONG);
      Cuda.check(cuMemAlloc_v2(p, Math.max(16, bytes.byteSize())), "allocate");
      long at = p.get(ValueLayout.JAVA_LONG, 0);
      memory.add(at);
      MemorySegment copy = arena.allocate(bytes.byteSize(), 16).copyFrom(bytes);
      Cuda.check(cuMemcpyHtoDAsync_v2(at, copy, bytes.byteSize(), device.stream()), "upload");
      device.synchronize("upload");
      return at;
    }

    MemorySegment download(long at, long bytes) {
      MemorySegment to = Arena.ofAuto().allocate(bytes, 16);
      Cuda.check(cuMemcpyDtoHAsync_v2(to, at, bytes, device.stream()), "download");
      device.synchronize("run a collective");
      return to;
    }

    /** Parameters that begin with a descriptor nobody reads, so many rows, and the group. */
    Args args(int rows) {
      return group.into(new Args(arena).struct(new long[] {0}, 1, 1, 1, 0, 0, 0).i(-rows));
    }

    void launch(String kernel, int blocks, Args args) {
      Cuda.check(
          cuLaunchKernel(
              kernels.function("allreduce", kernel),
              blocks,
              1,
              1,
              THREADS,
              1,
              1,
              0,
              device.stream(),
              args.pointers(),
              MemorySegment.NULL),
          "launch " + kernel);
    }

    @Override
    public void close() {
      group.close();
      memory.forEach(m -> cuMemFree_v2(m));
      kernels.close();
      device.close();
      arena.close();
    }
  }

  /** What a rank does. */
  interface Body<T> {
    T run(Rank rank, int number);
  }

  /** Runs the body on so many ranks, a thread each; their results by rank. */
  static <T> List<T> run(int world, Duration timeout, Body<T> body) throws Exception {
    String job = UUID.randomUUID().toString();
    try (var pool = Executors.newThreadPerTaskExecutor(Thread.ofPlatform().factory())) {
      List<Future<T>> futures = new ArrayList<>();
      for (int r = 0; r < world; r++) {
        int number = r;
        Callable<T> call =
            () -> {
              GroupSpec spec = GroupSpec.of(number, world, job, "").withTimeout(timeout);
              try (Communicator host = Communicators.open("threads", spec);
                  Rank rank = new Rank(host)) {
                return body.run(rank, number);
              }
            };
        futures.add(pool.submit(call));
      }
      List<T> results = new ArrayList<>();
      for (Future<T> f : futures) {
        results.add(f.get());
      }
      return results;
    }
  }
}
