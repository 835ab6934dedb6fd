package org.gatun.attention;

import static org.gatun.attention.AttentionPlan.BlockTopK.COARSE_STRIDE;
import static org.gatun.attention.AttentionPlan.BlockTopK.COARSE_WIDTH;
import static org.gatun.attention.AttentionPlan.BlockTopK.PER_PAGE;
import static org.gatun.attention.AttentionPlan.BlockTopK.STRIDE;
import static org.gatun.attention.AttentionPlan.BlockTopK.WIDTH;

import java.util.Arrays;
import java.util.function.IntFunction;
import java.util.function.ToDoubleBiFunction;

/**
 * The page scores of {@link AttentionPlan.BlockTopK} in float64, of one KV head: what the
 * definition and drawings share.
 */
public final class PageScores {
  private final double[][] fine;
  private final double[][] coarse;
  private final ToDoubleBiFunction<double[], double[]> score;

  /**
   * The compressed keys of a head.
   *
   * @param key the head's key in a slot, head dim elements
   * @param length slots that there are
   * @param score of a query and a key, scale and soft cap included
   */
  public PageScores(
      IntFunction<double[]> key, int length, ToDoubleBiFunction<double[], double[]> score) {
    this.score = score;
    fine = means(key, length, WIDTH, STRIDE);
    coarse = means(key, length, COARSE_WIDTH, COARSE_STRIDE);
  }

  private static double[][] means(IntFunction<double[]> key, int length, int width, int stride) {
    int n = length < width ? 0 : (length - width) / stride + 1;
    double[][] mean = new double[n][];
    for (int j = 0; j < n; j++) {
      double[] sum = new double[key.apply(0).length];
      for (int slot = j * stride; slot < j * stride + width; slot++) {
        double[] k = key.apply(slot);
        for (int i = 0; i < sum.length; i++) {
          sum[i] += k[i] / width;
        }
      }
      mean[j] = sum;
    }
    return mean;
  }

  /**
   * The score of every page.
   *
   * @param bound the last slot B that scores may look at
   * @param queries one per head of the group
   */
  public double[] of(int bound, int pages, double[][] queries) {
    double[] p = new double[AttentionPlan.BlockTopK.compressed(bound)];
    double[] x = new double[AttentionPlan.BlockTopK.coarse(bound)];
    for (double[] q : queries) {
      double max = Double.NEGATIVE_INFINITY;
      for (int i = 0; i < x.length; i++) {
        x[i] = score.applyAsDouble(q, coarse[i]);
        max = Math.max(max, x[i]);
      }
      double sum = 0;
      for (double v : x) {
        sum += Math.exp(v - max);
      }
      for (int j = 0; j < p.length; j++) {
        p[j] += Math.exp(score.applyAsDouble(q, fine[j]) - max - Math.log(sum));
      }
    }
    double[] s = new double[pages];
    for (int b = 0; b < pages; b++) {
      for (int j = PER_PAGE * b - 1; j <= PER_PAGE * b + 3; j++) {
        s[b] = j >= 0 && j < p.length ? Math.max(s[b], p[j]) : s[b];
      }
    }
    return s;
  }

  /**
   * The pages that a row with these scores reads.
   *
   * @param local first page that is read for being near
   */
  public static boolean[] choose(AttentionPlan.BlockTopK plan, double[] score, int local) {
    boolean[] keep = new boolean[score.length];
    if (score.length <= plan.blocks()) {
      Arrays.fill(keep, true);
      return keep;
    }
    Arrays.fill(keep, 0, plan.init(), true);
    Arrays.fill(keep, local, score.length, true);
    int left = plan.blocks();
    for (boolean k : keep) {
      left -= k ? 1 : 0;
    }
    for (; left > 0; left--) {
      keep[best(score, keep)] = true;
    }
    return keep;
  }

  /** The best page that was not taken, the lower one on ties; −1 if all were. */
  public static int best(double[] score, boolean[] taken) {
    int best = -1;
    for (int b = 0; b < score.length; b++) {
      if (!taken[b] && (best < 0 || score[b] > score[best])) {
        best = b;
      }
    }
    return best;
  }
}
