package org.gatun.text.jinja;

import org.gatun.text.TextFormatException;

/** What one rendering may still spend: steps of work, characters and items made, nesting. */
final class Budget {
  private static final long STEPS = 5_000_000;
  private static final long SIZE = 64L << 20;
  private static final int DEPTH = 400;

  private long steps = STEPS;
  private long size = SIZE;
  private int depth;

  void step() throws TextFormatException {
    if (--steps < 0) {
      throw new TextFormatException("chat template: more than " + STEPS + " steps of work");
    }
  }

  /** To be called before this many characters or items are made. */
  void make(long count) throws TextFormatException {
    size -= count;
    if (size < 0) {
      throw new TextFormatException("chat template: more than " + SIZE + " characters are made");
    }
    steps -= count / 64;
    step();
  }

  void enter() throws TextFormatException {
    step();
    if (++depth > DEPTH) {
      throw new TextFormatException("chat template: calls are nested too deeply");
    }
  }

  void leave() {
    depth--;
  }
}
