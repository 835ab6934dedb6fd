package org.gatun.generate;

import org.jspecify.annotations.Nullable;

/**
 * A request that cannot be served, or an engine that cannot start: one line with cause and remedy.
 */
public final class GenerationException extends RuntimeException {
  /** An error with this message. */
  public GenerationException(String message) {
    super(message);
  }

  /** An error with this message and what caused it. */
  public GenerationException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
