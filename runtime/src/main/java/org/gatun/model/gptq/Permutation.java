package org.gatun.model.gptq;

import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/** Orders of rows or columns. */
public final class Permutation {
  private Permutation() {}

  /** Indices that sort {@code keys}; equal keys keep their order, so all ranks agree. */
  public static int[] stableArgsort(int[] keys) {
    return IntStream.range(0, keys.length)
        .boxed()
        .sorted(Comparator.comparingInt(i -> keys[i]))
        .mapToInt(i -> i)
        .toArray();
  }

  /** {@code inverse[p[i]] = i}. */
  public static int[] inverse(int[] p) {
    int[] inverse = new int[p.length];
    Arrays.fill(inverse, -1);
    for (int i = 0; i < p.length; i++) {
      if (inverse[p[i]] >= 0) {
        throw new IllegalArgumentException("index " + p[i] + " comes twice");
      }
      inverse[p[i]] = i;
    }
    return inverse;
  }

  /** {@code y[r, i] = x[r, p[i]]}. */
  static void gatherColumns(float[] x, int rows, int cols, int[] p, float[] y) {
    for (int r = 0; r < rows; r++) {
      for (int i = 0; i < p.length; i++) {
        y[r * p.length + i] = x[r * cols + p[i]];
      }
    }
  }
}
