package org.gatun.tensor;

import java.util.Optional;

/**
 * An element type, or a block-quantised format of GGUF. A format stores {@link #blockSize()}
 * elements in {@link #blockBytes()} bytes; plain types have blocks of one element.
 */
public enum DType {
  F32(0, 1, 4),
  F16(1, 1, 2),
  Q4_0(2, 32, 18),
  Q4_1(3, 32, 20),
  Q5_0(6, 32, 22),
  Q5_1(7, 32, 24),
  Q8_0(8, 32, 34),
  Q2_K(10, 256, 84),
  Q3_K(11, 256, 110),
  Q4_K(12, 256, 144),
  Q5_K(13, 256, 176),
  Q6_K(14, 256, 210),
  IQ4_NL(20, 32, 18),
  I8(24, 1, 1),
  I16(25, 1, 2),
  I32(26, 1, 4),
  I64(27, 1, 8),
  F64(28, 1, 8),
  BF16(30, 1, 2);

  private static final DType[] VALUES = values();

  private final int ggmlId;
  private final int blockSize;
  private final int blockBytes;

  DType(int ggmlId, int blockSize, int blockBytes) {
    this.ggmlId = ggmlId;
    this.blockSize = blockSize;
    this.blockBytes = blockBytes;
  }

  /** The type's number in GGUF files. */
  public int ggmlId() {
    return ggmlId;
  }

  /** Elements per block. */
  public int blockSize() {
    return blockSize;
  }

  /** Bytes per block. */
  public int blockBytes() {
    return blockBytes;
  }

  /** True for formats that share scales among the elements of a block. */
  public boolean isQuantized() {
    return blockSize > 1;
  }

  /** True for types that can hold a weight: everything but integers and F64. */
  public boolean isWeight() {
    return switch (this) {
      case I8, I16, I32, I64, F64 -> false;
      default -> true;
    };
  }

  /**
   * Bytes of {@code elements} consecutive elements.
   *
   * @throws IllegalArgumentException if {@code elements} is not a whole number of blocks
   * @throws ArithmeticException if the size overflows
   */
  public long bytes(long elements) {
    if (elements % blockSize != 0) {
      throw new IllegalArgumentException(
          elements + " elements are not whole blocks of " + this + " (" + blockSize + ")");
    }
    return Math.multiplyExact(elements / blockSize, (long) blockBytes);
  }

  /** The type with this GGUF number, if Gatun knows it. */
  public static Optional<DType> ofGgml(int id) {
    for (DType t : VALUES) {
      if (t.ggmlId == id) {
        return Optional.of(t);
      }
    }
    return Optional.empty();
  }
}
