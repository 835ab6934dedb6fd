package org.gatun.graph.shard;

import java.util.Map;
import java.util.function.Predicate;
import org.gatun.graph.Graph;
import org.gatun.graph.Node;
import org.gatun.graph.Value;
import org.gatun.graph.op.AllGather;
import org.gatun.graph.op.AllReduce;
import org.gatun.tensor.Tensor;
import org.gatun.tensor.WeightSource;

/** One rank's program: its graph, with collectives, and the views of the weights that it reads. */
public final class ShardedGraph {
  /**
   * Output with the candidates of all ranks [R, 2 × pairs], if the vocabulary is split and tokens
   * are drawn: what {@link org.gatun.graph.op.Candidates} says of all logits.
   */
  public static final String CANDIDATES = "candidates";

  private final Graph graph;
  private final int rank;
  private final int world;
  private final Map<String, Slice> slices;

  ShardedGraph(Graph graph, int rank, int world, Map<String, Slice> slices) {
    this.graph = graph;
    this.rank = rank;
    this.world = world;
    this.slices = Map.copyOf(slices);
  }

  /** The rank's graph. */
  public Graph graph() {
    return graph;
  }

  /** The rank's weights as views of the whole model's. */
  public WeightSource weights(WeightSource whole) {
    return new WeightSource() {
      @Override
      public Tensor weight(String name) {
        Slice s = slices.get(name);
        return s == null ? whole.weight(name) : s.of(whole.weight(s.weight()), name);
      }

      @Override
      public boolean has(String name) {
        return slices.containsKey(name) || whole.has(name);
      }

      @Override
      public String key() {
        return whole.key().isEmpty() ? "" : whole.key() + "-rank" + rank + "of" + world;
      }
    };
  }

  /** Pairs per row of output {@link #CANDIDATES}; 0 if the graph has none. */
  public int candidates() {
    Value pairs = graph.outputs().get(CANDIDATES);
    return pairs == null ? 0 : pairs.cols() / 2;
  }

  /** Bytes of weights that the rank holds; a weight used twice counts once. */
  public long weightBytes() {
    return graph.nodes().stream()
        .flatMap(n -> n.in().stream())
        .filter(Value::isWeight)
        .distinct()
        .mapToLong(v -> v.dtype().bytes(v.cols()) * v.rows().at(0, 0))
        .sum();
  }

  /** All-reduces in one step. */
  public long allReduces() {
    return graph.nodes().stream().map(Node::op).filter(AllReduce.class::isInstance).count();
  }

  /** All-gathers in one step that does not want whole logits. */
  public long allGathers() {
    return graph.nodes().stream().filter(n -> isGather(n, false)).count();
  }

  /**
   * Bytes that the rank contributes to collectives for a step of this size that does not want whole
   * logits.
   */
  public long collectiveBytes(long tokens, long logitRows) {
    return bytes(n -> n.op() instanceof AllReduce || isGather(n, false), tokens, logitRows);
  }

  /** Bytes that a step contributes on top of them if it wants whole logits. */
  public long wholeLogitsBytes(long logitRows) {
    return bytes(n -> isGather(n, true), 0, logitRows);
  }

  private static boolean isGather(Node n, boolean onDemand) {
    return n.op() instanceof AllGather g && g.onDemand() == onDemand;
  }

  private long bytes(Predicate<Node> which, long tokens, long logitRows) {
    return graph.nodes().stream()
        .filter(which)
        .map(n -> n.in().getFirst())
        .mapToLong(v -> v.dtype().bytes(v.cols()) * v.rows().at(tokens, logitRows))
        .sum();
  }
}
