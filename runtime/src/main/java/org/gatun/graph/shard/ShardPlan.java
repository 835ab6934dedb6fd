package org.gatun.graph.shard;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.gatun.graph.Graph;
import org.gatun.graph.GraphException;
import org.gatun.graph.Node;
import org.gatun.graph.Value;
import org.gatun.graph.op.Attention;
import org.gatun.graph.op.GatedAct;
import org.gatun.graph.op.GatedMatMul;
import org.gatun.graph.op.GatherColumns;
import org.gatun.graph.op.KvAppend;
import org.gatun.graph.op.MatMul;
import org.gatun.graph.op.Op;
import org.gatun.graph.op.RmsNorm;
import org.gatun.graph.op.Rope;
import org.jspecify.annotations.Nullable;

/**
 * Which columns of which activations a rank holds, found backwards from where they are needed:
 * attention needs whole heads, and a gated MLP may be cut anywhere that its second matrix can be
 * cut. Every other activation is whole on every rank.
 */
final class ShardPlan {
  private final Graph graph;
  private final int rank;
  private final int world;
  private final Map<Integer, Range> columns = new HashMap<>();
  private final Map<Integer, Attention> attentions = new HashMap<>();
  private final Map<Value, List<Node>> users = new HashMap<>();

  ShardPlan(Graph graph, int rank, int world) {
    this.graph = graph;
    this.rank = rank;
    this.world = world;
    for (Node n : graph.nodes()) {
      n.in().forEach(v -> users.computeIfAbsent(v, k -> new ArrayList<>()).add(n));
      if (n.op() instanceof Attention a) {
        attentions.put(a.layer(), a);
      }
    }
    for (Node n : graph.nodes().reversed()) {
      visit(n);
    }
  }

  /** The columns that the rank holds of this activation; null if it holds all. */
  @Nullable Range columns(Value v) {
    return columns.get(v.id());
  }

  /** Whether something reads this value, and nothing but ops of this kind. */
  boolean isReadOnlyBy(Value v, Class<? extends Op> kind) {
    List<Node> readers = users.getOrDefault(v, List.of());
    return !readers.isEmpty() && readers.stream().map(Node::op).allMatch(kind::isInstance);
  }

  /** KV heads of this layer that the rank keeps. */
  Range kvHeads(int layer) {
    Attention a = attentions.get(layer);
    if (a == null) {
      throw new GraphException("KV layer " + layer + " is written but never read");
    }
    return kvHeads(a.kvHeads(), rank, world);
  }

  /** Of so many KV heads those of a rank; where ranks are more, each has one and shares it. */
  static Range kvHeads(int kv, int rank, int world) {
    if (kv % world == 0) {
      return Range.share(kv, 1, rank, world);
    }
    if (world % kv == 0) {
      return new Range(rank / (world / kv), 1);
    }
    throw new GraphException(
        kv
            + " KV heads go neither evenly into "
            + world
            + " ranks nor the other way round; choose"
            + " a number of ranks that divides them or is a multiple of them");
  }

  /** Query heads of this attention that the rank computes. */
  Range heads(Attention a) {
    if (a.heads() % world != 0) {
      throw new GraphException(
          a.heads() + " query heads cannot be split over " + world + " ranks; choose a divisor");
    }
    return Range.share(a.heads(), 1, rank, world);
  }

  private void visit(Node n) {
    switch (n.op()) {
      case Attention a -> {
        Range q = scaled(heads(a), a.headDim());
        Range unused = kvHeads(a.layer());
        need(n.in().get(0), q);
        columns.put(n.out().get(0).id(), q);
        requireCut(n.out().get(0), q);
        if (a.lse()) {
          columns.put(n.out().get(1).id(), heads(a));
        }
      }
      case KvAppend k -> {
        Range kv = scaled(kvHeads(k.layer()), graph.kvLayer(k.layer()).headDim());
        need(n.in().get(0), kv);
        need(n.in().get(1), kv);
      }
      case GatedMatMul g -> {
        Range r = hidden(n.out().get(0));
        if (r != null) {
          columns.put(n.out().get(0).id(), r);
        }
      }
      case GatedAct g -> {
        Range r = hidden(n.out().get(0));
        if (r != null) {
          columns.put(n.out().get(0).id(), r);
          need(n.in().get(0), r);
          need(n.in().get(1), r);
        }
      }
      case GatherColumns g -> {
        // Only behind attention is the operand split: it is gathered, and each rank takes whole
        // blocks of the order. Behind a norm every rank has all columns and takes them all.
        Range r =
            producer(n.in().getFirst()) instanceof Attention ? hidden(n.out().getFirst()) : null;
        if (r != null) {
          columns.put(n.out().getFirst().id(), r);
        }
      }
      case Rope rope -> pass(n, rope.headDim(), rope);
      case RmsNorm norm -> pass(n, n.in().get(1).cols(), norm);
      case Op other -> refuseSharded(n);
    }
  }

  /** Head-wise ops: a rank's heads of the result need the same heads of the operand. */
  private void pass(Node n, int unit, Op op) {
    Range r = columns(n.out().get(0));
    if (r == null) {
      return;
    }
    if (!r.fits(unit)) {
      throw new GraphException(
          op.name()
              + " at "
              + n.label()
              + " works on groups of "
              + unit
              + " columns that a rank would hold in part; tensor parallelism cannot split it");
    }
    need(n.in().get(0), r);
  }

  /** The share of an MLP's hidden width, if only matrix products read it; null keeps it whole. */
  private @Nullable Range hidden(Value v) {
    List<Node> readers = users.getOrDefault(v, List.of());
    int unit = 1;
    for (Node r : readers) {
      if (!(r.op() instanceof MatMul)) {
        return null;
      }
      for (int i = 1; i <= ((MatMul) r.op()).parts(); i++) {
        unit = Math.max(unit, r.in().get(i).dtype().blockSize());
      }
    }
    if (readers.isEmpty() || graph.outputs().containsValue(v)) {
      return null;
    }
    if (v.cols() / unit < world || v.cols() % unit != 0) {
      throw new GraphException(
          v.name()
              + " has "
              + v.cols()
              + " columns in blocks of "
              + unit
              + ": too few for "
              + world
              + " ranks; use fewer ranks or a format with smaller blocks");
    }
    return Range.share(v.cols(), unit, rank, world);
  }

  /** The matrix behind attention must be cut where the heads end. */
  private void requireCut(Value v, Range r) {
    for (Node user : users.getOrDefault(v, List.of())) {
      if (user.op() instanceof GatherColumns) {
        continue;
      }
      if (!(user.op() instanceof MatMul m)) {
        throw new GraphException(user.op().name() + " at " + user.label() + " reads split heads");
      }
      for (int i = 1; i <= m.parts(); i++) {
        Value w = user.in().get(i);
        if (!r.fits(w.dtype().blockSize())) {
          throw new GraphException(
              w.name()
                  + " is "
                  + w.dtype()
                  + ", in blocks of "
                  + w.dtype().blockSize()
                  + " columns, but each of "
                  + world
                  + " ranks holds "
                  + r.count()
                  + "; use fewer ranks or a format with smaller blocks");
        }
      }
    }
  }

  private @Nullable Op producer(Value v) {
    return graph.nodes().stream()
        .filter(n -> n.out().contains(v))
        .map(Node::op)
        .findFirst()
        .orElse(null);
  }

  private void need(Value v, Range r) {
    if (v.kind() != Value.Kind.ACTIVATION) {
      throw new GraphException(v + " is given from outside and cannot be split");
    }
    Range before = columns.put(v.id(), r);
    if (before != null && !before.equals(r)) {
      throw new GraphException(v + " is needed in two different splits");
    }
  }

  private void refuseSharded(Node n) {
    if (n.op() instanceof MatMul) {
      return;
    }
    for (Value v : n.out()) {
      if (columns(v) != null) {
        throw new GraphException(
            n.op().name() + " at " + n.label() + " cannot give a split result");
      }
    }
  }

  private static Range scaled(Range heads, int headDim) {
    return new Range(heads.from() * headDim, heads.count() * headDim);
  }
}
