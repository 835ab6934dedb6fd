package org.gatun.model;

/**
 * A model file cannot be used. The message is one line with the cause and, where there is one, the
 * remedy; what a hostile file puts into it is made harmless.
 */
public final class ModelFormatException extends RuntimeException {
  private static final int MAX_LENGTH = 1000;

  public ModelFormatException(String message) {
    super(oneLine(message));
  }

  public ModelFormatException(String message, Throwable cause) {
    super(oneLine(message), cause);
  }

  /** Names from a file may hold line breaks and terminal escapes, and be long. */
  private static String oneLine(String message) {
    int end = Math.min(message.length(), MAX_LENGTH);
    StringBuilder clean = new StringBuilder(end);
    for (int i = 0; i < end; i++) {
      char c = message.charAt(i);
      clean.append(Character.isISOControl(c) || c == 0x2028 || c == 0x2029 ? '?' : c);
    }
    return end < message.length() ? clean.append("...").toString() : clean.toString();
  }
}
