package org.gatun.tornado.kernels;

/**
 * The codecs: a segment of 32 elements of a weight row into a private array.
 *
 * <p>A packed row is {@code blocks × words} ints, then, for formats whose block holds a lone f16
 * scale, those scales two to an int. Runs of 32 quant bytes are transposed: int j holds bytes j, 8
 * + j, 16 + j, 24 + j, so that neighbours in a vector come from neighbouring ints by one shift;
 * runs of 16 bytes likewise in four ints. {@code org.gatun.tornado.Packing} writes this layout.
 */
public final class Blocks {
  /**
   * Formats as the table names them: one bit each, and tested as bits, because a chain of
   * comparisons with one int becomes a {@code switch} in Graal, and TornadoVM loses cases of it.
   */
  public static final int F32 = 1 << 0,
      F16 = 1 << 1,
      BF16 = 1 << 2,
      Q8_0 = 1 << 3,
      Q4_0 = 1 << 4,
      Q4_1 = 1 << 5,
      Q5_0 = 1 << 6,
      Q5_1 = 1 << 7,
      Q4_K = 1 << 8,
      Q5_K = 1 << 9,
      Q6_K = 1 << 10;

  private Blocks() {}

  /**
   * Decodes segment {@code s} of the row at {@code row} into {@code d}; what lies beyond {@code
   * cols} becomes 0.
   */
  static void decode(int format, int[] w, float[] f, int row, int cols, int s, float[] d) {
    if ((format & (Q4_K | Q5_K)) != 0) {
      boolean fifth = (format & Q5_K) != 0;
      decodeWithMins(fifth, w, f, row + (s >> 3) * (fifth ? 44 : 36), s & 7, d);
    } else if ((format & Q6_K) != 0) {
      decodeSixBits(w, f, row, cols >> 8, s, d);
    } else if ((format & Q8_0) != 0) {
      int blocks = cols >> 5;
      float scale = lone(w, f, row + blocks * 8, s);
      int at = row + s * 8;
      for (int j = 0; j < 8; j++) {
        int v = w[at + j];
        d[j] = scale * signed(v);
        d[8 + j] = scale * signed(v >> 8);
        d[16 + j] = scale * signed(v >> 16);
        d[24 + j] = scale * signed(v >> 24);
      }
    } else if ((format & (Q4_0 | Q5_0)) != 0) {
      boolean fifth = (format & Q5_0) != 0;
      int blocks = cols >> 5;
      int words = fifth ? 5 : 4;
      float scale = lone(w, f, row + blocks * words, s);
      decodeNibbles(fifth, w, row + s * words, scale, (fifth ? -16f : -8f) * scale, d);
    } else if ((format & (Q4_1 | Q5_1)) != 0) {
      boolean fifth = (format & Q5_1) != 0;
      int at = row + s * (fifth ? 6 : 5);
      int dm = w[at];
      float scale = Arithmetic.half(dm & 65535);
      float min = Arithmetic.half(dm >> 16 & 65535);
      decodeNibbles(fifth, w, at + 1, scale, min, d);
    } else if ((format & F32) != 0) {
      for (int j = 0; j < 32; j++) {
        int i = s * 32 + j;
        d[j] = i < cols ? f[row + i] : 0f;
      }
    } else if ((format & F16) != 0) {
      int at = row + s * 16;
      for (int j = 0; j < 16; j++) {
        int v = w[at + j];
        d[j] = Arithmetic.half(v & 65535);
        d[16 + j] = Arithmetic.half(v >> 16 & 65535);
      }
    } else {
      int at = row + s * 16;
      for (int j = 0; j < 16; j++) {
        int v = w[at + j];
        d[j] = Arithmetic.bfloat(v & 65535);
        d[16 + j] = Arithmetic.bfloat(v >> 16 & 65535);
      }
    }
  }

  private static float signed(int v) {
    return (float) (((v & 255) ^ 128) - 128);
  }

  /** The scale of block {@code b} behind a row's blocks. */
  private static float lone(int[] w, float[] f, int at, int b) {
    return Arithmetic.half(w[at + (b >> 1)] >> ((b & 1) << 4) & 65535);
  }

  /** 16 bytes of low and high nibbles, with a fifth bit each in an int before them. */
  private static void decodeNibbles(
      boolean fifth, int[] w, int at, float scale, float offset, float[] d) {
    int high = fifth ? w[at] : 0;
    int qs = fifth ? at + 1 : at;
    for (int j = 0; j < 4; j++) {
      int v = w[qs + j];
      for (int b = 0; b < 4; b++) {
        int e = 4 * b + j;
        int low = v >> (8 * b) & 15 | (high >> e & 1) << 4;
        int up = v >> (8 * b + 4) & 15 | (high >> (e + 16) & 1) << 4;
        d[e] = scale * (float) low + offset;
        d[16 + e] = scale * (float) up + offset;
      }
    }
  }

  /** Group {@code g} of a Q4_K or Q5_K block: scale and min of 6 bits each. */
  private static void decodeWithMins(boolean fifth, int[] w, float[] f, int at, int g, float[] d) {
    int dm = w[at];
    int scale;
    int min;
    if (g < 4) {
      scale = at(w, at + 1, g) & 63;
      min = at(w, at + 1, g + 4) & 63;
    } else {
      int both = at(w, at + 1, g + 4);
      scale = both & 15 | at(w, at + 1, g - 4) >> 6 << 4;
      min = both >> 4 | at(w, at + 1, g) >> 6 << 4;
    }
    float a = Arithmetic.half(dm & 65535) * (float) scale;
    float b = Arithmetic.half(dm >> 16 & 65535) * (float) min;
    int shift = (g & 1) << 2;
    int qs = at + (fifth ? 12 : 4) + (g >> 1) * 8;
    for (int j = 0; j < 8; j++) {
      int v = w[qs + j] >> shift;
      int h = fifth ? w[at + 4 + j] >> g : 0;
      d[j] = a * (float) (v & 15 | (h & 1) << 4) - b;
      d[8 + j] = a * (float) (v >> 8 & 15 | (h >> 8 & 1) << 4) - b;
      d[16 + j] = a * (float) (v >> 16 & 15 | (h >> 16 & 1) << 4) - b;
      d[24 + j] = a * (float) (v >> 24 & 15 | (h >> 24 & 1) << 4) - b;
    }
  }

  /** Byte {@code i} of a run that is not transposed. */
  private static int at(int[] w, int at, int i) {
    return w[at + (i >> 2)] >> ((i & 3) << 3) & 255;
  }

  private static void decodeSixBits(int[] w, float[] f, int row, int blocks, int s, float[] d) {
    int block = s >> 3;
    int at = row + block * 52;
    float scale = lone(w, f, row + blocks * 52, block);
    int g = s & 7;
    int half = g >> 2;
    int k = g & 3;
    int ql = at + (2 * half + (k & 1)) * 8;
    int qh = at + 32 + half * 8;
    int nibble = k >> 1 << 2;
    int pair = k << 1;
    float a = scale * signed(at(w, at + 48, 2 * g));
    float b = scale * signed(at(w, at + 48, 2 * g + 1));
    for (int j = 0; j < 8; j++) {
      int v = w[ql + j] >> nibble;
      int h = w[qh + j] >> pair;
      d[j] = a * (float) ((v & 15 | (h & 3) << 4) - 32);
      d[8 + j] = a * (float) ((v >> 8 & 15 | (h >> 8 & 3) << 4) - 32);
      d[16 + j] = b * (float) ((v >> 16 & 15 | (h >> 16 & 3) << 4) - 32);
      d[24 + j] = b * (float) ((v >> 24 & 15 | (h >> 24 & 3) << 4) - 32);
    }
  }
}
