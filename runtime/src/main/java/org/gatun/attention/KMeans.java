package org.gatun.attention;

import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * k-means of vectors by the cosine of their angle: rows are normalised, k-means++ chooses the first
 * centres (Arthur and Vassilvitskii 2007), Lloyd's iterations follow. The outcome depends on the
 * seed alone, not on the number of threads. No cluster stays empty.
 */
public final class KMeans {
  private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;

  private final float[] rows;
  private final int count;
  private final int dim;
  private final int k;
  private final float[] centres;
  private final int[] labels;
  private final float[] similarity;

  private KMeans(float[] rows, int dim, int k) {
    this.dim = dim;
    this.k = k;
    count = rows.length / dim;
    this.rows = normalised(rows, dim);
    centres = new float[k * dim];
    labels = new int[count];
    similarity = new float[count];
  }

  /**
   * The cluster of each row.
   *
   * @param rows {@code count × dim}, not changed
   * @param k clusters, at most as many as there are rows
   * @param iterations at most; it ends when no label changes
   */
  public static int[] labels(float[] rows, int dim, int k, int iterations, long seed) {
    if (k < 1 || (long) k * dim > rows.length) {
      throw new IllegalArgumentException(
          k + " clusters of " + rows.length / dim + " vectors: there must be at least one each");
    }
    KMeans m = new KMeans(rows, dim, k);
    m.plusPlus(new SplittableRandom(seed));
    for (int i = 0; i < iterations && m.assign(); i++) {
      m.move();
    }
    m.assign();
    m.fillEmpty(m.sizes());
    return m.labels;
  }

  private static float[] normalised(float[] rows, int dim) {
    float[] unit = rows.clone();
    for (int at = 0; at < unit.length; at += dim) {
      normalise(unit, at, dim);
    }
    return unit;
  }

  private static void normalise(float[] x, int at, int dim) {
    double sum = 0;
    for (int i = at; i < at + dim; i++) {
      sum += x[i] * (double) x[i];
    }
    float scale = sum > 0 ? (float) (1 / Math.sqrt(sum)) : 0;
    for (int i = at; i < at + dim; i++) {
      x[i] *= scale;
    }
  }

  private void plusPlus(SplittableRandom random) {
    float[] distance = new float[count];
    Arrays.fill(distance, Float.MAX_VALUE);
    int pick = random.nextInt(count);
    for (int c = 0; c < k; c++) {
      System.arraycopy(rows, pick * dim, centres, c * dim, dim);
      int centre = c;
      parallel(
          i ->
              distance[i] =
                  Math.min(
                      distance[i],
                      Math.max(0, 2 - 2 * dot(rows, i * dim, centres, centre * dim, dim))));
      pick = draw(distance, random);
    }
  }

  private static int draw(float[] weight, SplittableRandom random) {
    double sum = 0;
    for (float w : weight) {
      sum += w;
    }
    double u = random.nextDouble() * sum;
    for (int i = 0; i < weight.length; i++) {
      u -= weight[i];
      if (u < 0) {
        return i;
      }
    }
    return random.nextInt(weight.length);
  }

  /** Gives every row its nearest centre; whether any label changed. */
  private boolean assign() {
    boolean[] changed = new boolean[count];
    parallel(
        i -> {
          int best = 0;
          float most = Float.NEGATIVE_INFINITY;
          for (int c = 0; c < k; c++) {
            float s = dot(rows, i * dim, centres, c * dim, dim);
            if (s > most) {
              most = s;
              best = c;
            }
          }
          changed[i] = labels[i] != best;
          labels[i] = best;
          similarity[i] = most;
        });
    for (boolean c : changed) {
      if (c) {
        return true;
      }
    }
    return false;
  }

  private int[] sizes() {
    int[] n = new int[k];
    for (int l : labels) {
      n[l]++;
    }
    return n;
  }

  /** An empty cluster takes the row that fits its own worst. */
  private void fillEmpty(int[] sizes) {
    for (int c = 0; c < k; c++) {
      if (sizes[c] == 0) {
        int worst = -1;
        for (int i = 0; i < count; i++) {
          if (sizes[labels[i]] > 1 && (worst < 0 || similarity[i] < similarity[worst])) {
            worst = i;
          }
        }
        sizes[labels[worst]]--;
        labels[worst] = c;
        similarity[worst] = 1;
        sizes[c] = 1;
      }
    }
  }

  /** Centres become the means of their rows, of length 1 again. */
  private void move() {
    fillEmpty(sizes());
    Arrays.fill(centres, 0);
    for (int i = 0; i < count; i++) {
      int to = labels[i] * dim;
      for (int j = 0; j < dim; j++) {
        centres[to + j] += rows[i * dim + j];
      }
    }
    for (int c = 0; c < k; c++) {
      normalise(centres, c * dim, dim);
    }
  }

  private void parallel(java.util.function.IntConsumer each) {
    int chunk = 256;
    IntStream.range(0, Math.ceilDiv(count, chunk))
        .parallel()
        .forEach(
            c -> {
              for (int i = c * chunk; i < Math.min(count, (c + 1) * chunk); i++) {
                each.accept(i);
              }
            });
  }

  private static float dot(float[] a, int at, float[] b, int bt, int n) {
    FloatVector s0 = FloatVector.zero(F);
    FloatVector s1 = s0;
    int i = 0;
    for (; i + 2 * F.length() <= n; i += 2 * F.length()) {
      s0 = FloatVector.fromArray(F, a, at + i).fma(FloatVector.fromArray(F, b, bt + i), s0);
      s1 =
          FloatVector.fromArray(F, a, at + i + F.length())
              .fma(FloatVector.fromArray(F, b, bt + i + F.length()), s1);
    }
    float sum = s0.add(s1).reduceLanes(VectorOperators.ADD);
    for (; i < n; i++) {
      sum += a[at + i] * b[bt + i];
    }
    return sum;
  }
}
