package org.gatun.cuda;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.gatun.backend.CompileOptions;
import org.gatun.graph.Graph;
import org.gatun.graph.Node;
import org.gatun.graph.Value;
import org.gatun.graph.op.Activation;
import org.gatun.graph.op.GatedMatMul;
import org.gatun.graph.op.MatMul;
import org.gatun.tensor.DType;
import org.jspecify.annotations.Nullable;

/**
 * Matrix products. Quantised weights meet activations rounded to 8 bits; a value is rounded once,
 * however many weights read it.
 */
final class MatrixProducts {
  private static final int THREADS = 128;
  private static final int ROW_THREADS = 256;
  private static final int MATVEC_WARPS = THREADS / 32;
  private static final int GROUPS_PER_ROUND = 4;
  private static final int TILE = 64;

  /** Up to this many rows W is streamed once past all of them; more go to the tensor cores. */
  private static final int FEW = 8;

  private static final int[] BATCHES = {1, 2, 4, 8};

  private final Lowering lowering;
  private final long[] rounded = new long[3];
  private final long gateScratch;
  private @Nullable Value inRounded;
  private final @Nullable CublasLt library;
  private final long narrowed;
  private final long shrink;
  private final Set<Node> byLibrary = new HashSet<>();

  MatrixProducts(Lowering lowering, DevicePool pool, Graph graph, @Nullable CublasLt library) {
    this.lowering = lowering;
    this.library = library;
    long groups = 0;
    long split = 0;
    long halves = 0;
    long halfRows = 0;
    for (Node n : graph.nodes()) {
      if (n.op() instanceof MatMul || n.op() instanceof GatedMatMul) {
        Value x = n.in().getFirst();
        long rows = rows(x);
        for (Value w : n.in().subList(1, n.in().size())) {
          if (w.isWeight() && w.dtype().isQuantized()) {
            groups = Math.max(groups, rows * Math.ceilDiv(x.cols(), 64) * 2L); // an even number
          }
          if (library != null && w.isWeight() && CublasLt.takes(w.dtype())) {
            halves = Math.max(halves, rows * x.cols());
            halfRows = Math.max(halfRows, rows);
          }
        }
        if (n.op() instanceof GatedMatMul
            && (rows > FEW || n.in().get(1).dtype() != n.in().get(2).dtype())) {
          split = Math.max(split, rows * n.out().getFirst().cols());
        }
      }
    }
    if (groups > 0) {
      rounded[0] = pool.allocate(groups * 16, "8-bit activations");
      rounded[1] = pool.allocate(groups * 16, "8-bit activations");
      rounded[2] = pool.allocate(groups * 8, "8-bit activations");
    }
    narrowed = halves > 0 ? pool.allocate(2 * halves, "16-bit activations") : 0;
    shrink = halves > 0 ? pool.allocate(4 * halfRows, "16-bit activations") : 0;
    gateScratch = split > 0 ? pool.allocate(split * 4, "a gate of another format") : 0;
  }

  /** Whether any product of the graph could be a library's. */
  static boolean wantsLibrary(Graph graph, CompileOptions options) {
    return options.limits().rows() > FEW
        && graph.nodes().stream()
            .filter(n -> n.op() instanceof MatMul || n.op() instanceof GatedMatMul)
            .flatMap(n -> n.in().stream())
            .anyMatch(v -> v.isWeight() && CublasLt.takes(v.dtype()));
  }

  private long rows(Value x) {
    var limits = lowering.options().limits();
    return x.rows().at(limits.rows(), limits.logitRows());
  }

  /** Each weight on its own: formats of Q, K and V may differ. */
  Work.Body matMul(Node n, MatMul m) {
    Value x = n.in().getFirst();
    List<Work.Body> all = new ArrayList<>();
    for (int i = 0; i < m.parts(); i++) {
      long bias = m.bias() ? lowering.weights().vector(n.in().get(1 + m.parts() + i)) : 0;
      all.addAll(product(n, x, n.in().get(1 + i), bias, lowering.at(n.out().get(i))));
    }
    return inOrder(all);
  }

  /** Gate and up in one pass for few rows and a shared format; else two products and the gate. */
  Work.Body gated(Node n, Activation activation) {
    Value x = n.in().getFirst();
    DeviceWeights.Matrix gate = lowering.weights().matrix(n.in().get(1));
    DeviceWeights.Matrix up = lowering.weights().matrix(n.in().get(2));
    Value y = n.out().getFirst();
    String suffix = Lowering.suffix(activation);
    List<Work.Body> rounding = new ArrayList<>();
    round(n, x, gate.format(), rounding);
    List<Work.Body> many = new ArrayList<>(product(n, x, n.in().get(1), 0, gateScratch));
    many.addAll(product(n, x, n.in().get(2), 0, lowering.at(y)));
    MemorySegment p =
        lowering
            .args()
            .i(lowering.field(x.rows()))
            .p(gateScratch)
            .p(lowering.at(y))
            .p(lowering.at(y))
            .i(y.cols())
            .pointers();
    MemorySegment f = lowering.kernels().function("rows", "gated_act_" + suffix);
    many.add(s -> lowering.launchFours(f, y.cols(), s.rows(x.rows()), p, n));
    Work.Body inParts = inOrder(many);
    if (gate.format() != up.format()) {
      rounding.add(inParts);
      return inOrder(rounding);
    }
    int share = share(gate);
    Args a = up.into(gate.into(lowering.args().i(lowering.field(x.rows()))));
    a.struct(rounded).p(lowering.at(x)).p(lowering.at(y)).i(share);
    Work.Body fused = byBatch(n, x, gate, "gated_" + suffix + "_", a.pointers(), share);
    Work.Body first = inOrder(rounding);
    return s -> {
      first.launch(s);
      if (s.rows(x.rows()) > FEW) {
        inParts.launch(s);
      } else {
        fused.launch(s);
      }
    };
  }

  private List<Work.Body> product(Node n, Value x, Value weight, long bias, long y) {
    DeviceWeights.Matrix w = lowering.weights().matrix(weight);
    List<Work.Body> all = new ArrayList<>();
    round(n, x, w.format(), all);
    int share = share(w);
    Args a = w.into(lowering.args().i(lowering.field(x.rows())));
    a.struct(rounded).p(lowering.at(x)).p(bias).p(y).i(share);
    MemorySegment p = a.pointers();
    Work.Body few = byBatch(n, x, w, "matvec_", p, share);
    if (w.format() == DType.F32) {
      all.add(few);
      return all;
    }
    MemorySegment matmul = lowering.kernels().function(w.format(), "matmul");
    int across = Math.ceilDiv(w.rows(), TILE);
    Work.Body tiles =
        s ->
            lowering.launch(
                matmul, across, Math.ceilDiv(s.rows(x.rows()), TILE), 1, THREADS, 0, p, n);
    Work.Body many =
        library != null && CublasLt.takes(w.format())
            ? byLibrary(library, n, x, w, bias, y, tiles)
            : tiles;
    all.add(
        s -> {
          if (s.rows(x.rows()) > FEW) {
            many.launch(s);
          } else {
            few.launch(s);
          }
        });
    return all;
  }

  /** Rows in 16 bits, the library's product, then what f16's range and the bias need. */
  private Work.Body byLibrary(
      CublasLt lt,
      Node n,
      Value x,
      DeviceWeights.Matrix w,
      long bias,
      long y,
      Work.Body otherwise) {
    boolean f16 = w.format() == DType.F16;
    int field = lowering.field(x.rows());
    MemorySegment narrow =
        lowering.kernels().function("rows", f16 ? "narrow_rows_f16" : "narrow_rows_bf16");
    MemorySegment narrowArgs =
        lowering.args().i(field).p(lowering.at(x)).p(narrowed).p(shrink).i(x.cols()).pointers();
    MemorySegment widen = lowering.kernels().function("rows", "widen_rows");
    MemorySegment widenArgs =
        lowering.args().i(field).p(y).p(f16 ? shrink : 0).p(bias).i(w.rows()).pointers();
    byLibrary.add(n);
    return s -> {
      int rows = s.rows(x.rows());
      lowering.launch(narrow, rows, 1, 1, ROW_THREADS, 0, narrowArgs, n);
      if (!lt.multiply(w.format(), narrowed, w.planes()[0], y, rows, x.cols(), w.rows())) {
        otherwise.launch(s);
      } else if (f16 || bias != 0) {
        lowering.launch(widen, rows, 1, 1, ROW_THREADS, 0, widenArgs, n);
      }
    };
  }

  /** Nodes whose products of many rows are a library's. */
  boolean isByLibrary(Node n, int rows) {
    return rows > FEW && byLibrary.contains(n);
  }

  /** The kernel for 1, 2, 4 or 8 rows at a time, by the step's shape. */
  private Work.Body byBatch(
      Node n, Value x, DeviceWeights.Matrix w, String kernel, MemorySegment p, int share) {
    MemorySegment[] f = new MemorySegment[BATCHES.length];
    for (int i = 0; i < f.length; i++) {
      f[i] = lowering.kernels().function(w.format(), kernel + BATCHES[i]);
    }
    long threads =
        w.format().isQuantized()
            ? Math.ceilDiv(w.rows(), WeightLayout.ROWS) * 32L * share
            : (long) w.rows() * share;
    int blocks = Math.toIntExact(Math.ceilDiv(threads, THREADS));
    return s -> {
      int rows = s.rows(x.rows());
      int b = rows <= 1 ? 0 : rows <= 2 ? 1 : rows <= 4 ? 2 : 3;
      lowering.launch(f[b], blocks, Math.ceilDiv(rows, BATCHES[b]), 1, THREADS, 0, p, n);
    };
  }

  private void round(Node n, Value x, DType format, List<Work.Body> all) {
    if (!format.isQuantized() || x.equals(inRounded)) {
      return;
    }
    inRounded = x;
    MemorySegment p =
        lowering
            .args()
            .i(lowering.field(x.rows()))
            .p(lowering.at(x))
            .struct(rounded)
            .i(x.cols())
            .pointers();
    MemorySegment f = lowering.kernels().function("rows", "round_rows");
    int blocks = Math.ceilDiv(x.cols() / 4, THREADS);
    all.add(s -> lowering.launch(f, blocks, s.rows(x.rows()), 1, THREADS, 0, p, n));
  }

  /**
   * Quantised: warps that share eight outputs, as many as give each multiprocessor eight warps and
   * each warp two rounds. Plain: lanes that share an output, the most that leave less than a tenth
   * of them idle.
   */
  private int share(DeviceWeights.Matrix w) {
    if (w.format().isQuantized()) {
      long warps = Math.ceilDiv(w.rows(), WeightLayout.ROWS);
      int rounds = Math.ceilDiv(w.cols() / 32, GROUPS_PER_ROUND);
      int split = 1;
      while (split < MATVEC_WARPS
          && warps * split < 8L * lowering.device().multiprocessors()
          && rounds >= 4 * split) {
        split *= 2;
      }
      return split;
    }
    int pieces = Math.ceilDiv(w.cols(), 4);
    for (int lanes = 32; lanes > 4; lanes >>= 1) {
      if (Math.ceilDiv(pieces, lanes) * lanes * 10 <= pieces * 11) {
        return lanes;
      }
    }
    return 4;
  }

  private static Work.Body inOrder(List<Work.Body> all) {
    Work.Body[] bodies = all.toArray(Work.Body[]::new);
    return s -> {
      for (Work.Body b : bodies) {
        b.launch(s);
      }
    };
  }
}
