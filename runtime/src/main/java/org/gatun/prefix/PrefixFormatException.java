package org.gatun.prefix;

/** A prefix file cannot be used: the message says why and what to do. */
public final class PrefixFormatException extends RuntimeException {
  /** States file and reason. */
  public PrefixFormatException(String message) {
    super(message);
  }

  /** States file and reason. */
  public PrefixFormatException(String message, Throwable cause) {
    super(message, cause);
  }
}
