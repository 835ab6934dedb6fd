package org.gatun.text;

import java.io.IOException;
import org.gatun.json.OneLine;

/**
 * A tokenizer description or chat template that is malformed, unsupported or beyond the limits. The
 * message is one line with the cause.
 */
public final class TextFormatException extends IOException {
  private static final long serialVersionUID = 1L;

  public TextFormatException(String message) {
    super(OneLine.of(message));
  }

  public TextFormatException(String message, Throwable cause) {
    super(OneLine.of(message), cause);
  }
}
