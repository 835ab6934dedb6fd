package org.gatun.cli;

import java.io.PrintStream;
import java.time.Duration;

/**
 * Says every few seconds how far a long measurement is. A thread of its own prints, so that what is
 * measured pays a store per step only; a measurement that is over before the first beat prints
 * nothing.
 */
final class Heartbeat implements AutoCloseable {
  private final long start = System.nanoTime();
  private final Thread thread;
  private volatile String phase = "starting";
  private volatile int done;
  private volatile int total;

  /** Beats until it is closed. */
  Heartbeat(PrintStream out, Duration every) {
    thread = Thread.ofPlatform().daemon().name("gatun-heartbeat").start(() -> beat(out, every));
  }

  /** What begins now, and how many steps it has. */
  void begin(String phase, int total) {
    this.total = total;
    done = 0;
    this.phase = phase;
  }

  /** One step of the phase is done; called by one thread. */
  @SuppressWarnings("NonAtomicVolatileUpdate") // one writer
  void step() {
    done++;
  }

  private void beat(PrintStream out, Duration every) {
    try {
      while (true) {
        Thread.sleep(every);
        String steps = total > 1 ? ", " + done + " of " + total : "";
        long seconds = Duration.ofNanos(System.nanoTime() - start).toSeconds();
        out.println("gatun: " + phase + steps + " (" + seconds + " s)");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void close() {
    thread.interrupt();
  }
}
