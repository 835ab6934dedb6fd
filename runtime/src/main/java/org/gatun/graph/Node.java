package org.gatun.graph;

import java.util.List;
import org.gatun.graph.op.Op;

/**
 * One op applied to values.
 *
 * @param id position in the graph's order
 * @param label where the node stands in the model, e.g. {@code blk.3.attn.q}
 * @param op what is computed
 * @param in operands in the order the op's Javadoc states
 * @param out results; empty for ops that only write the KV cache
 */
public record Node(int id, String label, Op op, List<Value> in, List<Value> out) {
  /** Copies the lists. */
  public Node {
    in = List.copyOf(in);
    out = List.copyOf(out);
  }

  @Override
  public String toString() {
    return out + " = " + op + in + "  # " + label;
  }
}
