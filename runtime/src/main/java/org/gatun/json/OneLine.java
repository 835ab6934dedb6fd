package org.gatun.json;

/** Makes what a hostile file puts into a message harmless. */
public final class OneLine {
  private static final int MAX_LENGTH = 1000;

  private OneLine() {}

  /** The text without line breaks and terminal escapes, and not too long. */
  public static String of(String message) {
    int end = Math.min(message.length(), MAX_LENGTH);
    StringBuilder clean = new StringBuilder(end);
    for (int i = 0; i < end; i++) {
      char c = message.charAt(i);
      clean.append(Character.isISOControl(c) || c == 0x2028 || c == 0x2029 ? '?' : c);
    }
    return end < message.length() ? clean.append("...").toString() : clean.toString();
  }
}
