package org.gatun.attention;

import java.util.function.ToDoubleBiFunction;

/**
 * The scores of {@link AttentionPlan.Squeezed} in float64: what definitions, tests and the
 * calibration of thresholds share.
 */
public final class ClusterScores {
  private ClusterScores() {}

  /**
   * S of each cluster of one head: the mean over the queries of the estimated softmax weight of
   * each of its keys. Then Σ N_i S_i = 1.
   *
   * @param coarse whether the coarse centroids are meant
   * @param sizes keys of each cluster; a cluster of size 0 is left out of the sum and has score 0
   * @param queries vectors of head dim elements, over rows and heads of the group
   * @param score of a query and a centroid, scale and soft cap included
   */
  public static double[] mean(
      PrefixData.Layer l,
      boolean coarse,
      int head,
      int[] sizes,
      double[][] queries,
      ToDoubleBiFunction<double[], double[]> score) {
    double[][] centroids = new double[sizes.length][l.shape().headDim()];
    for (int i = 0; i < sizes.length; i++) {
      l.centroid(coarse, head, i, centroids[i]);
    }
    double[] mean = new double[sizes.length];
    double[] x = new double[sizes.length];
    for (double[] q : queries) {
      double max = Double.NEGATIVE_INFINITY;
      for (int i = 0; i < sizes.length; i++) {
        if (sizes[i] > 0) {
          x[i] = score.applyAsDouble(q, centroids[i]);
          max = Math.max(max, x[i]);
        }
      }
      double sum = 0;
      for (int i = 0; i < sizes.length; i++) {
        sum += sizes[i] > 0 ? sizes[i] * Math.exp(x[i] - max) : 0;
      }
      for (int i = 0; i < sizes.length; i++) {
        mean[i] += sizes[i] > 0 ? Math.exp(x[i] - max) / sum / queries.length : 0;
      }
    }
    return mean;
  }

  /** Keys of each cluster of a head. */
  public static int[] sizes(PrefixData.Layer l, boolean coarse, int head) {
    int[] n = new int[coarse ? l.coarse() : l.fine()];
    for (int i = 0; i < n.length; i++) {
      n[i] =
          coarse
              ? l.start(head, l.child(head, i + 1)) - l.start(head, l.child(head, i))
              : l.start(head, i + 1) - l.start(head, i);
    }
    return n;
  }
}
