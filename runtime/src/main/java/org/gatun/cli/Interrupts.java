package org.gatun.cli;

import org.gatun.generate.CancelToken;
import org.jspecify.annotations.Nullable;
import sun.misc.Signal;

/** Ctrl-C: ends the running generation; where none runs, it ends the command. */
final class Interrupts {
  /** Exit code of a command that Ctrl-C ended: 128 and the signal's number, as shells have it. */
  static final int EXIT = 130;

  private static volatile @Nullable CancelToken current;

  private Interrupts() {}

  /** From now on Ctrl-C cancels what {@link #guard} watches. */
  static void install() {
    Signal.handle(
        new Signal("INT"),
        s -> {
          CancelToken c = current;
          if (c == null || c.isCancelled()) {
            System.exit(EXIT);
          } else {
            c.cancel();
          }
        });
  }

  /** The token that Ctrl-C cancels until {@link #release}. */
  static CancelToken guard() {
    CancelToken c = new CancelToken();
    current = c;
    return c;
  }

  static void release() {
    current = null;
  }
}
