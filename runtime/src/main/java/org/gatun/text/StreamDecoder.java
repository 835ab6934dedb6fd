package org.gatun.text;

/**
 * Turns token ids that arrive one by one into text, without ever splitting a character: bytes of an
 * unfinished UTF-8 sequence wait for the next token, and U+FFFD appears only where no further byte
 * could complete the sequence (the WHATWG "maximal subpart" rule). Belongs to one thread.
 */
public final class StreamDecoder {
  private static final char REPLACEMENT = '\uFFFD';

  private final Tokenizer tokenizer;
  // An unfinished sequence: at most 3 bytes of a 4-byte character.
  private boolean pending;
  private int codePoint;
  private int missing;
  // Bounds of the next byte: tighter than 80..BF after E0, ED, F0 and F4.
  private int low;
  private int high;

  StreamDecoder(Tokenizer tokenizer) {
    this.tokenizer = tokenizer;
  }

  /** Appends to {@code out} the characters that are certain once this token has arrived. */
  public void accept(int id, StringBuilder out) {
    for (byte b : tokenizer.bytes(id)) {
      next(b & 0xff, out);
    }
  }

  /** The characters that are certain once this token has arrived; possibly empty. */
  public String accept(int id) {
    StringBuilder out = new StringBuilder();
    accept(id, out);
    return out.toString();
  }

  /** Ends the text: an unfinished sequence becomes one U+FFFD. The decoder can be used again. */
  public void finish(StringBuilder out) {
    if (pending) {
      pending = false;
      out.append(REPLACEMENT);
    }
  }

  /** As {@link #finish(StringBuilder)}. */
  public String finish() {
    StringBuilder out = new StringBuilder();
    finish(out);
    return out.toString();
  }

  void accept(byte[] bytes, int from, int to, StringBuilder out) {
    for (int i = from; i < to; i++) {
      next(bytes[i] & 0xff, out);
    }
  }

  private void next(int b, StringBuilder out) {
    if (pending) {
      if (b >= low && b <= high) {
        codePoint = codePoint << 6 | b & 0x3f;
        low = 0x80;
        high = 0xbf;
        if (--missing == 0) {
          pending = false;
          out.appendCodePoint(codePoint);
        }
        return;
      }
      pending = false;
      out.append(REPLACEMENT);
    }
    if (b < 0x80) {
      out.append((char) b);
    } else if (b >= 0xc2 && b <= 0xdf) {
      begin(b & 0x1f, 1, 0x80, 0xbf);
    } else if (b >= 0xe0 && b <= 0xef) {
      begin(b & 0x0f, 2, b == 0xe0 ? 0xa0 : 0x80, b == 0xed ? 0x9f : 0xbf);
    } else if (b >= 0xf0 && b <= 0xf4) {
      begin(b & 0x07, 3, b == 0xf0 ? 0x90 : 0x80, b == 0xf4 ? 0x8f : 0xbf);
    } else {
      out.append(REPLACEMENT);
    }
  }

  private void begin(int bits, int continuation, int lowest, int highest) {
    pending = true;
    codePoint = bits;
    missing = continuation;
    low = lowest;
    high = highest;
  }
}
