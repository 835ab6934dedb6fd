package org.gatun.parallel.bench;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.gatun.parallel.Communicator;
import org.gatun.parallel.Communicators;
import org.gatun.parallel.GroupSpec;
import org.gatun.parallel.ReduceType;

/**
 * Shared memory beside MPI_Allreduce, in the same two processes, turn about: results are checked
 * first, then medians of rounds of a few calls each. Run by ci/bench-allreduce under mpirun.
 */
final class AllReduceBench {
  private static final int[] KIB = {4, 16, 64, 128, 256, 512, 1024, 2048, 8192};
  private static final int ROUNDS = 41;

  private AllReduceBench() {}

  public static void main(String[] args) {
    int rank = Integer.parseInt(System.getenv("OMPI_COMM_WORLD_RANK"));
    int world = Integer.parseInt(System.getenv("OMPI_COMM_WORLD_SIZE"));
    String job = "bench-" + System.getenv("PMIX_NAMESPACE");
    try (Communicator mpi = Communicators.open("mpi", GroupSpec.of(rank, world, job, "bench"));
        Communicator shm = Communicators.open("shm", GroupSpec.of(rank, world, job, "bench"));
        Arena arena = Arena.ofConfined()) {
      if (rank == 0) {
        System.out.printf(
            "f32 sum, %d processes, median of %d rounds (spread: 10th to 90th percentile)%n",
            world, ROUNDS);
        System.out.println(
            "|    KiB | gatun shm us |   spread us | MPI_Allreduce us |   spread us | ratio |");
        System.out.println(
            "|-------:|-------------:|------------:|-----------------:|------------:|------:|");
      }
      // Compiled code first: the compiler shares the ranks' cores.
      MemorySegment warm = arena.allocate(256 << 10, 64);
      for (int i = 0; i < 60; i++) {
        time(shm, warm, 500);
        shm.barrier();
      }
      for (int kib : KIB) {
        MemorySegment s = arena.allocate(kib * 1024L, 64);
        check(shm, s);
        check(mpi, s);
        int calls = Math.clamp(4096 / kib, 2, 200);
        for (int i = 0; i < 5; i++) {
          time(shm, s, calls);
          time(mpi, s, calls);
        }
        double[] a = new double[ROUNDS];
        double[] b = new double[ROUNDS];
        for (int i = 0; i < ROUNDS; i++) {
          a[i] = time(shm, s, calls);
          b[i] = time(mpi, s, calls);
        }
        if (rank == 0) {
          Arrays.sort(a);
          Arrays.sort(b);
          System.out.printf(
              "| %6d | %12.1f | %4.0f – %4.0f | %16.1f | %4.0f – %4.0f | %5.2f |%n",
              kib,
              a[ROUNDS / 2],
              a[ROUNDS / 10],
              a[ROUNDS * 9 / 10],
              b[ROUNDS / 2],
              b[ROUNDS / 10],
              b[ROUNDS * 9 / 10],
              b[ROUNDS / 2] / a[ROUNDS / 2]);
        }
      }
    }
  }

  /** Microseconds per call, from a common start. */
  private static double time(Communicator c, MemorySegment s, int calls) {
    c.barrier();
    long start = System.nanoTime();
    for (int i = 0; i < calls; i++) {
      c.allReduce(s, ReduceType.F32);
    }
    return (System.nanoTime() - start) / 1e3 / calls;
  }

  private static void check(Communicator c, MemorySegment s) {
    long n = s.byteSize() / 4;
    for (long i = 0; i < n; i++) {
      s.setAtIndex(ValueLayout.JAVA_FLOAT, i, i % 1000 + c.rank());
    }
    c.allReduce(s, ReduceType.F32);
    for (long i = 0; i < n; i++) {
      float expected = c.worldSize() * (i % 1000) + c.worldSize() * (c.worldSize() - 1) / 2f;
      if (s.getAtIndex(ValueLayout.JAVA_FLOAT, i) != expected) {
        throw new IllegalStateException("wrong sum at " + i);
      }
    }
    // Zero: repeated sums of timing runs stay zero.
    s.fill((byte) 0);
  }
}
