package org.gatun.backend;

import org.jspecify.annotations.Nullable;

/** A device or driver that failed, or an op it lacks: one line with cause and remedy. */
public class BackendException extends RuntimeException {
  /** An error with this message. */
  public BackendException(String message) {
    super(message);
  }

  /** An error with this message and what caused it. */
  public BackendException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
