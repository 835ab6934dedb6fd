package org.gatun.text;

import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * An immutable list of byte strings in one array: 262,144 tokens cost two arrays, not 262,144
 * objects, and a model file's strings are copied in without decoding them.
 *
 * @param bytes all strings, one after the other (UTF-8 unless the source says otherwise)
 * @param offsets string i is {@code bytes[offsets[i], offsets[i + 1])}; one more than strings
 */
public record StringTable(byte[] bytes, int[] offsets) {
  public static final StringTable EMPTY = new StringTable(new byte[0], new int[] {0});

  /**
   * Takes the arrays over without copying them.
   *
   * @throws IllegalArgumentException if the offsets do not ascend from 0 to the end of the bytes
   */
  public StringTable {
    if (offsets.length == 0 || offsets[0] != 0 || offsets[offsets.length - 1] != bytes.length) {
      throw new IllegalArgumentException("offsets must span the bytes");
    }
    for (int i = 1; i < offsets.length; i++) {
      if (offsets[i] < offsets[i - 1]) {
        throw new IllegalArgumentException("offsets must ascend");
      }
    }
  }

  /** The table of these strings in UTF-8. */
  public static StringTable of(List<? extends CharSequence> strings) {
    byte[][] encoded = new byte[strings.size()][];
    for (int i = 0; i < encoded.length; i++) {
      encoded[i] = strings.get(i).toString().getBytes(StandardCharsets.UTF_8);
    }
    return ofBytes(encoded);
  }

  static StringTable ofBytes(byte[][] strings) {
    int[] offsets = new int[strings.length + 1];
    for (int i = 0; i < strings.length; i++) {
      offsets[i + 1] = Math.addExact(offsets[i], strings[i].length);
    }
    byte[] bytes = new byte[offsets[strings.length]];
    for (int i = 0; i < strings.length; i++) {
      System.arraycopy(strings[i], 0, bytes, offsets[i], strings[i].length);
    }
    return new StringTable(bytes, offsets);
  }

  public int size() {
    return offsets.length - 1;
  }

  /** Length in bytes of string {@code i}. */
  public int length(int i) {
    return offsets[i + 1] - offsets[i];
  }

  /** String {@code i}, decoded as UTF-8. */
  public String get(int i) {
    return new String(bytes, offsets[i], length(i), StandardCharsets.UTF_8);
  }

  @Override
  public String toString() {
    return "StringTable[" + size() + " strings, " + bytes.length + " bytes]";
  }
}
