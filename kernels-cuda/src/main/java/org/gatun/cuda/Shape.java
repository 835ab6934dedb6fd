package org.gatun.cuda;

import org.gatun.attention.KvStore;
import org.gatun.graph.Dim;
import org.gatun.graph.Step;
import org.gatun.graph.StepLimits;

/**
 * The size that a step's launches have. Counts are rounded up to powers of two, so that few shapes
 * exist and each is captured once; the true counts stand in the descriptor.
 *
 * @param rows tokens, rounded up
 * @param logitRows rows of logits, rounded up
 * @param pages pages of the longest sequence, rounded up
 * @param wholeLogits whether ranks gather their logits ({@link Step#wholeLogits})
 */
record Shape(int rows, int logitRows, int pages, boolean wholeLogits) {
  static Shape of(Step step, StepLimits limits) {
    int longest = 1;
    for (int s = 0; s < step.sequences(); s++) {
      longest = Math.max(longest, step.sequence(Step.KV_LENGTH, s));
    }
    return new Shape(
        up(step.rows(), limits.rows()),
        up(step.logitRows(), limits.logitRows()),
        up(Math.ceilDiv(longest, KvStore.PAGE_SLOTS), Integer.MAX_VALUE),
        step.wholeLogits());
  }

  int rows(Dim dim) {
    return Math.toIntExact(dim.at(rows, logitRows));
  }

  private static int up(int n, int limit) {
    return n <= 1 ? n : Math.min(limit, Integer.highestOneBit(n - 1) << 1);
  }
}
