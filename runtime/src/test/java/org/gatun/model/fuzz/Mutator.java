package org.gatun.model.fuzz;

import java.util.Arrays;
import java.util.SplittableRandom;

/** Damages bytes the way broken downloads and hostile authors do. Equal seeds give equal damage. */
final class Mutator {
  private static final long[] NUMBERS = {
    0,
    1,
    2,
    3,
    7,
    8,
    31,
    32,
    255,
    256,
    0x7FFF,
    0xFFFF,
    1 << 20,
    1 << 24,
    Integer.MAX_VALUE,
    Integer.MIN_VALUE,
    1L << 32,
    1L << 40,
    1L << 61,
    1L << 62,
    Long.MAX_VALUE,
    Long.MIN_VALUE,
    -1
  };
  private static final String[] TOKENS = {
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "-1",
    "0",
    "1e999",
    "99999999999999999999",
    "null",
    "true",
    "\"F16\"",
    "\"I64\"",
    "\"F8_E4M3\"",
    "\"../x\"",
    "\\u0000",
    "[[[[[[[[",
    "NaN",
    "1.5"
  };

  private final SplittableRandom random;

  Mutator(long seed) {
    random = new SplittableRandom(seed);
  }

  /**
   * A damaged copy.
   *
   * @param header damage falls mostly on the first so many bytes
   */
  byte[] mutate(byte[] base, int header) {
    byte[] b = base;
    for (int n = 1 + random.nextInt(4); n > 0 && b.length > 0; n--) {
      int at = random.nextInt(Math.min(header, b.length));
      b =
          switch (random.nextInt(9)) {
            case 0 -> number(b, at, 4);
            case 1 -> number(b, at, 8);
            case 2 -> number(b, at & ~7, 8);
            case 3 -> Arrays.copyOf(b, random.nextInt(b.length));
            case 4 -> splice(b, at, random.nextInt(16), new byte[0]);
            case 5 -> splice(b, at, 0, slice(b, random.nextInt(64)));
            case 6 -> splice(b, at, random.nextInt(4), token());
            case 7 -> overwrite(b, at, slice(b, random.nextInt(32)));
            default -> overwrite(b, at, new byte[] {(byte) (b[at] ^ 1 << random.nextInt(8))});
          };
    }
    return b;
  }

  private byte[] token() {
    return TOKENS[random.nextInt(TOKENS.length)].getBytes(java.nio.charset.StandardCharsets.UTF_8);
  }

  private byte[] slice(byte[] b, int length) {
    int from = random.nextInt(b.length);
    return Arrays.copyOfRange(b, from, Math.min(b.length, from + length));
  }

  private byte[] number(byte[] b, int at, int width) {
    long value = NUMBERS[random.nextInt(NUMBERS.length)] + random.nextInt(3) - 1;
    byte[] bytes = new byte[width];
    for (int i = 0; i < width; i++) {
      bytes[i] = (byte) (value >>> 8 * i);
    }
    return overwrite(b, at, bytes);
  }

  private static byte[] overwrite(byte[] b, int at, byte[] with) {
    byte[] out = b.clone();
    System.arraycopy(with, 0, out, at, Math.min(with.length, b.length - at));
    return out;
  }

  private static byte[] splice(byte[] b, int at, int remove, byte[] insert) {
    int tail = Math.min(b.length, at + remove);
    byte[] out = new byte[at + insert.length + b.length - tail];
    System.arraycopy(b, 0, out, 0, at);
    System.arraycopy(insert, 0, out, at, insert.length);
    System.arraycopy(b, tail, out, at + insert.length, b.length - tail);
    return out;
  }
}
