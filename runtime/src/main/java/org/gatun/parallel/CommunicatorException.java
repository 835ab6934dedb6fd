package org.gatun.parallel;

/**
 * A group of ranks cannot go on. Every rank of the group ends with one of these; buffers of the
 * collective that was under way hold no usable value. The message is one line that names the rank
 * at fault and the cause.
 */
public final class CommunicatorException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final int rank;
  private final String text;

  /**
   * @param rank the rank at fault, or -1 where no single rank is
   * @param cause one line: what happened to it
   */
  public CommunicatorException(int rank, String cause) {
    super(rank < 0 ? cause : "rank " + rank + ": " + cause);
    this.rank = rank;
    this.text = cause;
  }

  /** The rank at fault, or -1. */
  public int rank() {
    return rank;
  }

  /** What happened to it, without its number. */
  public String text() {
    return text;
  }
}
