package org.gatun.graph.pass;

import java.util.ArrayList;
import java.util.List;
import org.gatun.attention.AttentionPlan;
import org.gatun.graph.Graph;
import org.gatun.graph.GraphException;
import org.gatun.graph.Node;
import org.gatun.graph.op.Attention;

/**
 * Gives the layers that see the whole context an attention plan; layers with a window stay dense.
 */
public final class PlanAttention {
  private PlanAttention() {}

  /**
   * The graph under this plan.
   *
   * @throws GraphException if every layer has a window
   */
  public static Graph apply(Graph g, AttentionPlan plan) {
    if (plan.equals(AttentionPlan.DENSE)) {
      return g;
    }
    List<Node> nodes = new ArrayList<>();
    boolean any = false;
    for (Node n : g.nodes()) {
      if (n.op() instanceof Attention a && a.window() == 0) {
        nodes.add(new Node(n.id(), n.label(), a.withPlan(plan), n.in(), n.out()));
        any = true;
      } else {
        nodes.add(n);
      }
    }
    if (!any) {
      throw new GraphException(
          "no layer of " + g.name() + " sees the whole context; plan " + plan + " has no use");
    }
    return new Graph(g.name(), nodes, g.inputs(), g.outputs(), g.kv());
  }
}
