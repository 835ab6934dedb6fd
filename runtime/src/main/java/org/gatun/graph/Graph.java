package org.gatun.graph;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.StringJoiner;
import org.gatun.attention.KvLayer;

/**
 * An immutable program in topological order. Passes return new graphs.
 *
 * @param name the model family, or the test case
 * @param nodes in an order that respects data flow and KV writes before reads
 * @param inputs values the caller sets by name ({@code embeddings} in place of token ids, operands
 *     of a test)
 * @param outputs values the caller reads by name; hidden-state taps are outputs too
 * @param kv the KV layers, by layer number
 */
public record Graph(
    String name,
    List<Node> nodes,
    List<Value> inputs,
    Map<String, Value> outputs,
    List<KvLayer> kv) {
  /** Copies the collections, keeping order. */
  public Graph {
    nodes = List.copyOf(nodes);
    inputs = List.copyOf(inputs);
    outputs = java.util.Collections.unmodifiableMap(new LinkedHashMap<>(outputs));
    kv = List.copyOf(kv);
  }

  /** The KV layer of this number. */
  public KvLayer kvLayer(int layer) {
    for (KvLayer k : kv) {
      if (k.layer() == layer) {
        return k;
      }
    }
    throw new GraphException("graph " + name + " has no KV layer " + layer);
  }

  /** The output of this name. */
  public Value output(String name) {
    Value v = outputs.get(name);
    if (v == null) {
      throw new GraphException(
          "graph " + this.name + " has no output " + name + "; it has " + outputs.keySet());
    }
    return v;
  }

  /** The printable form that {@code gatun inspect --graph} shows. */
  public String print() {
    StringJoiner lines = new StringJoiner("\n");
    lines.add("graph " + name);
    inputs.forEach(v -> lines.add("  input  " + v));
    kv.forEach(
        k -> lines.add("  kv     layer " + k.layer() + ": " + k.kvHeads() + " x " + k.headDim()));
    nodes.forEach(n -> lines.add("  " + n));
    outputs.forEach((k, v) -> lines.add("  output " + k + " = " + v));
    return lines.toString();
  }
}
