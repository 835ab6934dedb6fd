package org.gatun.graph.shard;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.gatun.attention.AttentionPlan;
import org.gatun.attention.KvLayer;
import org.gatun.graph.Dim;
import org.gatun.graph.Graph;
import org.gatun.graph.GraphBuilder;
import org.gatun.graph.GraphException;
import org.gatun.graph.Node;
import org.gatun.graph.Sampling;
import org.gatun.graph.Value;
import org.gatun.graph.op.AllGather;
import org.gatun.graph.op.AllReduce;
import org.gatun.graph.op.Attention;
import org.gatun.graph.op.Candidates;
import org.gatun.graph.op.Embed;
import org.gatun.graph.op.GatedMatMul;
import org.gatun.graph.op.GatherColumns;
import org.gatun.graph.op.MatMul;
import org.gatun.graph.op.Op;
import org.gatun.graph.op.Sample;
import org.gatun.tensor.DType;
import org.jspecify.annotations.Nullable;

/**
 * Splits a graph over ranks as Megatron-LM does (Shoeybi et al. 2019, arXiv 1909.08053): q, k, v,
 * gate and up by columns, o and down by rows with an all-reduce behind each, the vocabulary by rows
 * of the embedding table and of the output head. Norms are whole on every rank and stand behind the
 * all-reduce. With more ranks than KV heads, ranks share a head. A token is drawn from the ranks'
 * {@link Candidates}; logits are gathered only in steps that want them.
 *
 * <p>Works on what the values are used for, not on their names, so it serves every family. Run it
 * before fusion.
 */
public final class TensorParallel {
  private final Graph graph;
  private final int rank;
  private final int world;
  private final ShardPlan plan;
  private final GraphBuilder out;
  private final Map<Integer, Value> values = new HashMap<>();
  private final Map<String, Slice> slices = new LinkedHashMap<>();
  private final Map<Integer, Value> logitParts = new HashMap<>();

  private TensorParallel(Graph graph, int rank, int world) {
    this.graph = graph;
    this.rank = rank;
    this.world = world;
    this.plan = new ShardPlan(graph, rank, world);
    this.out = new GraphBuilder(graph.name());
  }

  /**
   * The part of one rank.
   *
   * @throws GraphException if the model cannot be split so: the message says what does not divide
   */
  public static ShardedGraph shard(Graph graph, int rank, int world) {
    if (world < 1 || rank < 0 || rank >= world) {
      throw new IllegalArgumentException("no rank " + rank + " of " + world);
    }
    return world == 1
        ? new ShardedGraph(graph, 0, 1, Map.of())
        : new TensorParallel(graph, rank, world).rewrite();
  }

  /**
   * Whether so many ranks may choose keys by this plan. Block top-k scores pages for a KV head by
   * all its query heads, and ranks that share a KV head have a part of these each.
   *
   * @throws GraphException if ranks would choose apart from each other
   */
  public static void requireChoice(Graph whole, AttentionPlan plan, int world) {
    int heads =
        whole.nodes().stream()
            .map(Node::op)
            .filter(Attention.class::isInstance)
            .mapToInt(op -> ((Attention) op).kvHeads())
            .min()
            .orElse(world);
    if (plan instanceof AttentionPlan.BlockTopK && heads < world) {
      throw new GraphException(
          "block top-k cannot run on %d ranks with %s"
              .formatted(world, sharedHeads(heads, "pages")));
    }
  }

  /** Why ranks that share one of so many KV heads cannot choose, and what to do. */
  public static String sharedHeads(int heads, String choice) {
    return "%d KV %s per layer: ranks that share one would choose %s apart from each other; use %s or --attention dense"
        .formatted(
            heads,
            heads == 1 ? "head" : "heads",
            choice,
            heads == 1 ? "one rank" : "at most " + heads + " ranks");
  }

  private ShardedGraph rewrite() {
    for (Value v : graph.inputs()) {
      values.put(v.id(), out.input(v.name(), v.dtype(), v.rows(), v.cols()));
    }
    for (KvLayer k : graph.kv()) {
      out.kvLayer(k.layer(), plan.kvHeads(k.layer()).count(), k.headDim());
    }
    for (Node n : graph.nodes()) {
      List<Value> results = node(n);
      for (int i = 0; i < results.size(); i++) {
        values.put(n.out().get(i).id(), results.get(i));
      }
    }
    graph
        .outputs()
        .forEach(
            (name, v) -> {
              if (plan.columns(v) != null) {
                throw new GraphException("output " + name + " is split over ranks");
              }
              out.output(name, mapped(v));
            });
    return new ShardedGraph(out.build(), rank, world, slices);
  }

  private List<Value> node(Node n) {
    return switch (n.op()) {
      case Embed e -> List.of(embed(n, e));
      case MatMul m when plan.columns(n.in().getFirst()) != null -> rowParallel(n, m);
      case MatMul m when isHead(n) -> List.of(head(n, m));
      case MatMul m -> columnParallel(n, m);
      case Sample s when logitParts.containsKey(n.in().getFirst().id()) -> List.of(sample(n, s));
      case GatedMatMul g -> gated(n);
      case Attention a -> {
        int heads = plan.heads(a).count();
        int kvHeads = plan.kvHeads(a.layer()).count();
        yield same(
            n,
            new Attention(
                a.layer(),
                heads,
                kvHeads,
                a.headDim(),
                a.scale(),
                a.window(),
                a.softCap(),
                a.plan(),
                a.lse()));
      }
      case GatherColumns g when plan.columns(n.in().getFirst()) != null -> List.of(reordered(n, g));
      case Op op -> same(n, op);
    };
  }

  private List<Value> same(Node n, Op op) {
    return out.add(n.label(), op, n.in().stream().map(this::mapped).toArray(Value[]::new));
  }

  /**
   * Columns that come from all ranks: an order that quantisation gave to the input of attention's
   * projection crosses heads, which no permutation of weights can undo.
   */
  private Value reordered(Node n, GatherColumns g) {
    Value whole =
        out.one(n.label() + ".all_gather", new AllGather(world), mapped(n.in().getFirst()));
    Range r = plan.columns(n.out().getFirst());
    return out.one(n.label(), g, whole, weight(n.in().get(1), null, r));
  }

  /** Ids of other ranks give zeros; the sum has each row once. */
  private Value embed(Node n, Embed e) {
    Value table = n.in().getFirst();
    Range rows = vocabulary(table);
    if (rows == null) {
      return same(n, e).getFirst();
    }
    Value part =
        out.one(
            n.label(), new Embed(e.scale(), e.first() + rows.from()), weight(table, rows, null));
    return out.one(n.label() + ".all_reduce", new AllReduce(), part);
  }

  /** Equal shares only, so that the logits can be gathered; other vocabularies stay whole. */
  private @Nullable Range vocabulary(Value table) {
    long rows = table.rows().at(0, 0);
    return rows % world == 0 ? Range.share(Math.toIntExact(rows), 1, rank, world) : null;
  }

  private boolean isHead(Node n) {
    return n.op().equals(MatMul.PLAIN)
        && n.out().getFirst().rows().equals(Dim.LOGIT_ROWS)
        && vocabulary(n.in().get(1)) != null;
  }

  private Value head(Node n, MatMul m) {
    Value table = n.in().get(1);
    Value part =
        out.one(n.label(), m, mapped(n.in().getFirst()), weight(table, vocabulary(table), null));
    Value logits = n.out().getFirst();
    boolean drawn =
        table.rows().at(0, 0) <= Candidates.ID_LIMIT && plan.isReadOnlyBy(logits, Sample.class);
    if (drawn) {
      logitParts.put(logits.id(), part);
    }
    return out.one(n.label() + ".all_gather", new AllGather(world, drawn), part);
  }

  /**
   * Ranks exchange the largest logits of their parts; whole logits only where a step wants them.
   */
  private Value sample(Node n, Sample op) {
    Value logits = n.in().getFirst();
    Value part = Objects.requireNonNull(logitParts.get(logits.id()));
    Candidates candidates =
        new Candidates(Math.min(Sampling.CANDIDATES, part.cols()), rank * part.cols());
    Value own = out.one(n.label() + ".candidates", candidates, part);
    Value all = out.one(n.label() + ".all_gather", new AllGather(world), own);
    out.output(ShardedGraph.CANDIDATES, all);
    return out.one(n.label(), op, mapped(logits), all);
  }

  private List<Value> columnParallel(Node n, MatMul m) {
    List<Value> in = new ArrayList<>();
    in.add(mapped(n.in().getFirst()));
    for (int i = 1; i < n.in().size(); i++) {
      boolean isBias = i > m.parts();
      Range r = plan.columns(n.out().get((i - 1) % m.parts()));
      in.add(isBias ? weight(n.in().get(i), null, r) : weight(n.in().get(i), r, null));
    }
    return out.add(n.label(), m, in.toArray(Value[]::new));
  }

  private List<Value> gated(Node n) {
    Range r = plan.columns(n.out().getFirst());
    return out.add(
        n.label(),
        n.op(),
        mapped(n.in().get(0)),
        weight(n.in().get(1), r, null),
        weight(n.in().get(2), r, null));
  }

  /** Partial products on every rank, their sum behind; rank 0 alone adds a bias. */
  private List<Value> rowParallel(Node n, MatMul m) {
    Range r = plan.columns(n.in().getFirst());
    boolean bias = m.bias() && rank == 0;
    List<Value> in = new ArrayList<>();
    in.add(mapped(n.in().getFirst()));
    for (int i = 1; i <= m.parts(); i++) {
      in.add(weight(n.in().get(i), null, r));
    }
    for (int i = m.parts() + 1; bias && i < n.in().size(); i++) {
      in.add(mapped(n.in().get(i)));
    }
    List<Value> sums = new ArrayList<>();
    for (Value v : out.add(n.label(), new MatMul(m.parts(), bias), in.toArray(Value[]::new))) {
      sums.add(out.one(v.name() + ".all_reduce", new AllReduce(), v));
    }
    return sums;
  }

  private Value weight(Value v, @Nullable Range rows, @Nullable Range cols) {
    Range r = rows != null && rows.isWhole(v.rows().at(0, 0)) ? null : rows;
    Range c = cols != null && cols.isWhole(v.cols()) ? null : cols;
    if (r == null && c == null) {
      return mapped(v);
    }
    Slice slice = new Slice(v.name(), r, c);
    slices.put(slice.name(), slice);
    DType type = v.dtype();
    return out.weight(
        slice.name(),
        type,
        r == null ? v.rows().at(0, 0) : r.count(),
        c == null ? v.cols() : c.count());
  }

  private Value mapped(Value v) {
    if (v.isWeight()) {
      return out.weight(v.name(), v.dtype(), v.rows().at(0, 0), v.cols());
    }
    Value m = values.get(v.id());
    if (m == null) {
      throw new GraphException(v + " is used before it is computed");
    }
    return m;
  }
}
