package org.gatun.graph.pass;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.gatun.graph.Graph;
import org.gatun.graph.Node;
import org.gatun.graph.Value;
import org.gatun.graph.op.Add;
import org.gatun.graph.op.AddRmsNorm;
import org.gatun.graph.op.GatedAct;
import org.gatun.graph.op.GatedMatMul;
import org.gatun.graph.op.MatMul;
import org.gatun.graph.op.Op;
import org.gatun.graph.op.RmsNorm;
import org.jspecify.annotations.Nullable;

/**
 * Joins nodes that read the same data: products that share x, the two products of a gated MLP with
 * their activation, and a residual with the norms around it. Values keep their identity, so outputs
 * and taps stay valid.
 */
public final class Fusion {
  private final Graph graph;
  private final Map<Value, Node> producer = new HashMap<>();
  private final Map<Value, List<Node>> users = new HashMap<>();

  private Fusion(Graph graph) {
    this.graph = graph;
    for (Node n : graph.nodes()) {
      n.out().forEach(v -> producer.put(v, n));
      n.in().forEach(v -> users.computeIfAbsent(v, k -> new ArrayList<>()).add(n));
    }
  }

  /** The graph with every fusion that applies. */
  public static Graph apply(Graph g) {
    g = new Fusion(g).gatedMatMuls();
    g = new Fusion(g).residualNorms();
    return new Fusion(g).sharedMatMuls();
  }

  private Graph gatedMatMuls() {
    Map<Node, @Nullable Node> replace = new HashMap<>();
    for (Node n : graph.nodes()) {
      if (n.op() instanceof GatedAct act) {
        Node gate = soleProduct(n.in().get(0));
        Node up = soleProduct(n.in().get(1));
        if (gate != null && up != null && gate.in().get(0).equals(up.in().get(0))) {
          replace.put(gate, null);
          replace.put(up, null);
          replace.put(
              n,
              node(
                  n,
                  new GatedMatMul(act.activation()),
                  List.of(gate.in().get(0), gate.in().get(1), up.in().get(1)),
                  n.out()));
        }
      }
    }
    return rewrite(replace);
  }

  /** The plain product that makes this value, if nothing else reads it. */
  private @Nullable Node soleProduct(Value v) {
    Node n = producer.get(v);
    return n != null && n.op().equals(MatMul.PLAIN) && isPrivate(v) ? n : null;
  }

  private Graph residualNorms() {
    Map<Node, @Nullable Node> replace = new HashMap<>();
    for (Node add : graph.nodes()) {
      if (!(add.op() instanceof Add)) {
        continue;
      }
      Value sum = add.out().getFirst();
      Node norm = wholeRowNorm(users.getOrDefault(sum, List.of()));
      if (norm == null || !(norm.op() instanceof RmsNorm rms)) {
        continue;
      }
      List<Value> in = new ArrayList<>(List.of(add.in().get(1), add.in().get(0), norm.in().get(1)));
      boolean first = false;
      for (int side = 0; side < 2 && !first; side++) {
        Node pre = producer.get(add.in().get(side));
        if (pre != null
            && pre.op().equals(rms)
            && isWholeRow(pre)
            && isPrivate(pre.out().getFirst())) {
          replace.put(pre, null);
          in = List.of(pre.in().get(0), add.in().get(1 - side), norm.in().get(1), pre.in().get(1));
          first = true;
        }
      }
      replace.put(norm, null);
      replace.put(
          add,
          node(add, new AddRmsNorm(rms.eps(), first), in, List.of(sum, norm.out().getFirst())));
    }
    return rewrite(replace);
  }

  private static @Nullable Node wholeRowNorm(List<Node> users) {
    for (Node n : users) {
      if (n.op() instanceof RmsNorm && isWholeRow(n)) {
        return n;
      }
    }
    return null;
  }

  private static boolean isWholeRow(Node norm) {
    return norm.in().get(0).cols() == norm.in().get(1).cols();
  }

  private Graph sharedMatMuls() {
    Map<Value, List<Node>> groups = new LinkedHashMap<>();
    for (Node n : graph.nodes()) {
      if (n.op() instanceof MatMul m && m.parts() == 1) {
        groups.computeIfAbsent(n.in().getFirst(), k -> new ArrayList<>()).add(n);
      }
    }
    Map<Node, @Nullable Node> replace = new HashMap<>();
    for (List<Node> group : groups.values()) {
      Op op = group.getFirst().op();
      if (group.size() == 1
          || !(op instanceof MatMul m)
          || !group.stream().allMatch(n -> n.op().equals(op))) {
        continue;
      }
      List<Value> in = new ArrayList<>();
      in.add(group.getFirst().in().getFirst());
      List<Value> out = new ArrayList<>();
      for (Node n : group) {
        in.add(n.in().get(1));
        out.add(n.out().getFirst());
        replace.put(n, null);
      }
      if (m.bias()) {
        group.forEach(n -> in.add(n.in().get(2)));
      }
      replace.put(
          group.getFirst(), node(group.getFirst(), new MatMul(group.size(), m.bias()), in, out));
    }
    return rewrite(replace);
  }

  private boolean isPrivate(Value v) {
    return users.getOrDefault(v, List.of()).size() == 1 && !graph.outputs().containsValue(v);
  }

  private static Node node(Node at, Op op, List<Value> in, List<Value> out) {
    op.infer(in);
    return new Node(at.id(), at.label(), op, in, out);
  }

  /** Nodes in order, each kept, replaced, or (mapped to null) left out. */
  private Graph rewrite(Map<Node, @Nullable Node> replace) {
    List<Node> nodes = new ArrayList<>();
    for (Node n : graph.nodes()) {
      Node r = replace.containsKey(n) ? replace.get(n) : n;
      if (r != null) {
        nodes.add(new Node(nodes.size(), r.label(), r.op(), r.in(), r.out()));
      }
    }
    return new Graph(graph.name(), nodes, graph.inputs(), graph.outputs(), graph.kv());
  }
}
