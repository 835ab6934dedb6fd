package org.gatun.text;

/** Encodes pieces of text as UTF-8 into one buffer that is used again. */
final class Utf8Buffer {
  private byte[] bytes = new byte[256];
  private int length;

  byte[] bytes() {
    return bytes;
  }

  int length() {
    return length;
  }

  /** Replaces the content by {@code text[from, to)}; unpaired surrogates become U+FFFD. */
  void encode(CharSequence text, int from, int to) {
    length = 0;
    long need = 3L * (to - from);
    if (need > Integer.MAX_VALUE - 8) {
      throw new IllegalArgumentException("text of " + (to - from) + " characters is too long");
    }
    if (bytes.length < need) {
      bytes = new byte[(int) Math.max(need, Math.min(2L * bytes.length, 1 << 20))];
    }
    for (int i = from; i < to; i++) {
      int c = text.charAt(i);
      if (Character.isSurrogate((char) c)) {
        if (Character.isHighSurrogate((char) c)
            && i + 1 < to
            && Character.isLowSurrogate(text.charAt(i + 1))) {
          c = Character.toCodePoint((char) c, text.charAt(++i));
        } else {
          c = 0xfffd;
        }
      }
      length = put(bytes, length, c);
    }
  }

  /** Writes one code point at {@code at}; returns the index after it. */
  static int put(byte[] bytes, int at, int c) {
    if (c < 0x80) {
      bytes[at++] = (byte) c;
    } else if (c < 0x800) {
      bytes[at++] = (byte) (0xc0 | c >> 6);
      bytes[at++] = (byte) (0x80 | c & 0x3f);
    } else if (c < 0x10000) {
      bytes[at++] = (byte) (0xe0 | c >> 12);
      bytes[at++] = (byte) (0x80 | c >> 6 & 0x3f);
      bytes[at++] = (byte) (0x80 | c & 0x3f);
    } else {
      bytes[at++] = (byte) (0xf0 | c >> 18);
      bytes[at++] = (byte) (0x80 | c >> 12 & 0x3f);
      bytes[at++] = (byte) (0x80 | c >> 6 & 0x3f);
      bytes[at++] = (byte) (0x80 | c & 0x3f);
    }
    return at;
  }

  /** Length of the UTF-8 sequence that this byte leads; 1 for a byte that leads none. */
  static int sequenceLength(byte lead) {
    int b = lead & 0xff;
    return b < 0xc0 ? 1 : b < 0xe0 ? 2 : b < 0xf0 ? 3 : 4;
  }
}
