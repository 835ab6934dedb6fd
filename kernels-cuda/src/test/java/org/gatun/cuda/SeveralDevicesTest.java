package org.gatun.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.gatun.bindings.cuda.cuda_h.*;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Several devices of one process through the bindings: a context and a stream each, peer access, a
 * cooperative launch whose blocks wait for flags of the other devices with acquire and release at
 * system scope. Launched by one host thread, and by one per device.
 */
class SeveralDevicesTest {
  /** Of the virtual GPU's test kernels: writes the rank's input, shakes hands, sums all inputs. */
  private static final Path PTX = Path.of("../build/virtual-gpu/ptx/multi.ptx");

  private static final int MAX_RANKS = 8;
  private static final int N = 1000;
  private static final int BLOCKS = 4;
  private static final int THREADS = 128;

  @BeforeEach
  void device() {
    Gpu.require();
    Assumptions.assumeTrue(
        VirtualGpu.present() && Files.isRegularFile(PTX),
        "needs the virtual GPU and its test kernels: ci/virtual-gpu/test builds them");
  }

  @ParameterizedTest
  @CsvSource({"2,false", "4,false", "2,true", "4,true"})
  void allReduceOverPeerMemory(int world, boolean threadPerRank) throws Exception {
    Assumptions.assumeTrue(
        CudaDevice.names().size() >= world,
        "needs " + world + " devices: GATUN_VGPU_DEVICES=" + world);
    List<Rank> ranks = new ArrayList<>();
    try (Arena arena = Arena.ofShared()) {
      for (int r = 0; r < world; r++) {
        ranks.add(new Rank(r, arena));
      }
      ranks.forEach(r -> r.connect(ranks));
      for (int epoch = 1; epoch <= 2; epoch++) {
        int now = epoch;
        if (threadPerRank) {
          try (var pool = Executors.newFixedThreadPool(world)) {
            var all =
                ranks.stream()
                    .map(
                        r ->
                            pool.submit(
                                () -> {
                                  r.launch(ranks, now);
                                  r.check(world);
                                }))
                    .toList();
            for (var f : all) {
              f.get();
            }
          }
        } else {
          ranks.forEach(r -> r.launch(ranks, now));
          ranks.forEach(r -> r.check(world));
        }
      }
    } finally {
      ranks.forEach(Rank::close);
    }
  }

  /** One device with its input, its flags (one per block and peer) and its output. */
  private static final class Rank implements AutoCloseable {
    private final int rank;
    private final CudaDevice device;
    private final Arena arena;
    private final MemorySegment context;
    private final MemorySegment module;
    private final MemorySegment kernel;
    private final long in;
    private final long flags;
    private final long out;

    Rank(int rank, Arena arena) throws IOException {
      this.rank = rank;
      this.arena = arena;
      device = CudaDevice.open(rank);
      MemorySegment p = arena.allocate(ValueLayout.ADDRESS);
      Cuda.check(cuCtxGetCurrent(p), "read the context");
      context = p.get(ValueLayout.ADDRESS, 0);
      MemorySegment text = arena.allocateFrom(Files.readString(PTX));
      Cuda.check(cuModuleLoadDataEx(p, text, 0, MemorySegment.NULL, MemorySegment.NULL), "load");
      module = p.get(ValueLayout.ADDRESS, 0);
      Cuda.check(cuModuleGetFunction(p, module, arena.allocateFrom("all_reduce_ok")), "find");
      kernel = p.get(ValueLayout.ADDRESS, 0);
      in = zeros(4L * N);
      flags = zeros(4L * BLOCKS * MAX_RANKS);
      out = zeros(4L * N);
    }

    private long zeros(long bytes) {
      MemorySegment p = arena.allocate(ValueLayout.JAVA_LONG);
      Cuda.check(cuMemAlloc_v2(p, bytes), "allocate");
      long at = p.get(ValueLayout.JAVA_LONG, 0);
      Cuda.check(cuMemcpyHtoD_v2(at, arena.allocate(bytes), bytes), "clear");
      return at;
    }

    void connect(List<Rank> ranks) {
      device.enter();
      for (Rank r : ranks) {
        if (r != this) {
          MemorySegment can = arena.allocate(ValueLayout.JAVA_INT);
          Cuda.check(cuDeviceCanAccessPeer(can, rank, r.rank), "ask for peer access");
          assertThat(can.get(ValueLayout.JAVA_INT, 0)).isOne();
          Cuda.check(cuCtxEnablePeerAccess(r.context, 0), "enable peer access");
        }
      }
    }

    void launch(List<Rank> ranks, int epoch) {
      device.enter();
      MemorySegment peers = arena.allocate(ValueLayout.JAVA_LONG, 2 * MAX_RANKS);
      for (Rank r : ranks) {
        peers.setAtIndex(ValueLayout.JAVA_LONG, r.rank, r.in);
        peers.setAtIndex(ValueLayout.JAVA_LONG, MAX_RANKS + r.rank, r.flags);
      }
      MemorySegment[] args = {
        peers,
        arena.allocateFrom(ValueLayout.JAVA_LONG, out),
        arena.allocateFrom(ValueLayout.JAVA_INT, rank),
        arena.allocateFrom(ValueLayout.JAVA_INT, ranks.size()),
        arena.allocateFrom(ValueLayout.JAVA_INT, N),
        arena.allocateFrom(ValueLayout.JAVA_INT, epoch)
      };
      MemorySegment params = arena.allocate(ValueLayout.ADDRESS, args.length);
      for (int i = 0; i < args.length; i++) {
        params.setAtIndex(ValueLayout.ADDRESS, i, args[i]);
      }
      Cuda.check(
          cuLaunchCooperativeKernel(
              kernel, BLOCKS, 1, 1, THREADS, 1, 1, 0, device.stream(), params),
          "launch");
    }

    void check(int world) {
      device.enter();
      device.synchronize("all-reduce");
      MemorySegment host = arena.allocate(4L * N);
      Cuda.check(cuMemcpyDtoH_v2(host, out, 4L * N), "download");
      for (int i = 0; i < N; i++) {
        float want = world * (world - 1) / 2 * 100 + world * i;
        assertThat(host.getAtIndex(ValueLayout.JAVA_FLOAT, i))
            .as("rank %d, %d", rank, i)
            .isEqualTo(want);
      }
    }

    @Override
    public void close() {
      device.enter();
      for (long p : new long[] {in, flags, out}) {
        cuMemFree_v2(p);
      }
      cuModuleUnload(module);
      device.close();
    }
  }
}
