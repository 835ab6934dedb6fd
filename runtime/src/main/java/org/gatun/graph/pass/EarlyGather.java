package org.gatun.graph.pass;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.gatun.graph.Dim;
import org.gatun.graph.Graph;
import org.gatun.graph.Node;
import org.gatun.graph.Value;
import org.gatun.graph.op.Add;
import org.gatun.graph.op.AddRmsNorm;
import org.gatun.graph.op.AllReduce;
import org.gatun.graph.op.GatedAct;
import org.gatun.graph.op.GatedMatMul;
import org.gatun.graph.op.GatherColumns;
import org.gatun.graph.op.GatherRows;
import org.gatun.graph.op.MatMul;
import org.gatun.graph.op.Op;
import org.gatun.graph.op.RmsNorm;

/**
 * Gathers the rows that want logits as early as possible: what only they need of the last layer
 * (output projection, MLP, residuals) is computed for them alone. A prompt of 512 rows saves nearly
 * all of its last MLP.
 */
public final class EarlyGather {
  private final Graph graph;
  private final Map<Value, List<Node>> users = new HashMap<>();
  private int nextValue;

  private EarlyGather(Graph graph) {
    this.graph = graph;
    for (Node n : graph.nodes()) {
      n.in().forEach(v -> users.computeIfAbsent(v, k -> new ArrayList<>()).add(n));
      n.out().forEach(v -> nextValue = Math.max(nextValue, v.id() + 1));
      n.in().forEach(v -> nextValue = Math.max(nextValue, v.id() + 1));
    }
  }

  /**
   * The graph with its one {@link GatherRows} moved up; a graph without exactly one is returned as
   * it is.
   */
  public static Graph apply(Graph g) {
    List<Node> gathers = g.nodes().stream().filter(n -> n.op() instanceof GatherRows).toList();
    return gathers.size() == 1 ? new EarlyGather(g).move(gathers.getFirst()) : g;
  }

  private Graph move(Node gather) {
    Set<Node> late = new HashSet<>();
    late.add(gather);
    // Backwards: a node moves behind the gather if it is row-wise and all that reads it has moved.
    for (Node n : graph.nodes().reversed()) {
      boolean only =
          n.out().stream()
              .allMatch(
                  v ->
                      !graph.outputs().containsValue(v)
                          && late.containsAll(users.getOrDefault(v, List.of())));
      if (isRowWise(n.op()) && only && n.id() < gather.id()) {
        late.add(n);
      }
    }
    if (late.size() == 1) {
      return graph;
    }
    Map<Value, Value> narrow = new LinkedHashMap<>();
    List<Node> nodes = new ArrayList<>();
    for (Node n : graph.nodes()) {
      if (!late.contains(n)) {
        nodes.add(new Node(nodes.size(), n.label(), n.op(), replaced(n.in(), narrow), n.out()));
        continue;
      }
      for (Value v : n.in()) {
        if (!v.isWeight() && !narrow.containsKey(v)) {
          Value rows = narrowed(v);
          narrow.put(v, rows);
          nodes.add(
              new Node(
                  nodes.size(), v.name() + ".rows", new GatherRows(), List.of(v), List.of(rows)));
        }
      }
      if (n.equals(gather)) {
        narrow.put(n.out().getFirst(), replaced(n.in(), narrow).getFirst());
        continue;
      }
      n.out().forEach(v -> narrow.put(v, narrowed(v)));
      nodes.add(
          new Node(
              nodes.size(),
              n.label(),
              n.op(),
              replaced(n.in(), narrow),
              replaced(n.out(), narrow)));
    }
    return new Graph(graph.name(), nodes, graph.inputs(), graph.outputs(), graph.kv());
  }

  private Value narrowed(Value v) {
    return new Value(nextValue++, v.name(), v.kind(), v.dtype(), Dim.LOGIT_ROWS, v.cols());
  }

  private static List<Value> replaced(List<Value> values, Map<Value, Value> by) {
    return values.stream().map(v -> by.getOrDefault(v, v)).toList();
  }

  private static boolean isRowWise(Op op) {
    return switch (op) {
      case Add a -> true;
      case AddRmsNorm a -> true;
      case AllReduce a -> true;
      case GatedAct g -> true;
      case GatedMatMul g -> true;
      case GatherColumns g -> true;
      case MatMul m -> true;
      case RmsNorm r -> true;
      default -> false;
    };
  }
}
