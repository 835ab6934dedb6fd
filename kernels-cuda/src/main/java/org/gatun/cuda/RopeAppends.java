package org.gatun.cuda;

import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.gatun.graph.Graph;
import org.gatun.graph.Node;
import org.gatun.graph.Value;
import org.gatun.graph.op.KvAppend;
import org.gatun.graph.op.Rope;
import org.jspecify.annotations.Nullable;

/**
 * Which ropes can store straight into the KV pages: those whose result nothing but one {@link
 * KvAppend} reads, with values that are there when the rope runs. The rope's launch then does both;
 * the append has nothing left to do. It runs early rather than the rope late, because the memory
 * plan may give the unrotated keys away once their last reader has run.
 */
final class RopeAppends {
  private final Map<Node, Node> appends = new HashMap<>();
  private final Set<Node> done = new HashSet<>();

  private RopeAppends() {}

  static RopeAppends in(Graph graph) {
    RopeAppends all = new RopeAppends();
    Map<Value, Integer> madeAt = new HashMap<>();
    Map<Value, Integer> readers = new HashMap<>();
    Map<Value, Node> ropes = new HashMap<>();
    int at = 0;
    for (Node n : graph.nodes()) {
      int here = at++;
      n.in().forEach(v -> readers.merge(v, 1, Integer::sum));
      n.out().forEach(v -> madeAt.put(v, here));
      if (n.op() instanceof Rope) {
        ropes.put(n.out().getFirst(), n);
      }
    }
    for (Node n : graph.nodes()) {
      if (!(n.op() instanceof KvAppend)) {
        continue;
      }
      Value k = n.in().get(0);
      Node rope = ropes.get(k);
      if (rope != null
          && readers.getOrDefault(k, 0) == 1
          && !graph.outputs().containsValue(k)
          && madeAt.getOrDefault(n.in().get(1), -1) < madeAt.getOrDefault(k, -1)) {
        all.appends.put(rope, n);
        all.done.add(n);
      }
    }
    return all;
  }

  /** The append that this rope does, too. */
  @Nullable Node appendOf(Node rope) {
    return appends.get(rope);
  }

  /** Whether an earlier node's launch does this one's work. */
  boolean isDone(Node n) {
    return done.contains(n);
  }
}
