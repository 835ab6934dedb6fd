package org.gatun.graph;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.gatun.attention.KvLayer;
import org.gatun.graph.op.Op;
import org.gatun.tensor.DType;
import org.gatun.tensor.Tensor;

/** Builds a graph node by node; shapes are inferred and checked as each node is added. */
public final class GraphBuilder {
  private final String name;
  private final List<Node> nodes = new ArrayList<>();
  private final List<Value> inputs = new ArrayList<>();
  private final Map<String, Value> weights = new HashMap<>();
  private final Map<String, Value> outputs = new LinkedHashMap<>();
  private final List<KvLayer> kv = new ArrayList<>();
  private int nextValue;

  /** Starts an empty graph. */
  public GraphBuilder(String name) {
    this.name = name;
  }

  /** Adds a value the caller sets. */
  public Value input(String name, DType dtype, Dim rows, int cols) {
    Value v = new Value(nextValue++, name, Value.Kind.INPUT, dtype, rows, cols);
    inputs.add(v);
    return v;
  }

  /** The weight of this shape; the same name gives the same value (tied embeddings). */
  public Value weight(Tensor t) {
    return weight(t.name(), t.dtype(), t.rows(), Math.toIntExact(t.cols()));
  }

  /** The weight of this shape; the same name gives the same value (tied embeddings). */
  public Value weight(String name, DType dtype, long rows, int cols) {
    return weights.computeIfAbsent(
        name, n -> new Value(nextValue++, n, Value.Kind.WEIGHT, dtype, Dim.of(rows), cols));
  }

  /** Declares a KV layer before the ops that use it. */
  public KvLayer kvLayer(int layer, int kvHeads, int headDim) {
    KvLayer k = new KvLayer(layer, kvHeads, headDim);
    kv.add(k);
    return k;
  }

  /** Adds a node and returns its results. */
  public List<Value> add(String label, Op op, Value... in) {
    List<Value> out = new ArrayList<>();
    int i = 0;
    for (Op.Result r : op.infer(List.of(in))) {
      String n = i++ == 0 ? label : label + "." + (i - 1);
      out.add(new Value(nextValue++, n, Value.Kind.ACTIVATION, r.dtype(), r.rows(), r.cols()));
    }
    nodes.add(new Node(nodes.size(), label, op, List.of(in), out));
    return out;
  }

  /** Adds a node with exactly one result. */
  public Value one(String label, Op op, Value... in) {
    return add(label, op, in).getFirst();
  }

  /** Makes a value readable by name after a run. */
  public void output(String name, Value v) {
    outputs.put(name, v);
  }

  /** The finished graph. */
  public Graph build() {
    return new Graph(name, nodes, inputs, outputs, kv);
  }
}
