package org.gatun.backend.jvm;

import org.gatun.tensor.DType;

/**
 * One format's arithmetic on interleaved rows. A group is {@value Lanes#ROWS} rows, block after
 * block; within a block every field of the file's block is interleaved row by row, so that its size
 * is that of the file:
 *
 * <pre>
 *   file, row r:        | d | q0 q1 q2 … |                       (field at byte f, 1 or 2 bytes wide)
 *   group:              | d of rows 0…15 | q0 of rows 0…15 | q1 of rows 0…15 | …      (field at byte 16 f)
 * </pre>
 *
 * A lane is a row: one activation is broadcast, sixteen weights are decoded and multiplied, and
 * there is no horizontal sum. {@link #dot} adds the products in the order of the columns, as the
 * tiles of {@link Gemm} do on what {@link #unpack} wrote: a row's result has the same bits in a
 * step of one row and of many.
 */
interface BlockKernel {
  /** Scratch bytes that {@link #dot} and {@link #unpack} need. */
  int SCRATCH = 4096;

  /**
   * {@code y[0 … 15] += group · x}.
   *
   * @param group the group's first byte
   * @param blocks blocks per row
   * @param x activations, one f32 per column
   * @param y sixteen f32
   * @param tmp {@link #SCRATCH} bytes
   */
  void dot(long group, int blocks, long x, long y, long tmp);

  /** Decodes to {@code out[column][16]} in f32. */
  void unpack(long group, int blocks, long out, long tmp);

  /** The kernel of a weight format. */
  static BlockKernel of(DType dtype) {
    return switch (dtype) {
      case F32, F16, BF16 -> new PlainKernel(dtype);
      case Q4_0, Q4_1, IQ4_NL -> new NibbleKernel(dtype);
      case Q5_0 -> new Q50Kernel();
      case Q5_1 -> new Q51Kernel();
      case Q8_0 -> new Q80Kernel();
      case Q2_K -> new Q2KKernel();
      case Q3_K -> new Q3KKernel();
      case Q4_K -> new Q4KKernel();
      case Q5_K -> new Q5KKernel();
      case Q6_K -> new Q6KKernel();
      case I8, I16, I32, I64, F64 ->
          throw new IllegalArgumentException(dtype + " is not a weight format");
    };
  }
}
