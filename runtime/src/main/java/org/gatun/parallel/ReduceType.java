package org.gatun.parallel;

/** Element types that collectives can sum; f16 and bf16 are summed in f32 and rounded once. */
public enum ReduceType {
  F32(4),
  F16(2),
  BF16(2);

  private final int bytes;

  ReduceType(int bytes) {
    this.bytes = bytes;
  }

  /** Size of one element in bytes. */
  public int bytes() {
    return bytes;
  }

  /**
   * Number of elements in {@code byteSize} bytes.
   *
   * @throws IllegalArgumentException if the bytes are not a whole number of elements
   */
  public long elements(long byteSize) {
    if (byteSize % bytes != 0) {
      throw new IllegalArgumentException(byteSize + " bytes are not whole " + this + " elements");
    }
    return byteSize / bytes;
  }
}
