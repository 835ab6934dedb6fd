package org.gatun.prefix;

import java.util.ArrayList;
import java.util.List;
import org.gatun.attention.PrefixThresholds;

/**
 * The scores of all keys, by rank: which threshold prunes which share. One for fine clusters, one
 * for coarse ones; each key counts with its cluster's mean score over the observation window, and
 * all layers and heads share the thresholds, so that heads get unequal budgets.
 *
 * @param fine {@code fine[i]} is the score below or at which {@code i / (fine.length − 1)} of the
 *     keys lie
 * @param coarse the same of coarse clusters; empty with one level
 */
public record Quantiles(float[] fine, float[] coarse) {
  /** Steps of the tables. */
  public static final int STEPS = 1000;

  /**
   * The thresholds that prune this share of the calibration's keys. The coarse level prunes half
   * that share: it is there to spare fine lookups, not to decide.
   */
  public PrefixThresholds at(double sparsity) {
    return new PrefixThresholds(
        coarse.length == 0 ? Float.NEGATIVE_INFINITY : pick(coarse, sparsity / 2),
        pick(fine, sparsity));
  }

  private static float pick(float[] table, double share) {
    return share <= 0
        ? Float.NEGATIVE_INFINITY
        : table[(int) Math.round(share * (table.length - 1))];
  }

  /** Collects scores and the number of keys that have them. */
  static final class Collector {
    private final List<double[]> scores = new ArrayList<>();

    void add(double score, int keys) {
      scores.add(new double[] {score, keys});
    }

    float[] table() {
      if (scores.isEmpty()) {
        return new float[0];
      }
      scores.sort((a, b) -> Double.compare(a[0], b[0]));
      double total = scores.stream().mapToDouble(s -> s[1]).sum();
      float[] t = new float[STEPS + 1];
      double sum = 0;
      int i = 0;
      for (double[] s : scores) {
        sum += s[1];
        for (; i <= STEPS && i <= sum / total * STEPS + 1e-9; i++) {
          t[i] = (float) s[0];
        }
      }
      for (; i <= STEPS; i++) {
        t[i] = (float) scores.getLast()[0];
      }
      return t;
    }
  }
}
