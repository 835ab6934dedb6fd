package org.gatun.backend.jvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.gatun.attention.AttentionPlan;
import org.gatun.backend.BackendException;
import org.gatun.backend.CompileOptions;
import org.gatun.backend.HostCandidates;
import org.gatun.backend.HostSampler;
import org.gatun.graph.Graph;
import org.gatun.graph.MemoryPlan;
import org.gatun.graph.Node;
import org.gatun.graph.Value;
import org.gatun.graph.op.Add;
import org.gatun.graph.op.AddRmsNorm;
import org.gatun.graph.op.AllGather;
import org.gatun.graph.op.AllReduce;
import org.gatun.graph.op.Attention;
import org.gatun.graph.op.Candidates;
import org.gatun.graph.op.Embed;
import org.gatun.graph.op.GatedAct;
import org.gatun.graph.op.GatedMatMul;
import org.gatun.graph.op.GatherColumns;
import org.gatun.graph.op.GatherRows;
import org.gatun.graph.op.KvAppend;
import org.gatun.graph.op.MatMul;
import org.gatun.graph.op.RmsNorm;
import org.gatun.graph.op.Rope;
import org.gatun.graph.op.Sample;
import org.gatun.parallel.Columns;
import org.gatun.parallel.Communicator;
import org.gatun.parallel.ReduceType;
import org.gatun.tensor.Tensor;
import org.gatun.tensor.WeightSource;
import org.gatun.tensor.codec.Codecs;

/** Gives every value an address and makes every node ready to run. */
final class Binder {
  private final Graph graph;
  private final WeightSource weights;
  private final CompileOptions options;
  private final WorkerPool pool;
  private final Arena arena;
  private final KvPages pages;
  private final Map<String, PackedWeight> packed;
  private final Map<Value, Long> addresses = new HashMap<>();
  private final Map<String, Long> vectors = new HashMap<>();
  private final Map<RopeTable.Key, RopeTable> tables = new HashMap<>();
  private final AttentionExec.SplitStates splitStates = new AttentionExec.SplitStates();

  /** Nodes from which a graph is taken for a model that a user waits for. */
  private static final int WHOLE_MODEL = 100;

  private final Scratch scratch;
  private final MemorySegment activations;

  Binder(
      Graph graph,
      WeightSource weights,
      CompileOptions options,
      WorkerPool pool,
      KvPages pages,
      Map<String, PackedWeight> packed,
      Arena arena) {
    this.graph = graph;
    this.weights = weights;
    this.options = options;
    this.pool = pool;
    this.pages = pages;
    this.packed = packed;
    this.arena = arena;
    scratch = new Scratch(pool.workers());
    scratch.setFresh(graph.nodes().size() >= WHOLE_MODEL);
    MemoryPlan plan = MemoryPlan.of(graph, options.limits(), 64);
    int widest = plan.offsets().keySet().stream().mapToInt(Value::cols).max().orElse(0);
    // Register tiles read whole tiles of rows, past the last one.
    activations = arena.allocate(plan.bytes() + 4L * Gemm.ROWS * widest + 256, 4096);
    plan.offsets().forEach((v, at) -> addresses.put(v, activations.address() + at));
  }

  /** The arena of activations. */
  MemorySegment activations() {
    return activations;
  }

  /** The first step is over. */
  void ran() {
    scratch.setFresh(false);
  }

  long scratchBytes() {
    return scratch.bytes();
  }

  /** Address of an activation, input or output. */
  long address(Value v) {
    Long at = addresses.get(v);
    if (at == null) {
      throw new IllegalStateException("no address for " + v);
    }
    return at;
  }

  List<Exec> bind() {
    List<Exec> execs = new ArrayList<>();
    for (Node n : graph.nodes()) {
      execs.add(bind(n));
    }
    splitStates.allocate(arena);
    scratch.allocate(arena);
    return execs;
  }

  private Exec bind(Node n) {
    Value first = n.in().getFirst();
    RowOps.Shape shape = new RowOps.Shape(pool, first.rows(), first.cols());
    return switch (n.op()) {
      case Add op -> RowOps.add(shape, in(n, 0), in(n, 1), out(n, 0));
      case AddRmsNorm op -> {
        long own = op.normFirst() ? vector(n.in().get(3)) : 0;
        yield RowOps.addNorm(
            shape, in(n, 0), in(n, 1), vector(n.in().get(2)), own, op.eps(), out(n, 0), out(n, 1));
      }
      case AllGather op -> allGather(n, op);
      case AllReduce op -> allReduce(n);
      case GatherColumns op ->
          RowOps.gatherColumns(
              shape, in(n, 0), vector(n.in().get(1)), n.out().getFirst().cols(), out(n, 0));
      case Attention op -> attention(n, op);
      case Candidates op -> candidates(op, first.cols(), in(n, 0), out(n, 0));
      case Embed op -> {
        PackedWeight table = weight(first);
        yield RowOps.embed(
            table,
            op.scale(),
            op.first(),
            arena.allocate(table.dtype().blockBytes(), 8),
            out(n, 0));
      }
      case GatedAct op -> RowOps.gate(shape, op.activation(), in(n, 0), in(n, 1), out(n, 0));
      case GatedMatMul op ->
          new GatedMatMulExec(
              pool,
              scratch,
              op.activation(),
              first.rows(),
              maxRows(first),
              in(n, 0),
              weight(n.in().get(1)),
              weight(n.in().get(2)),
              out(n, 0));
      case GatherRows op -> RowOps.gather(first.cols(), in(n, 0), out(n, 0));
      case KvAppend op ->
          new KvAppendExec(pool, pages, graph.kvLayer(op.layer()), in(n, 0), in(n, 1));
      case MatMul op -> matMul(n, op);
      case RmsNorm op ->
          RowOps.norm(
              shape, in(n, 0), vector(n.in().get(1)), n.in().get(1).cols(), op.eps(), out(n, 0));
      case Rope op -> RowOps.rope(shape, op, table(n, op), in(n, 0), out(n, 0));
      case Sample op -> sample(n);
    };
  }

  private Exec matMul(Node n, MatMul op) {
    Value x = n.in().getFirst();
    PackedWeight[] w = new PackedWeight[op.parts()];
    long[] bias = new long[op.parts()];
    long[] out = new long[op.parts()];
    for (int i = 0; i < op.parts(); i++) {
      w[i] = weight(n.in().get(1 + i));
      bias[i] = op.bias() ? vector(n.in().get(1 + op.parts() + i)) : 0;
      out[i] = out(n, i);
    }
    return new MatMulExec(pool, scratch, x.rows(), maxRows(x), in(n, 0), w, bias, out);
  }

  private Exec attention(Node n, Attention op) {
    if (op.headDim() % 16 != 0 && !op.plan().equals(AttentionPlan.DENSE)) {
      throw new BackendException(
          "the jvm backend has attention plan "
              + op.plan()
              + " for head dims that are a multiple of 16, not for "
              + op.headDim()
              + " ("
              + n.label()
              + ")");
    }
    long lse = op.lse() ? out(n, 1) : 0;
    return new AttentionExec(
        pool, scratch, splitStates, op, pages, options, in(n, 0), out(n, 0), lse);
  }

  private RopeTable table(Node n, Rope op) {
    String factors = n.in().size() > 1 ? n.in().get(1).name() : null;
    return tables.computeIfAbsent(
        new RopeTable.Key(op.rotaryDim(), op.theta(), op.scale(), factors),
        k ->
            new RopeTable(
                op, factors == null ? null : row(factors), options.limits().rows(), arena));
  }

  private Exec sample(Node n) {
    HostSampler sampler = new HostSampler();
    int cols = n.in().getFirst().cols();
    long logits = in(n, 0);
    boolean split = n.in().size() > 1;
    int count = split ? n.in().get(1).cols() / 2 : 0;
    long pairs = split ? in(n, 1) : 0;
    long ids = out(n, 0);
    return step -> {
      boolean whole = !split || step.wholeLogits();
      for (int l = 0; l < step.logitRows(); l++) {
        int id =
            whole
                ? sampler.pick(Lanes.ALL, logits + 4L * l * cols, cols, step, l)
                : sampler.pickPair(Lanes.ALL, pairs + 8L * l * count, count, step, l);
        Lanes.ALL.set(Lanes.I32, ids + 4L * l, id);
      }
    };
  }

  private static Exec candidates(Candidates op, int cols, long logits, long pairs) {
    HostCandidates host = new HostCandidates(op);
    return step -> {
      for (int l = 0; l < step.logitRows(); l++) {
        long row = 8L * l * op.count();
        host.choose(Lanes.ALL, logits + 4L * l * cols, cols, Lanes.ALL, pairs + row);
      }
    };
  }

  private Exec allReduce(Node n) {
    Value x = n.in().getFirst();
    long from = in(n, 0);
    long to = out(n, 0);
    Communicator group = options.communicator();
    return step -> {
      long bytes = 4 * x.rows().at(step.rows(), step.logitRows()) * x.cols();
      if (from != to) {
        MemorySegment.copy(Lanes.ALL, from, Lanes.ALL, to, bytes);
      }
      if (group != null && bytes > 0) {
        group.allReduce(Lanes.ALL.asSlice(to, bytes), ReduceType.F32);
      }
    };
  }

  private Exec allGather(Node n, AllGather op) {
    int ranks = op.ranks();
    Value x = n.in().getFirst();
    long from = in(n, 0);
    long to = out(n, 0);
    Communicator group = options.communicator();
    MemorySegment all =
        group == null ? MemorySegment.NULL : arena.allocate(4L * ranks * maxRows(x) * x.cols(), 64);
    return step -> {
      long rows = op.isDue(step) ? x.rows().at(step.rows(), step.logitRows()) : 0;
      long width = 4L * x.cols();
      if (group != null && rows > 0) {
        MemorySegment out = Lanes.ALL.asSlice(to, rows * width * ranks);
        Columns.allGather(group, Lanes.ALL.asSlice(from, rows * width), out, all, rows);
      } else {
        for (long i = 0; i < rows * ranks; i++) {
          MemorySegment.copy(Lanes.ALL, from + i / ranks * width, Lanes.ALL, to + i * width, width);
        }
      }
    };
  }

  private int maxRows(Value v) {
    return Math.toIntExact(v.rows().at(options.limits().rows(), options.limits().logitRows()));
  }

  private long in(Node n, int i) {
    Value v = n.in().get(i);
    return v.isWeight() ? 0 : address(v);
  }

  private long out(Node n, int i) {
    return address(n.out().get(i));
  }

  private PackedWeight weight(Value v) {
    PackedWeight w = packed.get(v.name());
    if (w == null) {
      throw new IllegalStateException("weight " + v.name() + " was not packed");
    }
    return w;
  }

  /** A norm weight or bias, decoded to f32. */
  private long vector(Value v) {
    if (!v.isWeight()) {
      return address(v);
    }
    return vectors.computeIfAbsent(
        v.name(),
        name -> {
          float[] x = row(name);
          MemorySegment m = arena.allocate(4L * x.length, 64);
          MemorySegment.copy(MemorySegment.ofArray(x), 0, m, 0, 4L * x.length);
          return m.address();
        });
  }

  private float[] row(String name) {
    Tensor t = weights.weight(name);
    float[] x = new float[Math.toIntExact(t.cols())];
    Codecs.decodeRow(t, 0, x);
    return x;
  }
}
