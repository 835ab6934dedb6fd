package org.gatun.fuzz;

import java.util.random.RandomGenerator;

/** Strings of random characters. */
public final class RandomText {
  private RandomText() {}

  /** Up to so many UTF-16 units of every kind: ASCII, any script, halves of surrogate pairs. */
  public static String any(RandomGenerator random, int max) {
    StringBuilder text = new StringBuilder();
    int length = random.nextInt(max + 1);
    while (text.length() < length) {
      switch (random.nextInt(4)) {
        case 0 -> text.append((char) random.nextInt(0x80));
        case 1 -> text.append((char) random.nextInt(0x3000));
        case 2 -> text.append((char) random.nextInt(0x10000));
        default -> text.appendCodePoint(random.nextInt(0x110000));
      }
    }
    return text.toString();
  }

  /** Up to so many characters of these; a pair counts, and may be taken, as two. */
  public static String of(String characters, RandomGenerator random, int max) {
    StringBuilder text = new StringBuilder();
    for (int n = random.nextInt(max + 1); n > 0; n--) {
      text.append(characters.charAt(random.nextInt(characters.length())));
    }
    return text.toString();
  }

  /** The text with U+FFFD for each half of a surrogate pair. */
  public static String wellFormed(String text) {
    StringBuilder out = new StringBuilder();
    text.codePoints()
        .map(c -> c >= 0xd800 && c <= 0xdfff ? 0xfffd : c)
        .forEach(out::appendCodePoint);
    return out.toString();
  }
}
