package org.gatun.tornado;

/**
 * The arrays all kernels share; {@link org.gatun.tornado.kernels.Pool} says what is where.
 *
 * @param step the step's descriptor
 * @param call operands of one execution
 * @param w ints that never change
 * @param f floats
 * @param kv f16 KV slots
 * @param staging what crosses to and from the host
 */
public record Pools(int[] step, int[] call, int[] w, float[] f, int[] kv, float[] staging) {
  /** Ints in {@code call}. */
  static final int CALL = 4;

  /** Floats that cross at a time. */
  static final int STAGING = 1 << 16;
}
