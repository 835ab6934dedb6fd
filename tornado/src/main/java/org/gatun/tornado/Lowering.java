package org.gatun.tornado;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.ToLongFunction;
import org.gatun.attention.AttentionPlan;
import org.gatun.backend.BackendException;
import org.gatun.backend.CompileOptions;
import org.gatun.graph.Dim;
import org.gatun.graph.Node;
import org.gatun.graph.Step;
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
import org.gatun.tensor.codec.Codecs;
import org.gatun.tornado.kernels.Attend;
import org.gatun.tornado.kernels.Choice;
import org.gatun.tornado.kernels.Elementwise;
import org.gatun.tornado.kernels.Norms;
import org.gatun.tornado.kernels.Pool;
import org.gatun.tornado.kernels.Products;
import org.gatun.tornado.kernels.Rotary;
import org.gatun.tornado.kernels.Slots;

/** Turns nodes into launches: which kernel, with which parameters. */
final class Lowering {
  /** Where activations lie in the float pool. */
  @FunctionalInterface
  interface Places {
    int at(Value v);
  }

  private final PoolBuilder pool;
  private final WeightPlaces weights;
  private final KvPlaces kv;
  private final Splits splits;
  private final Places places;
  private final CompileOptions options;
  private final int lanes;
  private final int workers;

  Lowering(
      PoolBuilder pool,
      WeightPlaces weights,
      KvPlaces kv,
      Splits splits,
      Places places,
      CompileOptions options,
      Executor executor) {
    this.pool = pool;
    this.weights = weights;
    this.kv = kv;
    this.splits = splits;
    this.places = places;
    this.options = options;
    this.lanes = executor.lanes();
    this.workers = executor.workers();
  }

  /** Refuses a node, by name and shapes. */
  static BackendException refuse(Node n, String what) {
    return new BackendException("tornado lacks " + what + ": " + n + "; use --backend jvm");
  }

  /**
   * The node's launches.
   *
   * @throws BackendException if there is no kernel for it
   */
  List<Launch> lower(Node n) {
    return switch (n.op()) {
      case Add op -> List.of(elementwise(n, Elementwise.ADD));
      case GatedAct op -> List.of(elementwise(n, activation(op.activation())));
      case GatherColumns op -> throw refuse(n, "columns in another order");
      case GatherRows op -> List.of(elementwise(n, Elementwise.GATHER));
      case RmsNorm op -> List.of(norm(n, Norms.PLAIN, op.eps()));
      case AddRmsNorm op ->
          List.of(norm(n, op.normFirst() ? Norms.ADD_NORMED : Norms.ADD, op.eps()));
      case Rope op -> List.of(rope(op, n));
      case Embed op -> List.of(embed(op, n));
      case MatMul op -> matMul(op, n);
      case GatedMatMul op -> List.of(gatedMatMul(op, n));
      case KvAppend op -> List.of(append(op, n));
      case Attention op -> attention(op, n);
      case Sample op when n.in().size() == 1 -> List.of(choice(n));
      case Sample op -> throw refuse(n, "draws from candidates of ranks");
      case Candidates op -> throw refuse(n, "candidates of ranks");
      case AllReduce op when alone() -> List.of(elementwise(n, Elementwise.COPY));
      case AllGather op when op.ranks() == 1 -> List.of(elementwise(n, Elementwise.COPY));
      case AllReduce op -> throw refuse(n, "sums over ranks");
      case AllGather op -> throw refuse(n, "gathers over ranks");
    };
  }

  private boolean alone() {
    return options.communicator() == null || options.communicator().worldSize() == 1;
  }

  private int in(Node n, int i) {
    return places.at(n.in().get(i));
  }

  private int out(Node n, int i) {
    return places.at(n.out().get(i));
  }

  private static int activation(Activation a) {
    return switch (a) {
      case SILU -> Elementwise.SILU;
      case GELU_TANH -> Elementwise.GELU_TANH;
    };
  }

  /** Header field that holds the row count of a value. */
  private static int counter(Value v) {
    if (v.rows().equals(Dim.TOKENS)) {
      return Step.ROWS;
    }
    if (v.rows().equals(Dim.LOGIT_ROWS)) {
      return Step.LOGIT_ROWS;
    }
    throw new BackendException("tornado lacks activations of a fixed number of rows: " + v);
  }

  private static ToLongFunction<Step> rows(Value v, long each) {
    return counter(v) == Step.ROWS ? s -> s.rows() * each : s -> s.logitRows() * each;
  }

  private static int[] params() {
    return new int[Pool.STRIDE];
  }

  private Launch elementwise(Node n, int mode) {
    Value y = n.out().getFirst();
    int[] p = params();
    p[Elementwise.COUNTER] = counter(y);
    p[Elementwise.COLS] = y.cols();
    p[Elementwise.A] = in(n, 0);
    p[Elementwise.B] = n.in().size() > 1 ? in(n, 1) : 0;
    p[Elementwise.Y] = out(n, 0);
    p[Elementwise.MODE] = mode;
    return new Launch(Kernel.ELEMENTWISE, p, rows(y, y.cols()));
  }

  private Launch norm(Node n, int mode, float eps) {
    boolean plain = mode == Norms.PLAIN;
    Value x = n.in().getFirst();
    Value w = n.in().get(plain ? 1 : 2);
    int[] p = params();
    p[Norms.COUNTER] = counter(x);
    p[Norms.DIM] = w.cols();
    p[Norms.RUNS] = x.cols() / w.cols();
    p[Norms.X] = in(n, 0);
    p[Norms.W] = weights.vector(w);
    p[Norms.MODE] = mode;
    p[Norms.FLOATS] = pool.constants(eps);
    p[Norms.Y] = out(n, plain ? 0 : 1);
    if (!plain) {
      p[Norms.RESIDUAL] = in(n, 1);
      p[Norms.SUM] = out(n, 0);
    }
    if (mode == Norms.ADD_NORMED) {
      p[Norms.W_X] = weights.vector(n.in().get(3));
    }
    return new Launch(Kernel.NORM, p, rows(x, p[Norms.RUNS]));
  }

  private Launch rope(Rope op, Node n) {
    int half = op.rotaryDim() / 2;
    float[] factors = new float[half];
    String name = "turns " + op.theta() + " " + op.scale() + " " + op.rotaryDim();
    if (n.in().size() > 1) {
      Codecs.decodeRow(weights.source(n.in().get(1)), 0, factors);
      name += " " + n.in().get(1).name();
    } else {
      Arrays.fill(factors, 1);
    }
    int[] p = params();
    p[Rotary.COLS] = n.in().getFirst().cols();
    p[Rotary.HEAD_DIM] = op.headDim();
    p[Rotary.ROTARY_DIM] = op.rotaryDim();
    p[Rotary.INTERLEAVED] = op.interleaved() ? 1 : 0;
    p[Rotary.X] = in(n, 0);
    p[Rotary.Y] = out(n, 0);
    p[Rotary.TURNS] = pool.named(name, () -> turns(op, factors));
    int perRow = p[Rotary.COLS] / op.headDim() * (half + op.headDim() - op.rotaryDim());
    return new Launch(Kernel.ROTARY, p, s -> (long) s.rows() * perRow);
  }

  private int turns(Rope op, float[] factors) {
    return pool.ints(
        2L * factors.length,
        (w, at) -> {
          for (int i = 0; i < factors.length; i++) {
            double turn = op.frequency(i) / factors[i] / (2 * Math.PI);
            long t = Math.round((turn - Math.floor(turn)) * (1L << 40)) & (1L << 40) - 1;
            w[at + 2 * i] = (int) (t >> 20);
            w[at + 2 * i + 1] = (int) (t & (1 << 20) - 1);
          }
        });
  }

  private Launch embed(Embed op, Node n) {
    Value table = n.in().getFirst();
    WeightPlaces.Matrix m = weights.matrix(table, n);
    int[] p = params();
    p[Products.E_FORMAT] = m.format();
    p[Products.E_W] = m.at();
    p[Products.E_ROW_WORDS] = m.rowWords();
    p[Products.E_COLS] = table.cols();
    p[Products.E_Y] = out(n, 0);
    p[Products.E_FIRST] = op.first();
    p[Products.E_ROWS] = Math.toIntExact(table.rows().at(0, 0));
    p[Products.E_FLOATS] = pool.constants(op.scale());
    int segments = Math.ceilDiv(table.cols(), 32);
    return new Launch(Kernel.EMBED, p, s -> (long) s.rows() * segments);
  }

  private List<Launch> matMul(MatMul op, Node n) {
    List<Launch> launches = new ArrayList<>();
    for (int first = 0; first < op.parts(); first += Products.MOST_PARTS) {
      int end = Math.min(op.parts(), first + Products.MOST_PARTS);
      int[] p = params();
      for (int i = first; i < end; i++) {
        int bias = op.bias() ? weights.vector(n.in().get(1 + op.parts() + i)) : -1;
        part(p, i - first, n, 1 + i, out(n, i), bias);
      }
      launches.add(product(p, n, end - first, 0));
    }
    return launches;
  }

  private Launch gatedMatMul(GatedMatMul op, Node n) {
    int[] p = params();
    part(p, 0, n, 1, out(n, 0), -1);
    part(p, 1, n, 2, out(n, 0), -1);
    return product(p, n, 1, activation(op.activation()));
  }

  private void part(int[] p, int i, Node n, int operand, int y, int bias) {
    Value w = n.in().get(operand);
    WeightPlaces.Matrix m = weights.matrix(w, n);
    int at = Products.FIRST_PART + i * Products.PART;
    p[at + Products.FORMAT] = m.format();
    p[at + Products.W] = m.at();
    p[at + Products.ROW_WORDS] = m.rowWords();
    p[at + Products.OUTS] = Math.toIntExact(w.rows().at(0, 0));
    p[at + Products.Y] = y;
    p[at + Products.BIAS] = bias;
  }

  private Launch product(int[] p, Node n, int parts, int activation) {
    Value x = n.in().getFirst();
    int outs = 0;
    for (int i = 0; i < parts; i++) {
      outs += p[Products.FIRST_PART + i * Products.PART + Products.OUTS];
    }
    int most = Pool.LOCAL / (Products.TOKENS * lanes * (activation == 0 ? 1 : 2));
    int rows = lanes > 1 ? 1 : Math.clamp(outs / (8L * workers), 1, Math.min(64, most));
    int groups = 0;
    for (int i = 0; i < parts; i++) {
      groups += Math.ceilDiv(p[Products.FIRST_PART + i * Products.PART + Products.OUTS], rows);
    }
    p[Products.COUNTER] = counter(x);
    p[Products.X] = in(n, 0);
    p[Products.COLS] = x.cols();
    p[Products.PARTS] = parts;
    p[Products.ROWS] = rows;
    p[Products.ACTIVATION] = activation;
    int perTile = groups;
    boolean tokens = counter(x) == Step.ROWS;
    return new Launch(
        Kernel.PRODUCT,
        p,
        s -> (long) perTile * Math.ceilDiv(tokens ? s.rows() : s.logitRows(), Products.TOKENS));
  }

  private Launch append(KvAppend op, Node n) {
    KvPlaces.Layer l = kv.layer(op.layer());
    int[] p = params();
    p[Slots.KEYS_IN] = in(n, 0);
    p[Slots.VALUES_IN] = in(n, 1);
    p[Slots.K] = l.keys();
    p[Slots.V] = l.values();
    p[Slots.WIDTH] = l.width();
    p[Slots.DIM] = l.dim();
    p[Slots.HALVES] = l.halves() ? 1 : 0;
    return new Launch(Kernel.APPEND, p, s -> (long) s.rows() * l.items());
  }

  private List<Launch> attention(Attention op, Node n) {
    if (!(op.plan() instanceof AttentionPlan.Dense)) {
      throw refuse(n, "attention plan " + op.plan());
    }
    if (op.headDim() > Attend.MOST_DIM) {
      throw refuse(n, "head dims over " + Attend.MOST_DIM);
    }
    KvPlaces.Layer l = kv.layer(op.layer());
    int[] p = params();
    p[Attend.Q] = in(n, 0);
    p[Attend.Y] = out(n, 0);
    p[Attend.LSE] = op.lse() ? out(n, 1) : -1;
    p[Attend.HEADS] = op.heads();
    p[Attend.KV_HEADS] = op.kvHeads();
    p[Attend.DIM] = op.headDim();
    p[Attend.WINDOW] = op.window();
    p[Attend.K] = l.keys();
    p[Attend.V] = l.values();
    p[Attend.HALVES] = l.halves() ? 1 : 0;
    p[Attend.PARTS] = splits.scratch();
    p[Attend.FLOATS] = pool.constants(op.scale(), op.softCap());
    boolean window = op.window() > 0;
    return List.of(
        new Launch(Kernel.ATTEND, p, s -> (long) s.rows() * op.heads() * splits.of(s, window)),
        new Launch(
            Kernel.MERGE,
            p.clone(),
            s -> splits.of(s, window) > 1 ? (long) s.rows() * op.heads() : 1));
  }

  private Launch choice(Node n) {
    int[] p = params();
    p[Choice.X] = in(n, 0);
    p[Choice.Y] = out(n, 0);
    p[Choice.COLS] = n.in().getFirst().cols();
    return new Launch(Kernel.CHOICE, p, Step::logitRows);
  }
}
