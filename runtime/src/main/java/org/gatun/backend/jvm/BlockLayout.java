package org.gatun.backend.jvm;

import static org.gatun.backend.jvm.Lanes.ALL;
import static org.gatun.backend.jvm.Lanes.ROWS;

import java.lang.foreign.MemorySegment;
import java.util.function.IntUnaryOperator;
import java.util.stream.IntStream;
import org.gatun.tensor.DType;

/**
 * How a block of a format is stored for {@link BlockKernel}: 16-bit fields, scale bytes and quanta,
 * each interleaved over {@link Lanes#ROWS} rows: what a kernel reads is one stream of rising
 * addresses, which is what hardware prefetches. Quanta are split in planes, low and high bits, and
 * packed in 32-bit words, the earliest of consecutive columns in the uppermost bits: a lane meets
 * its columns by shifting left. A block takes as many bytes as in the file.
 *
 * <pre>
 *   | field 0 of all rows | field 1 … | scale byte 0 of all rows | … | low words | high words |
 *   low word of 4-bit quanta:   bits 31…28: column 8 i, 27…24: 8 i + 1, …, 3…0: 8 i + 7
 * </pre>
 *
 * @param fields offsets of the fields in the file's block
 * @param width bytes of a field: 2, or 4 for F32
 * @param scales offset of the scale bytes in the file's block
 * @param scaleCount how many there are
 * @param low plane of the low bits
 * @param high plane of the high bits
 */
record BlockLayout(
    DType dtype, int[] fields, int width, int scales, int scaleCount, Plane low, Plane high) {
  /**
   * Bits of every column.
   *
   * @param bits per column; 0 if there is no such plane
   * @param at for every column the position of its lowest bit in the file's block
   */
  record Plane(int bits, int[] at) {
    static final Plane NONE = new Plane(0, new int[0]);

    int bytes() {
      return bits * at.length / 8;
    }

    private void pack(MemorySegment block, long from, long to) {
      int per = bits == 0 ? 1 : 32 / bits;
      for (int j = 0; j < at.length; j += per) {
        int word = 0;
        for (int k = 0; k < per; k++) {
          int p = at[j + k];
          int b = block.get(Lanes.I8, from + (p >> 3)) >> (p & 7);
          word = word << bits | b & (1 << bits) - 1;
        }
        ALL.set(Lanes.I32, to + 4L * ROWS * (j / per), word);
      }
    }

    private void unpack(long from, MemorySegment block) {
      int per = bits == 0 ? 1 : 32 / bits;
      for (int j = 0; j < at.length; j++) {
        int word = ALL.get(Lanes.I32, from + 4L * ROWS * (j / per));
        int q = word >>> 32 - bits * (j % per + 1) & (1 << bits) - 1;
        long b = at[j] >> 3;
        block.set(Lanes.I8, b, (byte) (block.get(Lanes.I8, b) | q << (at[j] & 7)));
      }
    }
  }

  static BlockLayout of(DType t) {
    return switch (t) {
      case F32 -> new BlockLayout(t, new int[] {0}, 4, 0, 0, Plane.NONE, Plane.NONE);
      case F16, BF16 -> of(t, 0, 0, Plane.NONE, Plane.NONE, 0);
      case Q8_0 -> of(t, 0, 0, bytes(2), Plane.NONE, 0);
      case Q4_0, IQ4_NL -> of(t, 0, 0, halves(2), Plane.NONE, 0);
      case Q4_1 -> of(t, 0, 0, halves(4), Plane.NONE, 0, 2);
      case Q5_0 -> of(t, 0, 0, halves(6), bits(2), 0);
      case Q5_1 -> of(t, 0, 0, halves(8), bits(4), 0, 2);
      case Q2_K -> of(t, 0, 16, runs(2, 16, 32), Plane.NONE, 80, 82);
      case Q3_K -> of(t, 96, 12, runs(2, 32, 32), runs(1, 0, 32), 108);
      case Q4_K -> of(t, 4, 12, runs(4, 16, 32), Plane.NONE, 0, 2);
      case Q5_K -> of(t, 4, 12, runs(4, 48, 32), runs(1, 16, 32), 0, 2);
      case Q6_K -> of(t, 192, 16, runs(4, 0, 64), runs(2, 128, 32), 208);
      case I8, I16, I32, I64, F64 ->
          throw new IllegalArgumentException(t + " is not a weight format");
    };
  }

  private static BlockLayout of(
      DType t, int scales, int scaleCount, Plane low, Plane high, int... fields) {
    return new BlockLayout(t, fields, 2, scales, scaleCount, low, high);
  }

  private static Plane plane(int bits, int columns, IntUnaryOperator at) {
    return new Plane(bits, IntStream.range(0, columns).map(at).toArray());
  }

  /** 32 nibbles: the lower ones of 16 bytes, then the upper ones. */
  private static Plane halves(int from) {
    return plane(4, 32, j -> 8 * (from + j % 16) + 4 * (j / 16));
  }

  /** 32 bytes in order. */
  private static Plane bytes(int from) {
    return plane(8, 32, j -> 8 * (from + j));
  }

  /** 32 bits in order. */
  private static Plane bits(int from) {
    return plane(1, 32, j -> 8 * from + j);
  }

  /**
   * 256 columns: {@code length} bytes hold as many columns in their lowest bits, then in the bits
   * above.
   */
  private static Plane runs(int bits, int from, int length) {
    int per = 8 / bits;
    return plane(
        bits,
        256,
        j -> 8 * (from + j / (per * length) * length + j % length) + bits * (j / length % per));
  }

  /** Bytes of an interleaved block. */
  int bytes() {
    return ROWS * dtype.blockBytes();
  }

  /** Where the scale bytes begin in an interleaved block. */
  int scalesAt() {
    return ROWS * width * fields.length;
  }

  /** Where the low words begin. */
  int lowAt() {
    return scalesAt() + ROWS * scaleCount;
  }

  /** Where the high words begin. */
  int highAt() {
    return lowAt() + ROWS * low.bytes();
  }

  /** Writes a block of the file to lane {@code r} of the interleaved block {@code to}. */
  void pack(MemorySegment block, long from, int r, long to) {
    for (int f = 0; f < fields.length; f++) {
      long at = to + (long) width * (ROWS * f + r);
      if (width == 4) {
        ALL.set(Lanes.I32, at, block.get(Lanes.I32, from + fields[f]));
      } else {
        ALL.set(Lanes.I16, at, block.get(Lanes.I16, from + fields[f]));
      }
    }
    for (int i = 0; i < scaleCount; i++) {
      ALL.set(
          Lanes.I8, to + scalesAt() + (long) ROWS * i + r, block.get(Lanes.I8, from + scales + i));
    }
    low.pack(block, from, to + lowAt() + 4L * r);
    high.pack(block, from, to + highAt() + 4L * r);
  }

  /** The file's block of lane {@code r}. */
  void unpack(long from, int r, MemorySegment block) {
    block.fill((byte) 0);
    for (int f = 0; f < fields.length; f++) {
      for (int i = 0; i < width; i++) {
        long at = from + (long) width * (ROWS * f + r) + i;
        block.set(Lanes.I8, fields[f] + i, ALL.get(Lanes.I8, at));
      }
    }
    for (int i = 0; i < scaleCount; i++) {
      block.set(Lanes.I8, scales + i, ALL.get(Lanes.I8, from + scalesAt() + (long) ROWS * i + r));
    }
    low.unpack(from + lowAt() + 4L * r, block);
    high.unpack(from + highAt() + 4L * r, block);
  }
}
