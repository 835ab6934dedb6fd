package org.gatun.backend.suite;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.gatun.graph.spec.Tolerance;

/**
 * Dense attention in float64 under a mask that the caller wrote down: what a plan's kernels must
 * give when the plan is fixed. It knows no plan, no centroid and no page, and shares no code with
 * what it checks.
 *
 * <p>A mask that hardly matters would check nothing. So each of its entries is turned over in turn,
 * and how far that moves the result is kept too.
 */
final class MaskedDense {
  /**
   * Keys and values of one KV head that the mask shows or hides together.
   *
   * @param shown whether the mask shows them
   * @param turned whether turning this entry over should be seen in the result
   * @param keys rows of head dim elements, as stored
   * @param values the same
   */
  record Group(boolean shown, boolean turned, List<double[]> keys, List<double[]> values) {}

  /**
   * What was found.
   *
   * @param rows rows compared
   * @param worst the largest error, as a share of what the tolerance allows: 1 passes
   * @param where it is
   * @param weakest the smallest effect of one entry of the mask, as a share of the same
   */
  record Report(int rows, double worst, String where, double weakest) {}

  private final int heads;
  private final int kvHeads;
  private final int dim;
  private final double scale;
  private final Tolerance tolerance;
  private int rows;
  private double worst;
  private String where = "";
  private double weakest = Double.POSITIVE_INFINITY;

  MaskedDense(int heads, int kvHeads, int dim, double scale, Tolerance tolerance) {
    this.heads = heads;
    this.kvHeads = kvHeads;
    this.dim = dim;
    this.scale = scale;
    this.tolerance = tolerance;
  }

  /** The groups that a row of one KV head may see. */
  @FunctionalInterface
  interface Mask {
    /** Groups of KV head {@code head}. */
    List<Group> of(int head);
  }

  /**
   * Compares one row of an output [T, heads × dim] under its mask.
   *
   * @param q queries of the step [T, heads × dim]
   */
  void compare(String name, int row, float[] q, MemorySegment output, Mask mask) {
    double[] want = new double[heads * dim];
    Sums[] sums = new Sums[heads];
    for (int h = 0; h < heads; h++) {
      List<Group> groups = mask.of(h / (heads / kvHeads));
      sums[h] = new Sums(q, (row * heads + h) * dim, groups);
      sums[h].divide(-1, want, h * dim);
    }
    rows++;
    double rms = Tolerance.rms(want, 0, want.length);
    for (int i = 0; i < want.length; i++) {
      float y = output.getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, (long) row * want.length + i);
      double share = tolerance.share(y, want[i], rms);
      // Not a number is worse than anything.
      if (!(share <= worst)) {
        worst = Double.isNaN(share) ? Double.POSITIVE_INFINITY : share;
        where = name + ", row " + row + ", element " + i + ": " + y + " for " + want[i];
      }
    }
    for (int h = 0; h < heads; h++) {
      for (int g = 0; g < sums[h].groups.size(); g++) {
        if (sums[h].groups.get(g).turned()) {
          weakest = Math.min(weakest, effect(sums[h], g, want, h * dim, rms));
        }
      }
    }
  }

  private double effect(Sums sums, int turned, double[] want, int at, double rms) {
    double[] other = new double[dim];
    sums.divide(turned, other, 0);
    double most = 0;
    for (int i = 0; i < dim; i++) {
      most = Math.max(most, tolerance.share(other[i], want[at + i], rms));
    }
    return most;
  }

  Report report() {
    return new Report(rows, worst, where, weakest);
  }

  /** Σ exp(score) and Σ exp(score) · value of each group, for one query. Scores are small. */
  private final class Sums {
    final List<Group> groups;
    final double[][] sums;

    Sums(float[] q, int at, List<Group> groups) {
      this.groups = groups;
      sums = new double[groups.size()][dim + 1];
      for (int g = 0; g < sums.length; g++) {
        Group group = groups.get(g);
        for (int t = 0; t < group.keys.size(); t++) {
          double dot = 0;
          for (int i = 0; i < dim; i++) {
            dot += q[at + i] * group.keys.get(t)[i];
          }
          double weight = Math.exp(scale * dot);
          for (int i = 0; i < dim; i++) {
            sums[g][i] += weight * group.values.get(t)[i];
          }
          sums[g][dim] += weight;
        }
      }
    }

    /** The row of this query, one entry of the mask turned over (−1 for none). */
    void divide(int turned, double[] dst, int at) {
      double total = 0;
      for (int g = 0; g < sums.length; g++) {
        if (groups.get(g).shown != (g == turned)) {
          total += sums[g][dim];
          for (int i = 0; i < dim; i++) {
            dst[at + i] += sums[g][i];
          }
        }
      }
      for (int i = 0; i < dim; i++) {
        dst[at + i] /= total;
      }
    }
  }
}
