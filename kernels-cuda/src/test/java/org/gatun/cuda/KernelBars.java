package org.gatun.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.gatun.attention.AttentionPlan;
import org.gatun.attention.KvCodec;
import org.gatun.backend.Backend;
import org.gatun.backend.BackendOptions;
import org.gatun.backend.Backends;
import org.gatun.backend.suite.OpSuite;
import org.gatun.graph.Sampling;
import org.gatun.graph.Value;
import org.gatun.graph.op.Activation;
import org.gatun.graph.op.AddRmsNorm;
import org.gatun.graph.op.Attention;
import org.gatun.graph.op.Embed;
import org.gatun.graph.op.GatedAct;
import org.gatun.graph.op.GatedMatMul;
import org.gatun.graph.op.GatherRows;
import org.gatun.graph.op.KvAppend;
import org.gatun.graph.op.MatMul;
import org.gatun.graph.op.RmsNorm;
import org.gatun.graph.op.Rope;
import org.gatun.graph.op.Sample;
import org.gatun.graph.spec.CaseBuilder;
import org.gatun.graph.spec.Narrowing;
import org.gatun.graph.spec.OpCase;
import org.gatun.graph.spec.Tolerance;
import org.gatun.tensor.DType;

/**
 * One launch per kernel at a shape of whole tiles, and how many bytes it should move: what its
 * blocks touch, each for itself, by the kernel's tiling; and what the op must move at least.
 */
final class KernelBars {
  /** A block's reads of the step's descriptor: 32-byte sectors. */
  static final double SECTOR = 32;

  private final List<Bar> all = new ArrayList<>();

  /**
   * What is expected of a launch.
   *
   * @param kernel its name
   * @param shape the op's
   * @param work launches it last, and throws where its result is wrong
   * @param formula bytes that a block touches, in words
   * @param blocks bytes that all blocks touch, each block for itself
   * @param compulsory bytes of operands and results
   * @param macs multiply-adds of matrix instructions that the op needs; 0 where it uses none
   * @param misses bars that it cannot meet, and why
   */
  record Bar(
      String kernel,
      String shape,
      Work work,
      String formula,
      double blocks,
      double compulsory,
      double macs,
      Map<String, String> misses) {
    /**
     * Whether it waits for other ranks by reading their flags. How often depends on how long they
     * take, and with it the share of bytes that it uses: no bar for that.
     */
    boolean polls() {
      return kernel.startsWith("all_reduce") || kernel.startsWith("all_gather");
    }
  }

  /** What is counted. */
  interface Work {
    void run() throws Exception;
  }

  /** The case must pass. */
  static Work passing(OpCase test) {
    return () -> {
      try (Backend backend = Backends.named("cuda").open(BackendOptions.DEFAULT)) {
        OpSuite.Result r = OpSuite.run(backend, test);
        assertThat(r.status()).as(r.detail()).isEqualTo(OpSuite.Status.PASS);
      }
    };
  }

  static List<Bar> all() {
    KernelBars b = new KernelBars();
    b.products();
    b.rows();
    b.attention();
    PlanBars.addTo(b);
    b.all.addAll(CollectiveBars.all());
    return b.all;
  }

  /** Adds a case of the op suite, whose last launch of this kernel is counted. */
  void add(
      String kernel,
      String shape,
      OpCase test,
      String formula,
      double blocks,
      double compulsory,
      double macs,
      Map<String, String> misses) {
    all.add(new Bar(kernel, shape, passing(test), formula, blocks, compulsory, macs, misses));
  }

  private static CaseBuilder start(String kernel, String shape) {
    return new CaseBuilder("bars/" + kernel + "/" + shape, 7).limits(256, 2, 256, 1024);
  }

  private void products() {
    int in = 2048;
    int out = 1024;
    double x8 = in / 32.0 * 40;
    for (DType f :
        List.of(DType.Q4_0, DType.Q5_0, DType.Q8_0, DType.Q3_K, DType.Q4_K, DType.Q6_K)) {
      double w = f.bytes(in);
      String shape = f + " 1 × " + in + " × " + out;
      CaseBuilder c = start("matvec_1", shape).narrowing(Narrowing.weight(f, 1));
      c.op(MatMul.PLAIN, c.input("x", in), c.weight("w", f, out, in));
      add(
          "matvec_1",
          shape,
          c.runRows(1).build(),
          "32 rows of W, x in 8 bits (40 B per 32), 32 results, 1 sector",
          out / 32.0 * (32 * w + x8 + 32 * 4 + SECTOR),
          out * w + x8 + 4 * out,
          0,
          Map.of());
    }
    CaseBuilder g = start("gated_silu_1", "Q4_K").narrowing(Narrowing.weight(DType.Q4_K, 2));
    double w = DType.Q4_K.bytes(in);
    g.tolerance(Tolerance.SUM.times(4));
    g.op(
        new GatedMatMul(Activation.SILU),
        g.input("x", in),
        g.weight("gate", DType.Q4_K, out, in),
        g.weight("up", DType.Q4_K, out, in));
    add(
        "gated_silu_1",
        "Q4_K 1 × " + in + " × " + out,
        g.runRows(1).build(),
        "32 rows of both weights, x in 8 bits, 32 results, 1 sector",
        out / 32.0 * (64 * w + x8 + 32 * 4 + SECTOR),
        2 * out * w + x8 + 4 * out,
        0,
        Map.of());
    for (DType f : List.of(DType.Q5_0, DType.Q8_0, DType.Q4_K, DType.Q6_K)) {
      matmul(f, 128, 1024, 192);
    }
    matmul(DType.F16, 128, 512, 128);
    int rows = 128;
    CaseBuilder c =
        start("round_rows", rows + " × 1024").narrowing(Narrowing.weight(DType.Q8_0, 1));
    c.op(MatMul.PLAIN, c.input("x", 1024), c.weight("w", DType.Q8_0, 64, 1024));
    add(
        "round_rows",
        rows + " × 1024",
        c.runRows(rows).build(),
        "512 values, their 16 groups of 40 B, 1 sector",
        rows * 2 * (2048 + 16 * 40 + SECTOR),
        rows * (4096 + 32 * 40.0),
        0,
        Map.of());
  }

  private void matmul(DType f, int rows, int in, int out) {
    String shape = f + " " + rows + " × " + in + " × " + out;
    CaseBuilder c = start("matmul", shape).narrowing(Narrowing.weight(f, 1));
    c.op(MatMul.PLAIN, c.input("x", in), c.weight("w", f, out, in));
    double x = f.isQuantized() ? in / 32.0 * 40 : 4.0 * in;
    double w = f.bytes(in);
    add(
        "matmul",
        shape,
        c.runRows(rows).build(),
        "64 rows of W, 64 rows of x (8 bits, or f32 beside F16), 64 × 64 results, 1 sector",
        rows / 64.0 * (out / 64.0) * (64 * w + 64 * x + 64 * 64 * 4 + SECTOR),
        out * w + rows * x + 4.0 * rows * out,
        (double) rows * in * out,
        Map.of());
  }

  private void rows() {
    int rows = 64;
    int cols = 640;
    CaseBuilder n = start("rms_norm", "rows");
    n.op(new RmsNorm(1e-6f), n.input("x", cols), n.weight("w", DType.F32, 1, cols));
    add(
        "rms_norm",
        rows + " × " + cols,
        n.runRows(rows).build(),
        "x, w, y of one row, 1 sector",
        rows * (12.0 * cols + SECTOR),
        8.0 * rows * cols + 4 * cols,
        0,
        Map.of());
    CaseBuilder a = start("add_rms_norm", "rows");
    Value x = a.input("x", cols);
    Value r = a.input("r", cols);
    a.op(
        new AddRmsNorm(1e-6f, true),
        x,
        r,
        a.weight("w", DType.F32, 1, cols),
        a.weight("wx", DType.F32, 1, cols));
    add(
        "add_rms_norm",
        rows + " × " + cols,
        a.runRows(rows).build(),
        "x, residual, both weights, sum, y of one row, 1 sector",
        rows * (24.0 * cols + SECTOR),
        16.0 * rows * cols + 8 * cols,
        0,
        Map.of());
    CaseBuilder p = start("rope", "rows").tolerance(new Tolerance(1e-4, 2e-2));
    p.op(new Rope(256, 256, 10000, 1, false), p.input("x", 1024));
    add(
        "rope",
        rows + " × 4 heads of 256",
        p.runRows(rows).build(),
        "x, y of one row, 128 frequencies in f64, 2 sectors",
        rows * (8.0 * 1024 + 8 * 128 + 2 * SECTOR),
        8.0 * rows * 1024 + 8 * 128,
        0,
        Map.of());
    CaseBuilder g = start("gated_act_silu", "rows").tolerance(Tolerance.SUM);
    g.op(new GatedAct(Activation.SILU), g.input("g", 2048), g.input("u", 2048));
    add(
        "gated_act_silu",
        rows + " × 2048",
        g.runRows(rows).build(),
        "1,024 elements of g, u, y, 1 sector",
        rows * 2 * (3 * 4096 + SECTOR),
        12.0 * rows * 2048,
        0,
        Map.of());
    CaseBuilder t = start("gather_rows", "rows").tolerance(Tolerance.EXACT);
    t.op(new GatherRows(), t.input("x", cols));
    add(
        "gather_rows",
        rows + " × " + cols,
        t.runRows(rows).build(),
        "one row of x and y, 2 sectors",
        rows * (8.0 * cols + 2 * SECTOR),
        8.0 * rows * cols,
        0,
        Map.of());
    CaseBuilder e = start("embed", "rows").tolerance(Tolerance.ELEMENTWISE);
    e.op(new Embed(1, 0), e.weight("table", DType.Q8_0, 64, 1024));
    add(
        "embed",
        "Q8_0, " + rows + " rows of 1024",
        e.runRows(rows).build(),
        "a row of y; of the table 32 groups of 2 sectors and 16 of scales; 2 sectors",
        rows * (4096 + 32 * 2 * SECTOR + 16 * SECTOR + 2 * SECTOR),
        rows * (4096 + DType.Q8_0.bytes(1024)),
        0,
        Map.of(
            "efficiency",
            "the table is also the output head's, which reads eight rows side by side; one row of it lies in pieces of"
                + " 16 and 2 bytes"));
    int vocabulary = 8192;
    CaseBuilder s = start("sample", "greedy").tolerance(Tolerance.EXACT);
    s.op(new Sample(), s.logitInput("logits", vocabulary));
    OpCase.Rows one =
        new OpCase.Rows(
            "a", new int[1], null, org.gatun.graph.Mask.CAUSAL, new int[] {0}, Sampling.GREEDY);
    add(
        "sample",
        "greedy, " + vocabulary + " logits",
        s.run(one).build(),
        "the logits, 3 sectors",
        4.0 * vocabulary + 3 * SECTOR,
        4.0 * vocabulary + 4,
        0,
        Map.of());
  }

  private void attention() {
    int dim = 128;
    int heads = 4;
    int rows = 256;
    double kv = 2.0 * 2 * dim; // K and V of a token, f16
    CaseBuilder f = attention("flash_128", heads, 1, dim);
    double tiles = 0;
    for (int tile = 0; tile < rows / 64; tile++) {
      tiles += heads * (64 * 2 * 4.0 * dim + 64 * SECTOR + (tile + 1) * 64 * kv + 12 * SECTOR);
    }
    add(
        "flash_128",
        heads + "/1 heads, " + rows + " rows, F16 KV",
        f.run(OpCase.Rows.next("a", new int[rows])).build(),
        "64 rows of q, o, log sums (a sector each); K and V of the pages up to theirs; 12 sectors",
        tiles,
        rows * (2.0 * heads * dim * 4 + 4.0 * heads + kv),
        2.0 * heads * dim * rows * (rows + 1) / 2,
        Map.of());
    int before = 512;
    CaseBuilder a = attention("attend_4", heads, 1, dim);
    int splits = 8; // of the virtual GPU's 4 multiprocessors
    OpCase decode =
        a.run(OpCase.Rows.next("a", new int[rows]))
            .run(OpCase.Rows.next("a", new int[rows]))
            .run(OpCase.Rows.next("a", 0))
            .build();
    double partial = 4.0 * heads * dim + 8.0 * heads;
    add(
        "attend_4",
        heads + "/1 heads, 1 row of " + (before + 1) + ", F16 KV",
        decode,
        "q of the group, K and V of its share of the tokens, partial results of the group, 9 sectors",
        splits * (4.0 * heads * dim + partial + 9 * SECTOR) + (before + 1) * kv,
        (before + 1) * kv + 8.0 * heads * dim + 4 * heads,
        0,
        Map.of());
    add(
        "combine",
        heads + " heads, " + splits + " splits",
        decode,
        "a head's partial results and sums, its output and log sum (a sector), 4 sectors",
        heads * (splits * (4.0 * dim + 8) + 4.0 * dim + SECTOR + 4 * SECTOR),
        splits * partial + 4.0 * heads * dim + 4 * heads,
        0,
        Map.of());
    CaseBuilder rope = start("kv_append_rope", heads + "/2").kv(KvCodec.F16);
    rope.tolerance(new Tolerance(2e-3, 2e-3)).narrowing(Narrowing.ATTENTION);
    rope.kvLayer(0, 2, dim);
    Value turned = rope.inner(new Rope(dim, dim, 10000, 1, false), rope.input("k", 2 * dim));
    rope.op(new KvAppend(0), turned, rope.input("v", 2 * dim));
    rope.op(
        new Attention(
            0, heads, 2, dim, 1 / (float) Math.sqrt(dim), 0, 0, AttentionPlan.DENSE, true),
        rope.input("q", heads * dim));
    add(
        "kv_append_rope",
        "64 rows, 2 heads, F16",
        rope.run(OpCase.Rows.next("a", new int[64])).build(),
        "a head of k and v in f32 and in f16, 64 frequencies in f64, 6 sectors",
        64 * 2 * (8.0 * dim + 4.0 * dim + 8.0 * dim / 2 + 6 * SECTOR),
        64 * 2 * (8.0 * dim + 4.0 * dim) + 8.0 * dim / 2,
        0,
        Map.of());
    CaseBuilder k = attention("kv_append", heads, 2, dim);
    add(
        "kv_append",
        "64 rows, 2 heads, F16",
        k.run(OpCase.Rows.next("a", new int[64])).build(),
        "a head of k and v in f32 and in f16, 5 sectors",
        64 * 2 * (8.0 * dim + 4.0 * dim + 5 * SECTOR),
        64 * 2 * (8.0 * dim + 4.0 * dim),
        0,
        Map.of());
  }

  private static CaseBuilder attention(String kernel, int heads, int kvHeads, int dim) {
    CaseBuilder c =
        start(kernel, heads + "/" + kvHeads)
            .kv(KvCodec.F16)
            .tolerance(new Tolerance(2e-3, 2e-3))
            .narrowing(Narrowing.ATTENTION);
    c.kvLayer(0, kvHeads, dim);
    c.op(new KvAppend(0), c.input("k", kvHeads * dim), c.input("v", kvHeads * dim));
    c.op(
        new Attention(
            0, heads, kvHeads, dim, 1 / (float) Math.sqrt(dim), 0, 0, AttentionPlan.DENSE, true),
        c.input("q", heads * dim));
    return c;
  }
}
