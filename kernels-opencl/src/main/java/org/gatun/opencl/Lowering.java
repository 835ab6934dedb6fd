package org.gatun.opencl;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;
import org.gatun.backend.BackendException;
import org.gatun.graph.Dim;
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

/** Turns nodes into launches: which kernel, built with which options, over which operands. */
final class Lowering {
  /** Where operands lie. */
  interface Operands {
    ClBuffer activation(Value v);

    ClBuffer step();

    ClBuffer scratch(String what, long bytes);

    KvPool kvPool();
  }

  private final KernelLibrary kernels;
  private final @Nullable Path cacheDir;
  private final Tiles tiles;
  private final StepLimits limits;
  private final WeightStore weights;
  private final Operands at;

  Lowering(
      KernelLibrary kernels,
      @Nullable Path cacheDir,
      Tiles tiles,
      StepLimits limits,
      WeightStore weights,
      Operands at) {
    this.kernels = kernels;
    this.cacheDir = cacheDir;
    this.tiles = tiles;
    this.limits = limits;
    this.weights = weights;
    this.at = at;
  }

  /**
   * The node's launches.
   *
   * @throws BackendException if there is no kernel for it; the message names op and shapes
   */
  List<Launch> lower(Node n) {
    return switch (n.op()) {
      case Add op -> flat("add", n.out().getFirst(), k -> k.arg(in(n, 0)).arg(in(n, 1)));
      case GatedAct op -> gatedAct(op, n);
      case GatherRows op -> gather(n);
      case GatherColumns op -> {
        ClBuffer order = weights.vector(n.in().get(1).name());
        int cols = n.in().getFirst().cols();
        yield flat("gather_columns", n.out().getFirst(), k -> k.arg(in(n, 0)).arg(order).arg(cols));
      }
      case RmsNorm op -> rmsNorm(op, n);
      case AddRmsNorm op -> addRmsNorm(op, n);
      case Rope op -> rope(op, n);
      case Embed op -> embed(op, n);
      case MatMul op -> matMul(op, n);
      case GatedMatMul op -> gatedMatMul(op, n);
      case KvAppend op -> kvAppend(op, n);
      case Attention op -> new AttentionLowering(this, tiles, limits, at).lower(op, n);
      case Sample op -> sample(n);
      case Candidates op -> candidates(n, op);
      case AllReduce op -> flat("copy", n.out().getFirst(), k -> k.arg(in(n, 0)));
      case AllGather op when op.ranks() == 1 ->
          flat("copy", n.out().getFirst(), k -> k.arg(in(n, 0)));
      // The columns of other ranks come through the host: OpenClProgram.
      case AllGather op -> List.of();
    };
  }

  static BackendException refuse(Node n, String what) {
    return new BackendException("opencl lacks " + what + ": " + n + "; use --backend jvm");
  }

  private ClBuffer in(Node n, int i) {
    return at.activation(n.in().get(i));
  }

  private ClBuffer out(Node n, int i) {
    return at.activation(n.out().get(i));
  }

  /** A kernel of these sources. */
  ClKernel kernel(List<String> sources, String options, String name) {
    return kernels.kernel(cacheDir, sources, options, name);
  }

  /** Sets the step buffer and the limits as the first two arguments. */
  ClKernel stepArgs(ClKernel k) {
    return k.at(0)
        .arg(at.step())
        .arg(limits.rows(), limits.logitRows(), limits.sequences(), limits.pages());
  }

  /** Header field that holds the row count of a value. */
  private static int counter(Value v) {
    if (v.rows().equals(Dim.TOKENS)) {
      return Step.ROWS;
    }
    if (v.rows().equals(Dim.LOGIT_ROWS)) {
      return Step.LOGIT_ROWS;
    }
    throw new BackendException("opencl lacks activations of a fixed number of rows: " + v);
  }

  private static long rows(int counter, Step s) {
    return counter == Step.ROWS ? s.rows() : s.logitRows();
  }

  private interface Arguments {
    void set(ClKernel k);
  }

  /** An element-wise kernel: counter, operands, result, columns. */
  private List<Launch> flat(String name, Value result, Arguments operands) {
    int cols = result.cols();
    int counter = counter(result);
    return List.of(
        new Launch(
            () -> {
              ClKernel k = kernel(List.of("elementwise.cl"), "", name).local(64, 1, 1);
              k.at(0).arg(at.step()).arg(counter);
              operands.set(k);
              return k.arg(at.activation(result)).arg(cols);
            },
            (s, g) -> g[0] = Math.ceilDiv(rows(counter, s) * cols, 64)));
  }

  private List<Launch> gatedAct(GatedAct op, Node n) {
    return List.of(gate(op.activation(), n.out().getFirst(), in(n, 0), in(n, 1)));
  }

  /** y = activate(gate) · up, element by element; y may be one of them. */
  private Launch gate(Activation activation, Value y, ClBuffer gate, ClBuffer up) {
    return flat("gated_act", y, k -> k.arg(gate).arg(up).arg(kind(activation))).getFirst();
  }

  private static int kind(Activation a) {
    return switch (a) {
      case SILU -> 1;
      case GELU_TANH -> 2;
    };
  }

  private List<Launch> gather(Node n) {
    int cols = n.in().getFirst().cols();
    return List.of(
        new Launch(
            () ->
                stepArgs(kernel(List.of("elementwise.cl"), "", "gather_rows").local(64, 1, 1))
                    .arg(in(n, 0))
                    .arg(out(n, 0))
                    .arg(cols),
            (s, g) -> {
              g[0] = Math.ceilDiv(cols, 64);
              g[1] = s.logitRows();
            }));
  }

  private int normLocal() {
    return tiles.gpu() ? 64 : 1;
  }

  private ClKernel norm(String name) {
    String options = "-DLOCAL=" + normLocal() + " -DWIDTH=" + (tiles.gpu() ? 4 : 16);
    return kernel(List.of("norm.cl"), options, name).local(normLocal(), 1, 1);
  }

  private List<Launch> rmsNorm(RmsNorm op, Node n) {
    int dim = n.in().get(1).cols();
    int heads = n.in().get(0).cols() / dim;
    int counter = counter(n.out().getFirst());
    ClBuffer w = weights.vector(n.in().get(1).name());
    return List.of(
        new Launch(
            () -> norm("rms_norm").arg(in(n, 0)).arg(w).arg(out(n, 0)).arg(dim).arg(op.eps()),
            (s, g) -> {
              g[0] = heads;
              g[1] = rows(counter, s);
            }));
  }

  private List<Launch> addRmsNorm(AddRmsNorm op, Node n) {
    int cols = n.in().get(0).cols();
    int counter = counter(n.out().getFirst());
    ClBuffer w = weights.vector(n.in().get(2).name());
    ClBuffer wx = op.normFirst() ? weights.vector(n.in().get(3).name()) : null;
    return List.of(
        new Launch(
            () ->
                norm("add_rms_norm")
                    .arg(in(n, 0))
                    .arg(in(n, 1))
                    .arg(w)
                    .arg(wx)
                    .arg(out(n, 0))
                    .arg(out(n, 1))
                    .arg(cols)
                    .arg(op.eps()),
            (s, g) -> g[1] = rows(counter, s)));
  }

  private List<Launch> rope(Rope op, Node n) {
    int half = op.rotaryDim() / 2;
    float[] turns = new float[Math.max(2, 2 * half)];
    float[] factors = new float[half];
    String name = "rope " + op.theta() + " " + op.scale() + " " + op.rotaryDim();
    if (n.in().size() > 1) {
      org.gatun.tensor.codec.Codecs.decodeRow(weights.source(n.in().get(1).name()), 0, factors);
      name += " " + n.in().get(1).name();
    } else {
      java.util.Arrays.fill(factors, 1);
    }
    for (int i = 0; i < half; i++) {
      double perPosition = op.frequency(i) / factors[i] / (2 * Math.PI);
      turns[2 * i] = (float) perPosition;
      turns[2 * i + 1] = (float) (perPosition - turns[2 * i]);
    }
    ClBuffer table = weights.table(name, turns);
    int cols = n.in().getFirst().cols();
    int items = half + op.headDim() - op.rotaryDim();
    return List.of(
        new Launch(
            () ->
                stepArgs(kernel(List.of("elementwise.cl"), "", "rope").local(16, 1, 1))
                    .arg(in(n, 0))
                    .arg(out(n, 0))
                    .arg(table)
                    .arg(cols)
                    .arg(op.headDim())
                    .arg(op.rotaryDim())
                    .arg(op.interleaved() ? 1 : 0),
            (s, g) -> {
              g[0] = Math.ceilDiv(items, 16);
              g[1] = s.rows();
            }));
  }

  private List<Launch> embed(Embed op, Node n) {
    Value table = n.in().getFirst();
    BlockLayout layout = BlockLayout.of(table.dtype());
    ClBuffer w = weights.matrix(table.name());
    int cols = table.cols();
    int vocabulary = Math.toIntExact(table.rows().at(0, 0));
    return List.of(
        new Launch(
            () ->
                stepArgs(kernel(codec(layout, "embed.cl"), "-DLANES=1", "embed"))
                    .arg(w)
                    .arg(out(n, 0))
                    .arg(vocabulary)
                    .arg(op.first())
                    .arg(cols)
                    .arg(op.scale()),
            (s, g) -> {
              g[0] = Math.ceilDiv(cols, layout.segment());
              g[1] = s.rows();
            }));
  }

  private static List<String> codec(BlockLayout layout, String... users) {
    List<String> files = new ArrayList<>(List.of("lanes.cl"));
    files.addAll(layout.sources());
    files.addAll(List.of(users));
    return files;
  }

  private List<Launch> matMul(MatMul op, Node n) {
    List<Launch> launches = new ArrayList<>();
    Set<Integer> ready = new HashSet<>();
    Value x = n.in().getFirst();
    for (int p = 0; p < op.parts(); p++) {
      Value w = n.in().get(1 + p);
      ClBuffer bias = op.bias() ? weights.vector(n.in().get(1 + op.parts() + p).name()) : null;
      project(launches, x, w, null, bias, out(n, p), "-DGATED=0", ready);
    }
    return launches;
  }

  private List<Launch> gatedMatMul(GatedMatMul op, Node n) {
    List<Launch> launches = new ArrayList<>();
    Set<Integer> ready = new HashSet<>();
    Value x = n.in().get(0);
    Value gate = n.in().get(1);
    Value up = n.in().get(2);
    Value y = n.out().getFirst();
    if (gate.dtype() == up.dtype()) {
      String kind = "-DGATED=" + kind(op.activation());
      project(launches, x, gate, up, null, at.activation(y), kind, ready);
    } else {
      ClBuffer ups = at.scratch("ungated", 4L * limits.rows() * y.cols());
      project(launches, x, gate, null, null, at.activation(y), "-DGATED=0", ready);
      project(launches, x, up, null, null, ups, "-DGATED=0", ready);
      launches.add(gate(op.activation(), y, at.activation(y), ups));
    }
    return launches;
  }

  /** One product; {@code ready} holds the forms of x that earlier products of the node left. */
  private void project(
      List<Launch> launches,
      Value x,
      Value w,
      @Nullable Value w2,
      @Nullable ClBuffer bias,
      ClBuffer y,
      String gated,
      Set<Integer> ready) {
    Product p =
        new Product(
            BlockLayout.of(w.dtype()),
            counter(x),
            at.activation(x),
            weights.matrix(w.name()),
            w2 == null ? null : weights.matrix(w2.name()),
            bias,
            y,
            Math.toIntExact(w.rows().at(0, 0)),
            x.cols(),
            gated);
    if (!tiles.gpu()) {
      cpuProduct(launches, p, ready.add(1));
    } else if (kernels.variants().int8(tiles) && w.dtype().isQuantized()) {
      gpuProduct(launches, p, quantised(launches, p, ready.add(p.layout.segment())));
    } else {
      gpuProduct(launches, p, null);
    }
  }

  /** Activations in 8 bits, and per segment their scale and scaled sum. */
  private record Quantised(ClBuffer words, ClBuffer scales) {}

  private Quantised quantised(List<Launch> launches, Product p, boolean first) {
    int segment = p.layout.segment();
    int segments = Math.ceilDiv(p.cols, segment);
    long most = (long) limits.rows() * segments;
    Quantised q =
        new Quantised(
            at.scratch("words of " + segment, most * segment),
            at.scratch("scales of " + segment, most * 8));
    if (first) {
      launches.add(
          new Launch(
              () ->
                  kernel(List.of("quantise.cl"), "-DSEG=" + segment, "quantise")
                      .arg(at.step())
                      .arg(p.counter)
                      .arg(p.x)
                      .arg(q.words)
                      .arg(q.scales)
                      .arg(p.cols)
                      .local(16, 1, 1),
              (s, g) -> {
                g[0] = Math.ceilDiv(segments, 16);
                g[1] = rows(p.counter, s);
              }));
    }
    return q;
  }

  private record Product(
      BlockLayout layout,
      int counter,
      ClBuffer x,
      ClBuffer w,
      @Nullable ClBuffer w2,
      @Nullable ClBuffer bias,
      ClBuffer y,
      int outs,
      int cols,
      String gated) {}

  private void gpuProduct(List<Launch> launches, Product p, @Nullable Quantised x) {
    int most = 8;
    for (int nt : new int[] {1, 2, 4, most}) {
      int lower = nt / 2;
      launches.add(
          new Launch(
              () -> gpuArgs(p, x, nt, "project").local(16, 8, 1),
              (s, g) -> {
                long rows = rows(p.counter, s);
                g[0] = rows > lower && rows <= nt ? BlockLayout.groups(p.outs) : 0;
              }));
    }
    launches.add(
        new Launch(
            () -> gpuArgs(p, x, most, "project_tiled").local(16, 16, 1),
            (s, g) -> {
              long rows = rows(p.counter, s);
              g[0] = rows > most ? Math.ceilDiv(p.outs, 64) : 0;
              g[1] = Math.ceilDiv(rows, 64);
            }));
  }

  private ClKernel gpuArgs(Product p, @Nullable Quantised x, int nt, String name) {
    String options = "-DLANES=1 " + p.gated + " -DNT=" + nt + (x == null ? "" : " -DX_INT8");
    ClKernel k =
        kernel(codec(p.layout, "gate.cl", "project_gpu.cl"), options, name)
            .arg(at.step())
            .arg(p.counter)
            .arg(p.w)
            .arg(p.w2);
    k = x == null ? k.arg(p.x) : k.arg(x.words).arg(x.scales);
    return k.arg(p.y).arg(p.bias).arg(p.outs).arg(p.cols);
  }

  private void cpuProduct(List<Launch> launches, Product p, boolean first) {
    int wide = tiles.wideTokens();
    int[] sizes = wide > 8 ? new int[] {1, 2, 4, 8, wide} : new int[] {1, 2, 4, wide};
    int padded = Math.ceilDiv(p.cols, 16) * 16;
    long most = Math.ceilDiv(limits.rows(), wide) * (long) wide + 8;
    ClBuffer packed = at.scratch("packed", 4L * padded * most);
    int groups = BlockLayout.groups(p.outs);
    for (int i = 0; i < sizes.length; i++) {
      int nt = sizes[i];
      int lower = i == 0 ? 0 : sizes[i - 1];
      boolean last = i == sizes.length - 1;
      boolean pack = nt > 1 || padded != p.cols;
      if (pack && first) {
        launches.add(
            new Launch(
                () ->
                    kernel(List.of("pack.cl"), "", "pack")
                        .arg(at.step())
                        .arg(p.counter)
                        .arg(p.x)
                        .arg(packed)
                        .arg(p.cols)
                        .arg(padded)
                        .arg(nt)
                        .local(1, 1, 1),
                (s, g) -> {
                  long rows = rows(p.counter, s);
                  g[0] = rows > lower && (last || rows <= nt) ? padded / 16 : 0;
                  g[1] = Math.ceilDiv(rows, nt);
                }));
      }
      // Few long runs for one token; short ones where tiles already make enough work-items.
      int run = nt == 1 ? Math.max(1, groups / (tiles.workers() * 4)) : 1;
      launches.add(
          new Launch(
              () ->
                  kernel(
                          codec(p.layout, "gate.cl", "project_cpu.cl"),
                          "-DLANES=16 " + p.gated + " -DNT=" + nt,
                          "project")
                      .arg(at.step())
                      .arg(p.counter)
                      .arg(p.w)
                      .arg(p.w2)
                      .arg(pack ? packed : p.x)
                      .arg(p.y)
                      .arg(p.bias)
                      .arg(p.outs)
                      .arg(p.layout.blocks(p.cols))
                      .arg(run),
              (s, g) -> {
                long rows = rows(p.counter, s);
                g[0] = rows > lower && (last || rows <= nt) ? Math.ceilDiv(groups, run) : 0;
                g[1] = Math.ceilDiv(rows, nt);
              }));
    }
  }

  private List<Launch> kvAppend(KvAppend op, Node n) {
    KvPool pool = at.kvPool();
    KvPool.Layer layer = pool.layer(op.layer());
    return List.of(
        new Launch(
            () ->
                stepArgs(
                        kernel(List.of("kv.cl"), pool.options(), "kv_append")
                            .local(pool.appendLocal(), 1, 1))
                    .arg(in(n, 0))
                    .arg(in(n, 1))
                    .arg(layer.keys())
                    .arg(layer.values())
                    .arg(layer.heads())
                    .arg(layer.dim()),
            (s, g) -> {
              g[0] = pool.appendGroups(layer);
              g[1] = s.rows();
            }));
  }

  private List<Launch> sample(Node n) {
    Launch whole = draw(n, 0, "", (s, g) -> g[0] = s.logitRows());
    if (n.in().size() == 1) {
      return List.of(whole);
    }
    return List.of(
        draw(n, 0, "", (s, g) -> g[0] = s.wholeLogits() ? s.logitRows() : 0),
        draw(n, 1, " -DPAIRS", (s, g) -> g[0] = s.wholeLogits() ? 0 : s.logitRows()));
  }

  private Launch draw(Node n, int operand, String option, Launch.Grid grid) {
    int local = tiles.gpu() ? 64 : 1;
    int count = n.in().get(operand).cols() / (operand + 1);
    Supplier<ClKernel> make =
        () ->
            stepArgs(
                    kernel(List.of("sample.cl"), "-DLOCAL=" + local + option, "sample")
                        .local(local, 1, 1))
                .arg(in(n, operand))
                .arg(out(n, 0))
                .arg(count);
    return new Launch(make, grid);
  }

  private List<Launch> candidates(Node n, Candidates op) {
    int local = tiles.gpu() ? 64 : 1;
    Supplier<ClKernel> make =
        () ->
            kernel(List.of("sample.cl", "candidates.cl"), "-DLOCAL=" + local, "candidates")
                .local(local, 1, 1)
                .at(0)
                .arg(in(n, 0))
                .arg(out(n, 0))
                .arg(n.in().getFirst().cols())
                .arg(op.count())
                .arg(op.first());
    return List.of(new Launch(make, (s, g) -> g[0] = s.logitRows()));
  }
}
