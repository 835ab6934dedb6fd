package org.gatun.fuzz;

import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.time.Duration;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicReference;
import java.util.random.RandomGenerator;
import java.util.stream.Collectors;

/**
 * Runs one body over many seeds. The seeds are 0, 1, 2, …, so a run repeats itself; a failure names
 * its seed, and {@code -Dgatun.fuzz.seed=N -Dgatun.fuzz.trials=1} runs that one alone. A trial that
 * does not end fails with its seed and what it is doing.
 */
public final class Trials {
  private static final long FIRST_SEED = Long.getLong("gatun.fuzz.seed", 0);
  private static final Integer COUNT = Integer.getInteger("gatun.fuzz.trials");

  /** Processor time, so that a busy machine fails nothing. */
  private static final Duration PATIENCE = Duration.ofSeconds(20);

  /** For a trial that waits instead of computing. */
  private static final Duration LONG_PATIENCE = Duration.ofMinutes(10);

  /** What is tried; any exception or error of it is a failure. */
  @FunctionalInterface
  public interface Body {
    void accept(RandomGenerator random) throws Exception;
  }

  private Trials() {}

  /** Tries the seeds from {@code gatun.fuzz.seed} on; stops at the first failure. */
  public static void run(int count, Body body) throws InterruptedException {
    new Worker(COUNT == null ? count : COUNT, body).runWatched();
  }

  /** Whether all trials run, not a chosen few. */
  static boolean isWhole() {
    return COUNT == null;
  }

  /** Bytes that this thread has allocated so far. */
  public static long allocatedBytes() {
    // By reflection: the tests compile in a module that does not read jdk.management.
    try {
      return (long)
          Class.forName("com.sun.management.ThreadMXBean")
              .getMethod("getCurrentThreadAllocatedBytes")
              .invoke(ManagementFactory.getThreadMXBean());
    } catch (ReflectiveOperationException e) {
      throw new AssertionError(e);
    }
  }

  private static final class Worker {
    private final Thread thread = Thread.ofPlatform().daemon().unstarted(this::loop);
    private final AtomicReference<Throwable> failure = new AtomicReference<>();
    private final int count;
    private final Body body;
    private volatile long seed;

    Worker(int count, Body body) {
      this.count = count;
      this.body = body;
    }

    private void loop() {
      try {
        for (long s = FIRST_SEED; s < FIRST_SEED + count; s++) {
          seed = s;
          body.accept(new SplittableRandom(s));
        }
      } catch (Throwable e) {
        failure.set(e);
      }
    }

    void runWatched() throws InterruptedException {
      ThreadMXBean clock = ManagementFactory.getThreadMXBean();
      thread.start();
      long watched = -1;
      long cpuBefore = 0;
      long wallBefore = 0;
      while (!thread.join(Duration.ofMillis(200))) {
        long now = seed;
        long cpu = clock.getThreadCpuTime(thread.threadId());
        if (now != watched) {
          watched = now;
          cpuBefore = cpu;
          wallBefore = System.nanoTime();
        } else if (cpu - cpuBefore > PATIENCE.toNanos()
            || System.nanoTime() - wallBefore > LONG_PATIENCE.toNanos()) {
          String stack =
              Arrays.stream(thread.getStackTrace())
                  .map(f -> "\n  at " + f)
                  .collect(Collectors.joining());
          thread.interrupt();
          throw new AssertionError(name(watched) + " does not end" + stack);
        }
      }
      Throwable e = failure.get();
      if (e != null) {
        throw new AssertionError(name(seed) + ": " + e.getMessage(), e);
      }
    }

    private static String name(long seed) {
      return "seed " + seed + " (-Dgatun.fuzz.seed=" + seed + " -Dgatun.fuzz.trials=1 repeats it)";
    }
  }
}
