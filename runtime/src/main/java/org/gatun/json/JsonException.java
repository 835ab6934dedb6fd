package org.gatun.json;

import java.io.IOException;

/**
 * JSON that is malformed, beyond the limits, or lacks an expected field. The message is one line.
 */
public final class JsonException extends IOException {
  private static final long serialVersionUID = 1L;

  public JsonException(String message) {
    super(OneLine.of(message));
  }
}
