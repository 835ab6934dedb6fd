package org.gatun.text;

import java.util.Arrays;

/**
 * GPT-2's map between bytes and printable characters, by which byte-level vocabularies are spelled:
 * printable Latin-1 stands for itself, the 68 other bytes are U+0100 and up in order.
 */
final class ByteLevel {
  private static final int CHARS = 256 + 68;
  private static final short[] TO_BYTE = new short[CHARS];

  static {
    Arrays.fill(TO_BYTE, (short) -1);
    int extra = 256;
    for (int b = 0; b < 256; b++) {
      boolean printable = b >= '!' && b <= '~' || b >= 0xa1 && b <= 0xac || b >= 0xae;
      TO_BYTE[printable ? b : extra++] = (short) b;
    }
  }

  private ByteLevel() {}

  /**
   * Decodes {@code from[begin, end)}, UTF-8 of a byte-level spelling, into {@code to} at {@code
   * at}.
   *
   * @return the number of bytes written, or -1 if a character is not of the map
   */
  static int decode(byte[] from, int begin, int end, byte[] to, int at) {
    int out = at;
    for (int i = begin; i < end; ) {
      int c = from[i++];
      if (c < 0) {
        // The map ends at U+0143: one continuation byte at most.
        if ((c & 0xe0) != 0xc0 || i == end) {
          return -1;
        }
        c = (c & 0x1f) << 6 | from[i++] & 0x3f;
      }
      if (c >= CHARS || TO_BYTE[c] < 0) {
        return -1;
      }
      to[out++] = (byte) TO_BYTE[c];
    }
    return out - at;
  }
}
