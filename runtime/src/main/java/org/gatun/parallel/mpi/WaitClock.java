package org.gatun.parallel.mpi;

import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.Arrays;
import java.util.function.Consumer;
import org.gatun.parallel.CommunicatorException;
import org.gatun.parallel.GroupSpec;
import org.gatun.parallel.StageWait;
import org.jspecify.annotations.Nullable;

/**
 * Watches how long this rank waits inside MPI. Past a second (a quarter of the deadline, if that is
 * less) it says so to the others, and again as often; past the deadline, and the time that others
 * need to say the same, it names who did not arrive.
 *
 * <p>Two threads: what MPI calls the notices make cannot hold up the deadline.
 */
final class WaitClock {
  private static final long LONGEST_PERIOD = Duration.ofSeconds(1).toNanos();
  private static final long TICK_MILLIS = 50;

  /** Time in which a rank that speaks first has ended the job. */
  private static final long TURN_MILLIS = 1500;

  private final int rank;
  private final int world;
  private final Duration patience;
  private final long period;
  private final @Nullable WaitNotices notices;
  private final Consumer<CommunicatorException> late;
  private final Thread deadline;
  private final Thread teller;
  private volatile long enteredAt;
  private volatile long call;
  private volatile String name = "";
  private volatile @Nullable StageWait stage;
  private volatile boolean closed;

  /**
   * A clock that runs.
   *
   * @param mayTell whether MPI allows calls from several threads
   * @param late ends the job; called once, and by one waiting rank before the others
   */
  WaitClock(
      GroupSpec spec, MemorySegment comm, boolean mayTell, Consumer<CommunicatorException> late) {
    this.rank = spec.rank();
    this.world = spec.worldSize();
    this.patience = spec.deadlines().collective();
    this.period = Math.min(LONGEST_PERIOD, patience.toNanos() / 4);
    this.notices = mayTell && world > 1 ? new WaitNotices(rank, world, comm) : null;
    this.late = late;
    this.deadline = Thread.ofPlatform().daemon().name("gatun-mpi-deadline").start(this::watch);
    this.teller = Thread.ofPlatform().daemon().name("gatun-mpi-notices").start(this::tell);
  }

  /** The next collective; the clock stands. */
  void next(String collective) {
    call++;
    name = collective;
  }

  /** The call that follows ends a stage and has its deadline; null for any other. */
  void stage(@Nullable StageWait value) {
    stage = value;
  }

  /** A wait inside MPI begins. */
  void start() {
    enteredAt = System.nanoTime() | 1;
  }

  /** It is over. */
  void stop() {
    enteredAt = 0;
  }

  /** Stops watching; no thread of the clock is inside MPI afterwards. */
  void close() {
    closed = true;
    deadline.interrupt();
    teller.interrupt();
    try {
      teller.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    if (notices != null) {
      notices.close();
    }
  }

  private long waited() {
    long since = enteredAt;
    return since == 0 ? 0 : System.nanoTime() - since;
  }

  private void tell() {
    long next = 0;
    while (!closed && notices != null && pause(TICK_MILLIS)) {
      if (waited() > period && System.nanoTime() >= next) {
        try {
          notices.exchange(call);
        } catch (CommunicatorException e) {
          // The deadline holds without notices; it then cannot tell which of the others is missing.
          return;
        }
        next = System.nanoTime() + period;
      }
    }
  }

  private void watch() {
    // Whoever came in just now says so within a period, and a tick or two.
    long margin = period + 4 * TICK_MILLIS * 1_000_000;
    while (!closed && pause(TICK_MILLIS)) {
      StageWait s = stage;
      Duration limit = s == null ? patience : s.limit();
      long verdict = limit.toNanos() + margin;
      long waited = waited();
      if (s != null && waited > 2 * period) {
        long[] waits = waits();
        s.look(waited, r -> waits[r] >= 0);
      }
      if (waited > verdict) {
        long[] waits = waits();
        if (!pause(TURN_MILLIS * Verdict.place(rank, waits))) {
          return;
        }
        if (waited() > verdict) {
          boolean silent = Arrays.stream(waits).anyMatch(w -> w < 0);
          late.accept(
              s != null && silent
                  ? s.late(r -> waits[r] >= 0)
                  : Verdict.of(rank, waits, name, limit.toMillis()));
          return;
        }
      }
    }
  }

  private long[] waits() {
    long[] waits = new long[world];
    Arrays.setAll(
        waits, r -> r == rank ? call : notices == null ? -1 : notices.waitsIn(r, 2 * period));
    return waits;
  }

  private static boolean pause(long millis) {
    try {
      Thread.sleep(millis);
      return true;
    } catch (InterruptedException e) {
      return false;
    }
  }
}
