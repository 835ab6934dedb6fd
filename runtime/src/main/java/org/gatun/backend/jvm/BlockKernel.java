package org.gatun.backend.jvm;

import org.gatun.tensor.DType;

/**
 * One format's arithmetic on interleaved rows, in blocks as {@link BlockLayout} draws them.
 *
 * <p>A lane is a row: one activation is broadcast, a vector of weights is decoded and multiplied,
 * and there is no horizontal sum. {@link Lanes#CHAINS} vectors of rows keep several sums in flight.
 * {@link #dot} adds the products in the order of the columns, as the tiles of {@link Gemm} do on
 * what {@link #unpack} wrote: a row's result has the same bits in a step of one row and of many.
 */
interface BlockKernel {
  /** Scratch bytes: {@link #dot} and {@link #unpack} use the first half. */
  int SCRATCH = 4096;

  /** Where in scratch the f32 of a block's d lie, behind the factors of two runs. */
  int D = 4 * Runs.M;

  /** The f32 of dmin or m. */
  int DMIN = D + Runs.M;

  /** What {@link Ahead} writes. */
  int SINK = Runs.SINK;

  /** The f32 of a run's scale. */
  int SCALE = D + 2 * Runs.M;

  /** The f32 of a run's min. */
  int MIN = D + 3 * Runs.M;

  /**
   * {@code y += group · x} for {@link Lanes#ROWS} rows.
   *
   * @param group its first block
   * @param blocks blocks per row
   * @param x activations, one f32 per column
   * @param y {@link Lanes#ROWS} f32
   * @param tmp {@link #SCRATCH} bytes
   */
  void dot(long group, int blocks, long x, long y, long tmp);

  /**
   * Decodes {@link Lanes#STRIP} rows of a group to {@code out[column][16]} in f32.
   *
   * @param lane the first of them
   */
  void unpack(long group, int lane, int blocks, long out, long tmp);

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
