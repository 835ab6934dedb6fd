package org.gatun.fuzz;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.random.RandomGenerator;

/**
 * Damages bytes the way broken downloads and hostile authors do.
 *
 * @param words texts that mean something to the reader of the bytes
 */
public record Mutator(List<String> words) {
  /** Texts of JSON, of GGUF and safetensors headers. */
  static final Mutator FILES =
      new Mutator(
          List.of(
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
              "1.5"));

  /** Texts of regular expressions and templates too. */
  public static final Mutator TEXTS =
      new Mutator(
          List.of(
              "{",
              "}",
              "[",
              "]",
              "\"",
              ",",
              ":",
              "null",
              "-1",
              "1e99",
              "99999999999",
              "true",
              "\\",
              "\\u0000",
              "\u0000",
              "(?=a+)+b",
              "(x+x+)+y",
              "\\\\p{L}*",
              "{%",
              "%}",
              "{{",
              "}}",
              "{%- for x in range(9999999) %}",
              "{% endfor %}",
              "{% if %}",
              "|",
              "| tojson",
              "(((",
              "~",
              "'",
              " is ",
              " not ",
              ".split('')",
              "* 99999999",
              "loop.",
              "[::-1]",
              "[::0]",
              "{#",
              "#}",
              "{% macro f() %}",
              "f()",
              "namespace(",
              "é",
              "\ud800"));

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

  /**
   * A copy with one to four kinds of damage.
   *
   * @param header damage falls on the first so many bytes
   */
  public byte[] mutate(byte[] base, int header, RandomGenerator random) {
    byte[] b = base;
    for (int n = 1 + random.nextInt(4); n > 0 && b.length > 0; n--) {
      int at = random.nextInt(Math.min(header, b.length));
      int some = random.nextInt(random.nextBoolean() ? 8 : 400);
      b =
          switch (random.nextInt(10)) {
            case 0 -> number(b, at, 4, random);
            case 1 -> number(b, at, 8, random);
            case 2 -> number(b, at & ~7, 8, random);
            case 3 -> Arrays.copyOf(b, random.nextInt(b.length));
            case 4 -> splice(b, at, some, new byte[0]);
            case 5 -> splice(b, at, 0, slice(b, at, some));
            case 6 -> splice(b, at, random.nextInt(4), slice(b, random.nextInt(b.length), some));
            case 7 -> splice(b, at, random.nextBoolean() ? 0 : some, word(random));
            case 8 -> overwrite(b, at, slice(b, random.nextInt(b.length), some));
            default -> overwrite(b, at, new byte[] {(byte) (b[at] ^ 1 << random.nextInt(8))});
          };
    }
    return b;
  }

  /** One of the words. */
  public String anyWord(RandomGenerator random) {
    return words.get(random.nextInt(words.size()));
  }

  private byte[] word(RandomGenerator random) {
    return anyWord(random).getBytes(StandardCharsets.UTF_8);
  }

  private static byte[] slice(byte[] b, int from, int length) {
    return Arrays.copyOfRange(b, from, Math.min(b.length, from + length));
  }

  private static byte[] number(byte[] b, int at, int width, RandomGenerator random) {
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
