package org.gatun.cuda;

import java.util.Arrays;
import org.gatun.tensor.DType;

/**
 * Turns the file's blocks into the device's planes, of eight interleaved rows. A block is taken
 * apart into the unsigned (Q8_0: signed) numbers of its elements and its scale bytes; plane writers
 * put them together again. No number changes, so the size does not either.
 */
final class Repack {
  private final DType format;
  private final WeightLayout layout;
  private final byte[] q;
  private final byte[] scales = new byte[16];
  private final int[] six = new int[16];

  Repack(DType format) {
    this.format = format;
    this.layout = WeightLayout.of(format);
    q = new byte[format.blockSize()];
  }

  /**
   * Repacks one row.
   *
   * @param row the row's bytes in the file
   * @param lane which of the eight rows it is
   * @param planes one array per plane of the layout, as long as eight rows of it
   */
  void row(byte[] row, int lane, byte[][] planes) {
    int blocks = row.length / format.blockBytes();
    for (int b = 0; b < blocks; b++) {
      int at = b * format.blockBytes();
      Arrays.fill(scales, (byte) 0);
      unpack(row, at);
      for (int p = 0; p < planes.length; p++) {
        write(layout.planes().get(p), planes[p], b, lane);
      }
    }
  }

  private void unpack(byte[] s, int at) {
    switch (format) {
      case Q4_0, IQ4_NL -> {
        System.arraycopy(s, at, scales, 0, 2);
        nibbles(s, at + 2);
      }
      case Q4_1 -> {
        System.arraycopy(s, at, scales, 0, 4);
        nibbles(s, at + 4);
      }
      case Q5_0, Q5_1 -> {
        int head = format == DType.Q5_0 ? 2 : 4;
        System.arraycopy(s, at, scales, 0, head);
        nibbles(s, at + head + 4);
        for (int i = 0; i < 32; i++) {
          q[i] |= (byte) ((s[at + head + i / 8] >> (i % 8) & 1) << 4);
        }
      }
      case Q8_0 -> {
        System.arraycopy(s, at, scales, 0, 2);
        System.arraycopy(s, at + 2, q, 0, 32);
      }
      case Q2_K -> {
        twoBits(s, at + 16);
        // scales hold d and dmin; the 16 bytes of 4-bit pairs are a plane of their own
        for (int i = 0; i < 16; i++) {
          six[i] = s[at + i];
        }
        System.arraycopy(s, at + 80, scales, 0, 4);
      }
      case Q3_K -> {
        twoBits(s, at + 32);
        for (int i = 0; i < 256; i++) {
          q[i] |= (byte) ((s[at + i % 32] >> (i / 32) & 1) << 2);
        }
        for (int k = 0; k < 16; k++) {
          int low = k < 8 ? s[at + 96 + k] & 15 : (s[at + 96 + k - 8] & 0xff) >> 4;
          six[k] = low | ((s[at + 104 + k % 4] & 0xff) >> (2 * (k / 4)) & 3) << 4;
        }
        System.arraycopy(s, at + 108, scales, 0, 2);
      }
      case Q4_K, Q5_K -> {
        System.arraycopy(s, at, scales, 0, 4);
        int body = at + (format == DType.Q4_K ? 16 : 48);
        for (int i = 0; i < 256; i++) {
          int b = s[body + i / 64 * 32 + i % 32] & 0xff;
          q[i] = (byte) ((i / 32) % 2 == 0 ? b & 15 : b >> 4);
          if (format == DType.Q5_K) {
            q[i] |= (byte) ((s[at + 16 + i % 32] >> (i / 32) & 1) << 4);
          }
        }
        // pairs (scale, minimum) of the eight groups
        int c = at + 4;
        for (int j = 0; j < 8; j++) {
          if (j < 4) {
            six[2 * j] = s[c + j] & 63;
            six[2 * j + 1] = s[c + j + 4] & 63;
          } else {
            six[2 * j] = s[c + j + 4] & 15 | (s[c + j - 4] & 0xff) >> 6 << 4;
            six[2 * j + 1] = (s[c + j + 4] & 0xff) >> 4 | (s[c + j] & 0xff) >> 6 << 4;
          }
        }
      }
      case Q6_K -> {
        for (int i = 0; i < 256; i++) {
          int half = i / 128;
          int l = i % 32;
          int quarter = i / 32 % 4;
          int low = s[at + half * 64 + quarter % 2 * 32 + l] & 0xff;
          int high = (s[at + 128 + half * 32 + l] & 0xff) >> (2 * quarter) & 3;
          q[i] = (byte) ((quarter < 2 ? low & 15 : low >> 4) | high << 4);
        }
        for (int i = 0; i < 16; i++) {
          six[i] = s[at + 192 + i];
        }
        System.arraycopy(s, at + 208, scales, 0, 2);
      }
      default -> throw new IllegalArgumentException(format + " has no blocks");
    }
  }

  /** 32 elements in 16 bytes: low nibbles first. */
  private void nibbles(byte[] s, int at) {
    for (int i = 0; i < 16; i++) {
      q[i] = (byte) (s[at + i] & 15);
      q[i + 16] = (byte) ((s[at + i] & 0xff) >> 4);
    }
  }

  /** 256 elements in 64 bytes: 128 in 32 bytes, a bit pair per quarter. */
  private void twoBits(byte[] s, int at) {
    for (int i = 0; i < 256; i++) {
      q[i] = (byte) ((s[at + i / 128 * 32 + i % 32] & 0xff) >> (2 * (i / 32 % 4)) & 3);
    }
  }

  private void write(WeightLayout.Plane plane, byte[] to, int block, int lane) {
    int groups = format.blockSize() / 32;
    int wide = WeightLayout.ROWS * block + lane;
    for (int g = 0; g < groups; g++) {
      int group = WeightLayout.ROWS * (block * groups + g) + lane;
      int e = g * 32;
      switch (plane) {
        case NIBBLES -> {
          for (int j = 0; j < 16; j++) {
            to[16 * group + j] =
                format == DType.IQ4_NL
                    ? (byte) (q[e + 2 * j] & 15 | (q[e + 2 * j + 1] & 15) << 4)
                    : (byte) (q[e + j] & 15 | (q[e + j + 16] & 15) << 4);
          }
        }
        case BITS -> {
          int shift = format == DType.Q3_K ? 2 : 4;
          int word = 0;
          for (int i = 0; i < 32; i++) {
            word |= (q[e + i] >> shift & 1) << (8 * (i % 4) + i / 4);
          }
          putInt(to, 4 * group, word);
        }
        case PAIRS -> {
          int shift = format == DType.Q6_K ? 4 : 0;
          for (int half = 0; half < 2; half++) {
            int word = 0;
            for (int i = 0; i < 16; i++) {
              word |= (q[e + 16 * half + i] >> shift & 3) << (8 * (i % 4) + 2 * (i / 4));
            }
            putInt(to, 8 * group + 4 * half, word);
          }
        }
        case LOW_BYTES -> System.arraycopy(q, e, to, 16 * group, 16);
        case HIGH_BYTES -> System.arraycopy(q, e + 16, to, 16 * group, 16);
        case SCALE -> System.arraycopy(scales, 0, to, 2 * group, 2);
        case SCALE_MIN -> System.arraycopy(scales, 0, to, 4 * group, 4);
        case TWO_BYTES -> {
          to[2 * group] = (byte) six[2 * g];
          to[2 * group + 1] = (byte) six[2 * g + 1];
        }
        case SUPER_SCALE -> System.arraycopy(scales, 0, to, 2 * wide, 2);
        case SUPER_SCALE_MIN -> System.arraycopy(scales, 0, to, 4 * wide, 4);
        // word by word for the eight rows: a warp reads one of them at a time
        case SIX_BITS ->
            sixBits(to, 4 * (3 * WeightLayout.ROWS * block + lane), 4 * WeightLayout.ROWS);
        case SCALE_MIN_SIX_BITS -> {
          System.arraycopy(scales, 0, to, 16 * wide, 4);
          sixBits(to, 16 * wide + 4, 4);
        }
      }
    }
  }

  /**
   * Sixteen 6-bit numbers as eight pairs (a, b): low nibbles of a, low nibbles of b, high bits
   * interleaved; {@code step} bytes from one word to the next.
   */
  private void sixBits(byte[] to, int at, int step) {
    int a = 0;
    int b = 0;
    int high = 0;
    for (int g = 0; g < 8; g++) {
      a |= (six[2 * g] & 15) << (4 * g);
      b |= (six[2 * g + 1] & 15) << (4 * g);
      high |= (six[2 * g] >> 4 & 3 | (six[2 * g + 1] >> 4 & 3) << 2) << (4 * g);
    }
    putInt(to, at, a);
    putInt(to, at + step, b);
    putInt(to, at + 2 * step, high);
  }

  private static void putInt(byte[] to, int at, int v) {
    for (int i = 0; i < 4; i++) {
      to[at + i] = (byte) (v >> (8 * i));
    }
  }
}
