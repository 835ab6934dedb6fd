package org.gatun.cli;

import org.gatun.backend.Progress;

/** Draws progress on the terminal, or a line per task where there is none. */
final class ProgressBar implements Progress, AutoCloseable {
  private static final int WIDTH = 30;
  private static final long REDRAW_NANOS = 100_000_000;

  private final boolean terminal = System.console() != null && System.console().isTerminal();
  private String task = "";
  private long drawn;
  private boolean open;

  @Override
  public synchronized void report(String name, long done, long total) {
    if (!terminal) {
      if (!name.equals(task)) {
        task = name;
        System.err.println("gatun: " + name + " (" + (total >> 20) + " MiB)");
      }
      return;
    }
    long now = System.nanoTime();
    if (name.equals(task) && done < total && now - drawn < REDRAW_NANOS) {
      return;
    }
    task = name;
    drawn = now;
    int filled = total <= 0 ? 0 : (int) Math.min(WIDTH, WIDTH * done / total);
    System.err.printf(
        "\r%s [%s%s] %d / %d MiB\033[K",
        name, "#".repeat(filled), "-".repeat(WIDTH - filled), done >> 20, total >> 20);
    open = true;
  }

  @Override
  public synchronized void close() {
    if (open) {
      System.err.print("\r\033[K");
      System.err.flush();
      open = false;
    }
  }
}
