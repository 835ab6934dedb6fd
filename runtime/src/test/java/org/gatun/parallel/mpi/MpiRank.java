package org.gatun.parallel.mpi;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.Arrays;
import org.gatun.parallel.Communicator;
import org.gatun.parallel.CommunicatorException;
import org.gatun.parallel.Communicators;
import org.gatun.parallel.GroupSpec;
import org.gatun.parallel.ReduceType;
import org.gatun.parallel.Stage;

/**
 * A rank under mpirun for tests: every collective checked; {@code hang}, {@code stop}, {@code
 * late}, {@code die}, {@code mismatch}; {@code absent} before it joins; {@code slow}, {@code stuck}
 * and {@code crash} while it loads.
 */
final class MpiRank {
  private MpiRank() {}

  public static void main(String[] args) throws Exception {
    int rank = Integer.parseInt(System.getenv("OMPI_COMM_WORLD_RANK"));
    int world = Integer.parseInt(System.getenv("OMPI_COMM_WORLD_SIZE"));
    String identity = args[0].equals("mismatch") ? "model " + rank : "model";
    GroupSpec spec =
        GroupSpec.of(rank, world, "mpi", identity)
            .withTimeout(Duration.ofSeconds(args[0].matches("hang|stop|slow") ? 2 : 20))
            .withStageTimeout(Duration.ofSeconds(args[0].equals("stuck") ? 2 : 10))
            .withJoinTimeout(Duration.ofSeconds(args[0].equals("absent") ? 3 : 60))
            .withOnWait(line -> System.out.println("WAITS " + line));
    System.out.println("PID " + ProcessHandle.current().pid());
    if (args[0].equals("absent") && rank == 1) {
      Thread.sleep(60_000);
    }
    try (Communicator c = Communicators.open("mpi", spec)) {
      if (args[0].matches("slow|stuck|crash")) {
        if (rank == 1) {
          // Longer than a collective waits.
          Thread.sleep(args[0].equals("slow") ? 4500 : 60_000);
        }
        if (args[0].equals("crash") && rank == 2) {
          Runtime.getRuntime().halt(7);
        }
        c.rendezvous(Stage.MODEL);
        c.barrier();
        System.out.println("OK " + rank);
        return;
      }
      if (args[0].equals("hang") && rank == 1) {
        Thread.sleep(60_000);
      }
      if (args[0].equals("late") && rank == 1) {
        // Long enough for the others to say that they wait.
        Thread.sleep(2500);
      }
      if (args[0].equals("stop") && rank == 1) {
        c.barrier();
        stop();
      } else if (args[0].equals("stop")) {
        c.barrier();
      }
      if (args[0].equals("die") && rank == 1) {
        Runtime.getRuntime().halt(7);
      }
      for (int n : new int[] {1, 1000, 1_500_001}) {
        reduce(c, n);
      }
      gather(c);
      c.barrier();
      System.out.println("OK " + rank);
    } catch (CommunicatorException e) {
      System.out.println("FAILED " + e.getMessage());
      Runtime.getRuntime().halt(3);
    }
  }

  /** As a debugger, or a batch system that suspends jobs, stops a process. */
  private static void stop() throws Exception {
    int unused =
        new ProcessBuilder("kill", "-STOP", "" + ProcessHandle.current().pid()).start().waitFor();
  }

  private static void reduce(Communicator c, int n) {
    float expected = c.worldSize() * (c.worldSize() + 1) / 2f;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment s = arena.allocate(ValueLayout.JAVA_FLOAT, n);
      for (int i = 0; i < n; i++) {
        s.setAtIndex(ValueLayout.JAVA_FLOAT, i, c.rank() + 1);
      }
      c.allReduce(s, ReduceType.F32);
      for (int i = 0; i < n; i++) {
        check(s.getAtIndex(ValueLayout.JAVA_FLOAT, i), expected);
      }
    }
    for (ReduceType type : new ReduceType[] {ReduceType.F16, ReduceType.BF16}) {
      short[] h = new short[n];
      float one = c.rank() + 1;
      short bits =
          type == ReduceType.F16
              ? Float.floatToFloat16(one)
              : (short) (Float.floatToRawIntBits(one) >>> 16);
      Arrays.fill(h, bits);
      c.allReduce(MemorySegment.ofArray(h), type);
      for (short v : h) {
        check(
            type == ReduceType.F16 ? Float.float16ToFloat(v) : Float.intBitsToFloat(v << 16),
            expected);
      }
    }
  }

  private static void gather(Communicator c) {
    int n = 700_000;
    float[] own = new float[n];
    Arrays.fill(own, c.rank());
    float[] all = new float[n * c.worldSize()];
    c.allGather(MemorySegment.ofArray(own), MemorySegment.ofArray(all));
    for (int i = 0; i < all.length; i++) {
      check(all[i], i / n);
      all[i] = c.rank() + i / n;
    }
    c.reduceScatter(MemorySegment.ofArray(all), MemorySegment.ofArray(own), ReduceType.F32);
    for (float v : own) {
      check(v, c.worldSize() * (c.worldSize() - 1) / 2f + c.worldSize() * c.rank());
    }
    Arrays.fill(own, c.rank() == 1 ? 42 : 0);
    c.broadcast(MemorySegment.ofArray(own), 1);
    for (float v : own) {
      check(v, 42);
    }
  }

  private static void check(float actual, float expected) {
    if (actual != expected) {
      throw new CommunicatorException(-1, "got " + actual + " for " + expected);
    }
  }
}
