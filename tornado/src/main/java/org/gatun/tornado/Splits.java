package org.gatun.tornado;

import org.gatun.attention.KvStore;
import org.gatun.graph.Graph;
import org.gatun.graph.Node;
import org.gatun.graph.Step;
import org.gatun.graph.op.Attention;

/**
 * Into how many parts the keys of a row are split (flash-decoding), so that rows × heads × splits
 * keep the device busy. The counts travel in the step's spare header fields.
 */
final class Splits {
  private final int heads;
  private final int window;
  private final int groups;
  private final int scratch;

  Splits(Graph graph, int workers, PoolBuilder pool) {
    int most = 1;
    int widest = 0;
    int dim = 0;
    for (Node n : graph.nodes()) {
      if (n.op() instanceof Attention a) {
        most = Math.max(most, a.heads());
        widest = Math.max(widest, a.window());
        dim = Math.max(dim, a.headDim());
      }
    }
    heads = most;
    window = widest;
    groups = 2 * workers;
    // More than one split only while rows × heads × splits stay within `groups`.
    scratch = pool.floats((long) groups * (dim + 2), (f, at) -> {});
  }

  /** Where partial results lie. */
  int scratch() {
    return scratch;
  }

  /** Splits in this step, for window layers or for the others. */
  int of(Step s, boolean windowed) {
    int slots = s.data().getAtIndex(java.lang.foreign.ValueLayout.JAVA_INT, Step.MAX_KV);
    if (windowed) {
      slots = Math.min(slots, window + KvStore.PAGE_SLOTS);
    }
    int pages = Math.max(1, Math.ceilDiv(slots, KvStore.PAGE_SLOTS));
    return Math.clamp(groups / ((long) Math.max(1, s.rows()) * heads), 1, pages);
  }
}
