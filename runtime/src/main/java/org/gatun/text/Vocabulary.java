package org.gatun.text;

import java.util.Arrays;

/**
 * The tokens of a model. {@code pieces} is how the vocabulary spells them; {@code surface} is the
 * bytes that stand for them in the text that is merged (the same thing, but raw bytes where the
 * vocabulary is spelled {@linkplain ByteLevel byte-level}).
 */
final class Vocabulary {
  private static final int MAX_TOKENS = 1 << 24;
  // Differs from run to run, so that no file can be made whose tokens all collide.
  private static final long SEED = System.nanoTime() * 0x9E3779B97F4A7C15L;

  private final StringTable pieces;
  private final StringTable surface;
  private final TokenType[] types;
  private final int[] byteIds = new int[256];
  private final int longest;
  // Open addressing over the surface of tokens that merging may produce; id + 1, 0 is free.
  private final int[] index;

  Vocabulary(StringTable pieces, TokenType[] types, boolean byteLevel) throws TextFormatException {
    if (pieces.size() == 0 || pieces.size() > MAX_TOKENS) {
      throw new TextFormatException("a vocabulary of " + pieces.size() + " tokens");
    }
    this.pieces = pieces;
    this.types = types;
    this.surface = byteLevel ? rawBytes(pieces, types) : pieces;
    this.index = new int[Integer.highestOneBit(Math.max(8, pieces.size())) << 2];
    Arrays.fill(byteIds, -1);
    int max = 0;
    for (int id = 0; id < pieces.size(); id++) {
      switch (types[id]) {
        case CONTROL, UNKNOWN -> {}
        case BYTE -> {
          int value = byteValue(id);
          if (value >= 0) {
            byteIds[value] = id;
          }
        }
        default -> {
          insert(id);
          max = Math.max(max, surface.length(id));
          if (byteLevel && types[id] == TokenType.NORMAL && surface.length(id) == 1) {
            byteIds[surface.bytes()[surface.offsets()[id]] & 0xff] = id;
          }
        }
      }
    }
    this.longest = max;
  }

  int size() {
    return pieces.size();
  }

  TokenType type(int id) {
    return types[id];
  }

  String piece(int id) {
    return pieces.get(id);
  }

  /** The surface bytes of all tokens. */
  StringTable surface() {
    return surface;
  }

  /** Bytes of the longest token that merging may produce. */
  int longest() {
    return longest;
  }

  /** The token of one byte, or -1. */
  int byteId(int b) {
    return byteIds[b];
  }

  /** The value of a byte token, spelled {@code <0xE2>}, or -1 if it is spelled otherwise. */
  int byteValue(int id) {
    int at = pieces.offsets()[id];
    byte[] b = pieces.bytes();
    if (pieces.length(id) != 6 || b[at] != '<' || b[at + 1] != '0' || b[at + 5] != '>') {
      return -1;
    }
    int high = Character.digit(b[at + 3], 16);
    int low = Character.digit(b[at + 4], 16);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
  }

  /** The token whose surface is {@code text[from, to)}, or -1. Control tokens are not found. */
  int find(byte[] text, int from, int to) {
    if (to - from > longest) {
      return -1;
    }
    int mask = index.length - 1;
    for (int slot = hash(text, from, to) & mask; ; slot = slot + 1 & mask) {
      int id = index[slot] - 1;
      if (id < 0 || same(id, text, from, to)) {
        return id;
      }
    }
  }

  /** The token of this spelling, control tokens included, or -1. Reads the whole vocabulary. */
  int idOf(byte[] piece) {
    for (int id = 0; id < pieces.size(); id++) {
      if (pieces.length(id) == piece.length
          && Arrays.equals(
              pieces.bytes(),
              pieces.offsets()[id],
              pieces.offsets()[id + 1],
              piece,
              0,
              piece.length)) {
        return id;
      }
    }
    return -1;
  }

  private void insert(int id) {
    if (surface.length(id) == 0) {
      return; // A hole in the ids.
    }
    byte[] bytes = surface.bytes();
    int from = surface.offsets()[id];
    int to = surface.offsets()[id + 1];
    int mask = index.length - 1;
    int slot = hash(bytes, from, to) & mask;
    while (index[slot] != 0 && !same(index[slot] - 1, bytes, from, to)) {
      slot = slot + 1 & mask;
    }
    index[slot] = id + 1;
  }

  private boolean same(int id, byte[] text, int from, int to) {
    return Arrays.equals(
        surface.bytes(), surface.offsets()[id], surface.offsets()[id + 1], text, from, to);
  }

  private static int hash(byte[] text, int from, int to) {
    long h = SEED;
    for (int i = from; i < to; i++) {
      h = (h ^ text[i]) * 0x100000001B3L;
    }
    return (int) (h ^ h >>> 32);
  }

  /** Added tokens are spelled as plain text, all others byte-level. */
  private static StringTable rawBytes(StringTable pieces, TokenType[] types) {
    byte[] bytes = new byte[pieces.bytes().length];
    int[] offsets = new int[pieces.size() + 1];
    int at = 0;
    for (int id = 0; id < pieces.size(); id++) {
      int from = pieces.offsets()[id];
      int to = pieces.offsets()[id + 1];
      boolean plain = types[id] == TokenType.CONTROL || types[id] == TokenType.USER_DEFINED;
      int written = plain ? -1 : ByteLevel.decode(pieces.bytes(), from, to, bytes, at);
      if (written < 0) {
        written = to - from;
        System.arraycopy(pieces.bytes(), from, bytes, at, written);
      }
      at += written;
      offsets[id + 1] = at;
    }
    return new StringTable(Arrays.copyOf(bytes, at), offsets);
  }
}
