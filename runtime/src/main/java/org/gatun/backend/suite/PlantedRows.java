package org.gatun.backend.suite;

import java.util.SplittableRandom;

/**
 * Rows of queries, keys and values for plans whose choice is known: along axes that the caller
 * names, with a little noise on those that nobody names. Keys and values consist of numbers that
 * every KV codec keeps as they are, INT8 too, for each row's largest element is 127 of its steps.
 *
 * @param dim elements of a row; the last one is the largest
 * @param axes the axes without noise are those below this one
 */
record PlantedRows(SplittableRandom random, int dim, int axes) {
  /** A key's element on its axes. */
  static final double ON_AXIS = 3;

  /** A key on these axes, written to row {@code row} of {@code dst} too. */
  double[] key(float[] dst, int row, int... on) {
    double[] x = new double[dim];
    for (int i = axes; i < dim - 1; i++) {
      x[i] = random.nextInt(-8, 9) / 32.0;
    }
    for (int axis : on) {
      x[axis] = ON_AXIS;
    }
    x[dim - 1] = 127 / 32.0;
    return put(x, dst, row);
  }

  /** A value of elements up to twice {@code size}: half of them its group's, half its own. */
  double[] value(float[] dst, int row, int group, double size) {
    SplittableRandom common = new SplittableRandom(group);
    double[] x = new double[dim];
    for (int i = 0; i < dim - 1; i++) {
      x[i] = size * (common.nextInt(-32, 33) + random.nextInt(-32, 33)) / 64;
    }
    x[dim - 1] = size * 127 / 64;
    return put(x, dst, row);
  }

  /** Adds noise to a query that names its axes; the last one stays 0. */
  void query(double[] x, float[] dst, int row) {
    for (int i = axes; i < dim - 1; i++) {
      x[i] = random.nextInt(-2, 3) / 16.0;
    }
    put(x, dst, row);
  }

  private double[] put(double[] x, float[] dst, int row) {
    for (int i = 0; i < dim && dst.length > 0; i++) {
      dst[row * dim + i] = (float) x[i];
    }
    return x;
  }
}
