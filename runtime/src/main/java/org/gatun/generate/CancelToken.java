package org.gatun.generate;

/** Ends a generation from another thread; looked at between steps. */
public final class CancelToken {
  private volatile boolean cancelled;

  /** Asks the generation to end; what was generated so far is returned. */
  public void cancel() {
    cancelled = true;
  }

  /** Whether {@link #cancel} was called. */
  public boolean isCancelled() {
    return cancelled;
  }
}
