package org.gatun.model.gptq;

/** Eight 4-bit codes per 32-bit word, packed along rows or along columns of a matrix. */
final class Nibbles {
  /** Nibble {@code k} of a word holds column {@code 8c + k}. */
  static final int[] PLAIN = {0, 1, 2, 3, 4, 5, 6, 7};

  /** AWQ: nibble {@code k} of a word holds column {@code 8c + AWQ[k]}. */
  static final int[] AWQ = {0, 2, 4, 6, 1, 3, 5, 7};

  private Nibbles() {}

  /** Words [rows / 8, cols], nibble j of word row r is row 8r + j: to codes [rows, cols]. */
  static byte[] unpackRows(int[] words, int rows, int cols) {
    byte[] codes = new byte[Math.multiplyExact(rows, cols)];
    for (int r = 0; r < rows; r++) {
      int shift = 4 * (r % 8);
      for (int c = 0; c < cols; c++) {
        codes[r * cols + c] = (byte) (words[r / 8 * cols + c] >>> shift & 15);
      }
    }
    return codes;
  }

  static int[] packRows(byte[] codes, int rows, int cols) {
    int[] words = new int[rows / 8 * cols];
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < cols; c++) {
        words[r / 8 * cols + c] |= codes[r * cols + c] << 4 * (r % 8);
      }
    }
    return words;
  }

  /** Words [rows, cols / 8] to codes [rows, cols]. */
  static byte[] unpackColumns(int[] words, int rows, int cols, int[] order) {
    byte[] codes = new byte[Math.multiplyExact(rows, cols)];
    for (int w = 0; w < rows * (cols / 8); w++) {
      for (int k = 0; k < 8; k++) {
        codes[w * 8 + order[k]] = (byte) (words[w] >>> 4 * k & 15);
      }
    }
    return codes;
  }

  static int[] packColumns(byte[] codes, int rows, int cols, int[] order) {
    int[] words = new int[rows * (cols / 8)];
    for (int w = 0; w < words.length; w++) {
      for (int k = 0; k < 8; k++) {
        words[w] |= codes[w * 8 + order[k]] << 4 * k;
      }
    }
    return words;
  }
}
