package org.gatun.parallel.shm;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.time.Duration;
import org.gatun.parallel.Communicator;
import org.gatun.parallel.CommunicatorException;
import org.gatun.parallel.GroupSpec;
import org.gatun.parallel.ReduceType;

/**
 * A rank process for tests: {@code rank world job identity directory scenario repetitions}. Prints
 * READY once the group stands; a failure is one line and exit code 3.
 */
final class ShmRank {
  private ShmRank() {}

  public static void main(String[] args) throws IOException {
    int rank = Integer.parseInt(args[0]);
    int world = Integer.parseInt(args[1]);
    GroupSpec spec =
        GroupSpec.of(rank, world, args[2], args[3])
            .withTimeout(Duration.ofSeconds(3))
            .withJoinTimeout(Duration.ofSeconds(20));
    String scenario = args[5];
    int repetitions = Integer.parseInt(args[6]);
    try (Communicator c = new SharedMemoryProvider(Path.of(args[4])).open(spec)) {
      System.out.println("READY");
      if (scenario.equals("idle-last") && rank == world - 1) {
        int unused = System.in.read();
      }
      long sum = reduceOften(c, repetitions);
      System.out.println("SUM " + sum);
    } catch (CommunicatorException e) {
      System.out.println("FAILED " + e.getMessage());
      // As a process whose model code may still be busy: nothing may keep it alive.
      Runtime.getRuntime().halt(3);
    }
  }

  private static long reduceOften(Communicator c, int repetitions) {
    long checksum = 0;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment all = arena.allocate(4L * 40_000);
      for (int i = 0; i < repetitions; i++) {
        int n = 1 + (i * 7919) % 40_000;
        MemorySegment s = all.asSlice(0, 4L * n);
        for (int k : new int[] {0, n / 2, n - 1}) {
          s.setAtIndex(ValueLayout.JAVA_FLOAT, k, i % 1000 + c.rank());
        }
        c.allReduce(s, ReduceType.F32);
        float expected = c.worldSize() * (i % 1000) + c.worldSize() * (c.worldSize() - 1) / 2f;
        for (int k : new int[] {0, n / 2, n - 1}) {
          if (s.getAtIndex(ValueLayout.JAVA_FLOAT, k) != expected) {
            throw new CommunicatorException(c.rank(), "wrong sum in repetition " + i);
          }
        }
        checksum = checksum * 31 + Float.floatToRawIntBits(expected);
      }
    }
    return checksum;
  }
}
