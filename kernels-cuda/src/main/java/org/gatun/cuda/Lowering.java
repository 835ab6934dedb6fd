package org.gatun.cuda;

import static org.gatun.bindings.cuda.cuda_h.*;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.gatun.backend.CompileOptions;
import org.gatun.graph.Dim;
import org.gatun.graph.Graph;
import org.gatun.graph.MemoryPlan;
import org.gatun.graph.Node;
import org.gatun.graph.Step;
import org.gatun.graph.StepLimits;
import org.gatun.graph.Value;
import org.gatun.graph.op.Activation;
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
import org.jspecify.annotations.Nullable;

/**
 * Turns each node into launches: kernels chosen, parameters built, only grid sizes left to the
 * step's shape.
 */
final class Lowering {
  private static final int TOKENS_FIELD = 0;
  private static final int LOGITS_FIELD = 2;
  private static final int ELEMENT_THREADS = 256;
  private static final int SAMPLE_THREADS = 512;

  private final CudaDevice device;
  private final Kernels kernels;
  private final Arena arena;
  private final DeviceWeights weights;
  private final DeviceKv kv;
  private final MemoryPlan plan;
  private final CompileOptions options;
  private final long activations;
  private final long step;
  private final int[] stepLayout;
  private final MatrixProducts products;
  private final AttentionWork attention;
  private final Collectives collectives;

  Lowering(
      CudaDevice device,
      Kernels kernels,
      Arena arena,
      DevicePool pool,
      Collectives collectives,
      @Nullable CublasLt library,
      DeviceWeights weights,
      DeviceKv kv,
      MemoryPlan plan,
      CompileOptions options,
      Graph graph,
      long activations,
      long step) {
    this.device = device;
    this.kernels = kernels;
    this.arena = arena;
    this.weights = weights;
    this.kv = kv;
    this.plan = plan;
    this.options = options;
    this.activations = activations;
    this.step = step;
    StepLimits limits = options.limits();
    try (Step s = new Step(limits)) {
      stepLayout =
          new int[] {
            limits.rows(),
            limits.logitRows(),
            limits.sequences(),
            s.pageOffset(),
            s.maskOffset(),
            s.positionOffset()
          };
    }
    products = new MatrixProducts(this, pool, graph, library);
    attention = new AttentionWork(this, pool, graph);
    this.collectives = collectives;
  }

  /** The launches of all nodes, in order. */
  List<Work> lower(Graph graph) {
    List<Work> all = new ArrayList<>();
    RopeAppends ropes = RopeAppends.in(graph);
    List<Node> nodes = graph.nodes();
    for (int i = 0; i < nodes.size(); i++) {
      Node n = nodes.get(i);
      boolean collective = n.op() instanceof AllReduce || n.op() instanceof AllGather;
      if (n.op() instanceof AllReduce
          && i + 1 < nodes.size()
          && isReadOnce(graph, n.out().getFirst())
          && collectives.fuses(n, nodes.get(i + 1), this)) {
        Node norm = nodes.get(++i);
        all.add(new Work(norm, false, collectives.reduceAndNorm(n, norm, this, body(norm))));
      } else {
        Node append = ropes.appendOf(n);
        Work.Body body =
            append != null
                ? attention.ropeAndAppend(n, append)
                : ropes.isDone(n) ? s -> {} : body(n);
        all.add(new Work(n, collective && collectives.throughHost(), body));
      }
    }
    return all;
  }

  private static boolean isReadOnce(Graph graph, Value v) {
    return !graph.outputs().containsValue(v)
        && graph.nodes().stream().flatMap(n -> n.in().stream()).filter(v::equals).count() == 1;
  }

  private Work.Body body(Node n) {
    return switch (n.op()) {
      case Embed e -> embed(n, e);
      case MatMul m -> products.matMul(n, m);
      case GatedMatMul g -> products.gated(n, g.activation());
      case RmsNorm r -> rmsNorm(n, r);
      case AddRmsNorm r -> addRmsNorm(n, r);
      case Rope r -> rope(n, r);
      case Add a -> elementwise(n, "add");
      case GatedAct g -> elementwise(n, "gated_act_" + suffix(g.activation()));
      case GatherRows g -> gather(n);
      case GatherColumns g -> gatherColumns(n);
      case KvAppend k -> attention.append(n, k);
      case Attention a -> attention.attend(n, a);
      case Sample s -> sample(n);
      case AllReduce a -> collectives.allReduce(n, this);
      case AllGather a -> allGather(n, a);
      case Candidates c -> candidates(n, c);
    };
  }

  private Work.Body embed(Node n, Embed e) {
    DeviceWeights.Matrix table = weights.matrix(n.in().getFirst());
    Args a = table.into(args()).p(at(n.out().getFirst())).f(e.scale()).i(e.first());
    MemorySegment f = kernels.function(table.format(), "embed");
    MemorySegment p = a.pointers();
    return s -> launch(f, s.rows(), 1, 1, 64, 0, p, n);
  }

  private Work.Body rmsNorm(Node n, RmsNorm r) {
    Value x = n.in().get(0);
    int dim = n.in().get(1).cols();
    MemorySegment p =
        args()
            .i(field(x.rows()))
            .p(at(x))
            .p(weights.vector(n.in().get(1)))
            .p(at(n.out().getFirst()))
            .i(dim)
            .f(r.eps())
            .pointers();
    MemorySegment f = kernels.function("rows", "rms_norm");
    int groups = x.cols() / dim;
    return s -> launch(f, s.rows(x.rows()), groups, 1, threadsFor(dim), 0, p, n);
  }

  private Work.Body addRmsNorm(Node n, AddRmsNorm r) {
    Value x = n.in().get(0);
    MemorySegment p =
        args()
            .i(field(x.rows()))
            .p(at(x))
            .p(at(n.in().get(1)))
            .p(weights.vector(n.in().get(2)))
            .p(r.normFirst() ? weights.vector(n.in().get(3)) : 0)
            .p(at(n.out().get(0)))
            .p(at(n.out().get(1)))
            .i(x.cols())
            .f(r.eps())
            .pointers();
    MemorySegment f = kernels.function("rows", "add_rms_norm");
    return s -> launch(f, s.rows(x.rows()), 1, 1, threadsFor(x.cols()), 0, p, n);
  }

  private Work.Body rope(Node n, Rope r) {
    Value x = n.in().get(0);
    int heads = x.cols() / r.headDim();
    long turns = weights.turns(r, n.in().size() > 1 ? n.in().get(1) : null);
    MemorySegment p =
        args()
            .i(field(x.rows()))
            .p(at(x))
            .p(turns)
            .p(at(n.out().getFirst()))
            .i(heads, r.headDim(), r.rotaryDim(), r.interleaved() ? 1 : 0)
            .pointers();
    MemorySegment f = kernels.function("rows", "rope");
    return s -> launch(f, s.rows(x.rows()), 1, 1, threadsFor(x.cols() / 2), 0, p, n);
  }

  private Work.Body elementwise(Node n, String kernel) {
    Value x = n.in().get(0);
    MemorySegment p =
        args()
            .i(field(x.rows()))
            .p(at(x))
            .p(at(n.in().get(1)))
            .p(at(n.out().getFirst()))
            .i(x.cols())
            .pointers();
    MemorySegment f = kernels.function("rows", kernel);
    return s -> launchFours(f, x.cols(), s.rows(x.rows()), p, n);
  }

  private Work.Body gather(Node n) {
    Value x = n.in().getFirst();
    MemorySegment p = args().p(at(x)).p(at(n.out().getFirst())).i(x.cols()).pointers();
    MemorySegment f = kernels.function("rows", "gather_rows");
    return s -> launchFours(f, x.cols(), s.logitRows(), p, n);
  }

  private Work.Body gatherColumns(Node n) {
    Value x = n.in().getFirst();
    int cols = n.out().getFirst().cols();
    MemorySegment p =
        args()
            .i(field(x.rows()))
            .p(at(x))
            .p(weights.vector(n.in().get(1)))
            .p(at(n.out().getFirst()))
            .i(x.cols(), cols)
            .pointers();
    MemorySegment f = kernels.function("rows", "gather_columns");
    int blocks = Math.ceilDiv(cols, ELEMENT_THREADS);
    return s -> launch(f, blocks, s.rows(x.rows()), 1, ELEMENT_THREADS, 0, p, n);
  }

  private Work.Body sample(Node n) {
    Work.Body whole = draw(n, "sample", 0);
    if (n.in().size() == 1) {
      return whole;
    }
    Work.Body pairs = draw(n, "sample_pairs", 1);
    return s -> (s.wholeLogits() ? whole : pairs).launch(s);
  }

  private Work.Body draw(Node n, String kernel, int operand) {
    Value from = n.in().get(operand);
    int count = from.cols() / (operand + 1);
    MemorySegment p = args().p(at(from)).p(at(n.out().getFirst())).i(count).pointers();
    MemorySegment f = kernels.function("sample", kernel);
    return s -> launch(f, s.rows(from.rows()), 1, 1, SAMPLE_THREADS, 0, p, n);
  }

  private Work.Body candidates(Node n, Candidates op) {
    Value logits = n.in().getFirst();
    MemorySegment p =
        args()
            .p(at(logits))
            .p(at(n.out().getFirst()))
            .i(logits.cols(), op.count(), op.first())
            .pointers();
    MemorySegment f = kernels.function("sample", "candidates");
    return s -> launch(f, s.rows(logits.rows()), 1, 1, SAMPLE_THREADS, 0, p, n);
  }

  private Work.Body allGather(Node n, AllGather op) {
    Work.Body gather = collectives.allGather(n, op, this);
    return s -> {
      if (!op.onDemand() || s.wholeLogits()) {
        gather.launch(s);
      }
    };
  }

  /** Copies a value's rows; nothing to do where the plan gave both one place. */
  Work.Body copy(Node n, Value from, Value to) {
    if (at(from) == at(to)) {
      return s -> {};
    }
    MemorySegment p = args().i(field(from.rows())).p(at(from)).p(at(to)).i(from.cols()).pointers();
    MemorySegment f = kernels.function("rows", "copy_rows");
    return s -> launchFours(f, from.cols(), s.rows(from.rows()), p, n);
  }

  /** Parameters that begin with the descriptor. */
  Args args() {
    return new Args(arena).struct(new long[] {step}, stepLayout);
  }

  /** Who computes a node in a step of this shape: empty for the own kernels. */
  String by(Node n, Shape s) {
    return !n.in().isEmpty() && products.isByLibrary(n, s.rows(n.in().getFirst().rows()))
        ? "cuBLASLt"
        : "";
  }

  /** Device address of an activation. */
  long at(Value v) {
    return activations + plan.offset(v);
  }

  /** Most bytes an activation takes. */
  long limit(Value v) {
    StepLimits limits = options.limits();
    return 4L * v.rows().at(limits.rows(), limits.logitRows()) * v.cols();
  }

  /** How a kernel learns a row count: {@code Step.count} in {@code common.cuh}. */
  int field(Dim rows) {
    return switch (rows) {
      case Dim.Fixed f -> Math.toIntExact(-f.size());
      case Dim.Symbol s -> s.equals(Dim.TOKENS) ? TOKENS_FIELD : LOGITS_FIELD;
    };
  }

  /** Queues one kernel; a grid without blocks is nothing to do. */
  void launch(
      MemorySegment f, int x, int y, int z, int threads, int shared, MemorySegment args, Node n) {
    if (x == 0 || y == 0 || z == 0) {
      return;
    }
    int code =
        cuLaunchKernel(
            f, x, y, z, threads, 1, 1, shared, device.stream(), args, MemorySegment.NULL);
    if (code != 0) {
      throw Cuda.failure(code, "launch " + n.op().name() + " of " + n.label());
    }
  }

  /** Queues an elementwise kernel: four columns per thread, a row per y. */
  void launchFours(MemorySegment f, int cols, int rows, MemorySegment args, Node n) {
    int fours = Math.ceilDiv(cols, 4);
    int threads = Math.min(ELEMENT_THREADS, Math.ceilDiv(fours, 32) * 32);
    launch(f, Math.ceilDiv(fours, threads), rows, 1, threads, 0, args, n);
  }

  static String suffix(Activation a) {
    return switch (a) {
      case SILU -> "silu";
      case GELU_TANH -> "gelu";
    };
  }

  private static int threadsFor(int elements) {
    return Math.clamp(Math.ceilDiv(Math.ceilDiv(elements, 4), 32) * 32, 32, 256);
  }

  CudaDevice device() {
    return device;
  }

  Kernels kernels() {
    return kernels;
  }

  DeviceWeights weights() {
    return weights;
  }

  DeviceKv kv() {
    return kv;
  }

  CompileOptions options() {
    return options;
  }
}
