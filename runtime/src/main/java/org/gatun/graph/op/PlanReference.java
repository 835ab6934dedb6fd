package org.gatun.graph.op;

import java.util.List;
import org.gatun.attention.AttentionPlan;

/** What a plan reads, in float64: the definition that backends' selections are compared with. */
abstract class PlanReference {
  /** Two numbers this close (relatively) may compare otherwise in another precision. */
  static final double AMBIGUOUS = 0.01;

  static PlanReference of(Attention op, RefFrame f) {
    return switch (op.plan()) {
      case AttentionPlan.Dense d -> new PlanReference() {};
      case AttentionPlan.Squeezed p -> new SqueezedReference(op, p, f);
      case AttentionPlan.BlockTopK p -> new BlockTopKReference(op, p, f);
    };
  }

  /** Adds the keys and values that all rows of the sequence read of its prefix. */
  void prefix(int sequence, int kvHead, List<double[]> keys, List<double[]> values) {}

  /** Whether a row reads a page of its sequence. */
  boolean page(int row, int kvHead, int page) {
    return true;
  }

  static double logSum(double[] x, int count) {
    double max = Double.NEGATIVE_INFINITY;
    for (int i = 0; i < count; i++) {
      max = Math.max(max, x[i]);
    }
    double sum = 0;
    for (int i = 0; i < count && max > Double.NEGATIVE_INFINITY; i++) {
      sum += Math.exp(x[i] - max);
    }
    return max + Math.log(sum);
  }

  /** Whether a is so close to b that rounding may swap them. */
  static boolean close(double a, double b) {
    return Double.isFinite(b) && Math.abs(a - b) <= AMBIGUOUS * Math.max(Math.abs(a), Math.abs(b));
  }
}
