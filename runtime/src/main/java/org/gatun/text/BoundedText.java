package org.gatun.text;

/**
 * Text under a regular expression from a file: reading it more often than a sane pattern would ends
 * the match, so that no pattern can backtrack for ever.
 */
final class BoundedText implements CharSequence {
  /** Thrown out of the matcher; carries no stack trace. */
  static final class Exhausted extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Exhausted() {
      super("budget exhausted", null, false, false);
    }
  }

  private static final class Budget {
    long left;
  }

  private static final long READS_PER_CHAR = 500;
  private static final long MIN_READS = 1_000_000;

  private final String text;
  private final int from;
  private final int to;
  private final Budget budget;

  BoundedText(String text, int from, int to) {
    this(text, from, to, new Budget());
    budget.left = MIN_READS + READS_PER_CHAR * (to - from);
  }

  private BoundedText(String text, int from, int to, Budget budget) {
    this.text = text;
    this.from = from;
    this.to = to;
    this.budget = budget;
  }

  @Override
  public int length() {
    return to - from;
  }

  @Override
  public char charAt(int index) {
    if (--budget.left < 0) {
      throw new Exhausted();
    }
    return text.charAt(from + index);
  }

  @Override
  public CharSequence subSequence(int start, int end) {
    return new BoundedText(text, from + start, from + end, budget);
  }

  @Override
  public String toString() {
    return text.substring(from, to);
  }
}
