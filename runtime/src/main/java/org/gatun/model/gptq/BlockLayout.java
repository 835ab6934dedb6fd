package org.gatun.model.gptq;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.gatun.model.ModelFormatException;
import org.gatun.tensor.DType;
import org.gatun.tensor.Tensor;

/**
 * A 4-bit matrix in a block format that every backend has, bit for bit the same values: {@code (q −
 * z)·s} is Q4_0's {@code d·(q − 8)} where every zero point is 8, and Q5_0's {@code d·(q' − 16)}
 * with {@code q' = q − z + 16} for any others. Rows must be sorted by group, and a block of 32 must
 * not cross groups.
 */
final class BlockLayout {
  private static final int BLOCK = 32;
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private BlockLayout() {}

  /**
   * The weight as a tensor [out, in].
   *
   * @throws ModelFormatException if a group is no whole number of blocks
   */
  static Tensor convert(String name, QuantizedMatrix m) {
    for (int i = 0; i < m.in(); i++) {
      if (m.in() % BLOCK != 0 || m.groupOf()[i] != m.groupOf()[i / BLOCK * BLOCK]) {
        throw new ModelFormatException(
            name
                + ": its quantisation groups are no multiple of "
                + BLOCK
                + " rows; supported are groups of 32, 64, 128 and so on");
      }
    }
    byte[] codes = Nibbles.unpackRows(m.codes(), m.in(), m.out());
    byte[] zeros = zeroPoints(m);
    boolean symmetric = true;
    for (byte z : zeros) {
      symmetric &= z == 8;
    }
    DType type = symmetric ? DType.Q4_0 : DType.Q5_0;
    long rowBytes = type.bytes(m.in());
    MemorySegment data = Arena.ofAuto().allocate(rowBytes * m.out(), 64);
    for (int i = 0; i < m.in(); i += BLOCK) {
      int g = m.groupOf()[i];
      for (int o = 0; o < m.out(); o++) {
        long at = o * rowBytes + type.bytes(i);
        data.set(SHORT, at, m.scales()[g * m.out() + o]);
        int zero = zeros[g * m.out() + o];
        if (symmetric) {
          block4(codes, i * m.out() + o, m.out(), data, at + 2);
        } else {
          block5(codes, i * m.out() + o, m.out(), zero, data, at + 2);
        }
      }
    }
    return Tensor.dense(name, type, m.out(), m.in(), data);
  }

  /** Zero points [groups, out] as they count. */
  private static byte[] zeroPoints(QuantizedMatrix m) {
    byte[] z = Nibbles.unpackColumns(m.zeros(), m.groups(), m.out(), Nibbles.PLAIN);
    for (int i = 0; m.zerosMinusOne() && i < z.length; i++) {
      z[i] = (byte) (z[i] + 1 & 15);
    }
    return z;
  }

  /** Element j in the low nibble and j + 16 in the high nibble of byte j. */
  private static void block4(byte[] codes, int first, int step, MemorySegment to, long at) {
    for (int j = 0; j < BLOCK / 2; j++) {
      int low = codes[first + j * step];
      int high = codes[first + (j + BLOCK / 2) * step];
      to.set(ValueLayout.JAVA_BYTE, at + j, (byte) (low | high << 4));
    }
  }

  /** The fifth bits first, as one word. */
  private static void block5(
      byte[] codes, int first, int step, int zero, MemorySegment to, long at) {
    int fifth = 0;
    for (int j = 0; j < BLOCK / 2; j++) {
      int low = codes[first + j * step] - zero + 16;
      int high = codes[first + (j + BLOCK / 2) * step] - zero + 16;
      to.set(ValueLayout.JAVA_BYTE, at + 4 + j, (byte) (low & 15 | (high & 15) << 4));
      fifth |= low >> 4 << j | high >> 4 << (j + BLOCK / 2);
    }
    to.set(INT, at, fifth);
  }
}
