package org.gatun.graph.pass;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.gatun.graph.Graph;
import org.gatun.graph.Node;
import org.gatun.graph.Value;
import org.gatun.graph.op.Op;
import org.gatun.graph.op.Sample;

/**
 * Draws a token from each row of output {@code logits}, on the device; output {@code ids}. Before
 * sharding, so that ranks which share a vocabulary exchange candidates rather than logits.
 */
public final class DrawTokens {
  private DrawTokens() {}

  /** The graph with the draw behind it. */
  public static Graph apply(Graph g) {
    Value logits = g.output("logits");
    Op op = new Sample();
    Op.Result r = op.infer(List.of(logits)).getFirst();
    int id =
        1 + g.nodes().stream().flatMap(n -> n.out().stream()).mapToInt(Value::id).max().orElse(0);
    Value ids = new Value(id, "ids", Value.Kind.ACTIVATION, r.dtype(), r.rows(), r.cols());
    List<Node> nodes = new ArrayList<>(g.nodes());
    nodes.add(new Node(nodes.size(), "sample", op, List.of(logits), List.of(ids)));
    Map<String, Value> outputs = new LinkedHashMap<>(g.outputs());
    outputs.put("ids", ids);
    return new Graph(g.name(), nodes, g.inputs(), outputs, g.kv());
  }
}
