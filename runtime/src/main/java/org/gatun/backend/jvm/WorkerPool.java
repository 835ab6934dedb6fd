package org.gatun.backend.jvm;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Platform threads that share the units of one task at a time with the caller. Units are claimed
 * one by one, so a thread that the system delays costs at most the unit it holds; nobody waits for
 * a thread that claimed nothing. Idle threads spin for a while (the gap between two ops of a step
 * is a microsecond) and then park.
 */
final class WorkerPool implements AutoCloseable {
  /** One piece of work; pieces of one task are independent. */
  interface Task {
    /** Runs piece {@code unit} on thread {@code worker}, whose scratch memory it may use. */
    void run(int unit, int worker);
  }

  private static final int SPINS = Integer.getInteger("gatun.pool.spins", 4000);

  // Epoch in the upper half, next free unit in the lower: a claim of an older epoch fails its
  // compare-and-set.
  private final AtomicLong ticket = new AtomicLong();
  private final AtomicInteger finished = new AtomicInteger();
  private final Thread[] threads;
  private final AtomicInteger parked = new AtomicInteger();
  private volatile int units;
  private volatile @Nullable Task task;
  private volatile @Nullable Throwable failure;
  private volatile boolean closed;

  WorkerPool(int workers) {
    threads = new Thread[workers - 1];
    for (int i = 0; i < threads.length; i++) {
      int worker = i + 1;
      threads[i] = Thread.ofPlatform().daemon().name("gatun-" + worker).start(() -> work(worker));
    }
  }

  int workers() {
    return threads.length + 1;
  }

  /**
   * Runs units {@code 0 … count − 1}; the caller is worker 0. One caller at a time: a program holds
   * the pool's monitor.
   */
  void run(Task work, int count) {
    if (threads.length == 0 || count <= 1) {
      for (int i = 0; i < count; i++) {
        work.run(i, 0);
      }
      return;
    }
    task = work;
    finished.set(0);
    long epoch = (ticket.get() >>> 32) + 1;
    // No unit is free while the count changes: a thread that still looks at the old ticket must not
    // claim from the new.
    units = 0;
    ticket.set(epoch << 32);
    units = count;
    if (parked.get() > 0) {
      for (Thread t : threads) {
        LockSupport.unpark(t);
      }
    }
    drain(epoch, 0);
    while (finished.get() < count) {
      Thread.onSpinWait();
    }
    Throwable f = failure;
    if (f != null) {
      failure = null;
      switch (f) {
        case RuntimeException e -> throw e;
        case Error e -> throw e;
        default -> throw new IllegalStateException(f);
      }
    }
  }

  private void drain(long epoch, int worker) {
    while (true) {
      long t = ticket.get();
      int unit = (int) t;
      if (t >>> 32 != epoch || unit >= units) {
        return;
      }
      if (ticket.compareAndSet(t, t + 1)) {
        // The claimed unit keeps the epoch open, so the task read here is this epoch's.
        Task work = task;
        try {
          if (work != null) {
            work.run(unit, worker);
          }
        } catch (Throwable e) {
          failure = e;
        } finally {
          finished.incrementAndGet();
        }
      }
    }
  }

  private void work(int worker) {
    int idle = 0;
    while (!closed) {
      long t = ticket.get();
      if ((int) t < units) {
        idle = 0;
        drain(t >>> 32, worker);
      } else if (++idle < SPINS) {
        Thread.onSpinWait();
      } else {
        parked.incrementAndGet();
        // Looks once more after it is counted as parked: a task that came in between unparks
        // nobody.
        if ((int) ticket.get() >= units && !closed) {
          LockSupport.park(this);
        }
        parked.decrementAndGet();
        idle = 0;
      }
    }
  }

  @Override
  public void close() {
    closed = true;
    for (Thread t : threads) {
      LockSupport.unpark(t);
    }
    boolean interrupted = false;
    for (Thread t : threads) {
      while (t.isAlive()) {
        try {
          t.join();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
