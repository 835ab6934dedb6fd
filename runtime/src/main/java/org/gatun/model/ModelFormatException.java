package org.gatun.model;

import org.gatun.json.OneLine;

/**
 * A model file cannot be used. The message is one line with the cause and, where there is one, the
 * remedy; what a hostile file puts into it is made harmless.
 */
public final class ModelFormatException extends RuntimeException {
  public ModelFormatException(String message) {
    super(OneLine.of(message));
  }

  public ModelFormatException(String message, Throwable cause) {
    super(OneLine.of(message), cause);
  }
}
