package org.gatun.model;

/**
 * A model file cannot be used. The message is one line with the cause and, where there is one, the
 * remedy.
 */
public final class ModelFormatException extends RuntimeException {
  public ModelFormatException(String message) {
    super(message);
  }

  public ModelFormatException(String message, Throwable cause) {
    super(message, cause);
  }
}
