package org.gatun.graph;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import org.gatun.backend.CompileOptions;
import org.gatun.backend.reference.ReferenceBackend;
import org.gatun.backend.reference.ReferenceProgram;
import org.gatun.graph.op.Activation;
import org.gatun.graph.op.Add;
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
import org.gatun.graph.pass.EarlyGather;
import org.gatun.graph.pass.Fusion;
import org.gatun.graph.spec.RandomTensors;
import org.gatun.tensor.DType;
import org.junit.jupiter.api.Test;

class PassTest {
  private static final int D = 32;
  private static final StepLimits LIMITS = new StepLimits(16, 2, 4, 128);
  private final RandomTensors weights = new RandomTensors(7);

  @Test
  void fusionKeepsTheResultAndRemovesNodes() {
    Graph plain = transformer();
    Graph fused = Fusion.apply(plain);
    assertThat(ops(fused)).contains("gated_matmul", "add_rms_norm").doesNotContain("gated_act");
    assertThat(fused.nodes()).hasSizeLessThan(plain.nodes().size());
    assertThat(fused.nodes().stream().filter(n -> n.op().equals(new MatMul(3, false)))).hasSize(2);
    assertThat(fused.nodes().stream().filter(n -> n.op() instanceof AddRmsNorm a && a.normFirst()))
        .isNotEmpty();
    assertThat(fused.nodes().stream().filter(n -> n.op() instanceof GatedMatMul)).hasSize(2);
    assertThat(run(fused)).isEqualTo(run(plain));
  }

  @Test
  void theLastLayerIsComputedForWantedRowsOnly() {
    Graph plain = transformer();
    Graph early = EarlyGather.apply(plain);
    assertThat(early.nodes().stream().filter(n -> n.label().equals("blk.1.down")))
        .allMatch(n -> n.out().getFirst().rows().equals(Dim.LOGIT_ROWS));
    assertThat(early.nodes().stream().filter(n -> n.label().equals("blk.0.down")))
        .allMatch(n -> n.out().getFirst().rows().equals(Dim.TOKENS));
    assertThat(early.nodes().stream().filter(n -> n.op() instanceof GatherRows)).hasSize(2);
    assertThat(run(early)).isEqualTo(run(plain));
    assertThat(run(Fusion.apply(early))).isEqualTo(run(plain));
    assertThat(EarlyGather.apply(early)).isSameAs(early);
  }

  @Test
  void valuesAliveAtOnceNeverShareBytes() {
    Graph g = Fusion.apply(transformer());
    MemoryPlan plan = MemoryPlan.of(g, LIMITS, 64);
    assertThat(plan.bytes()).isLessThan(plan.unshared(LIMITS) / 2);
    List<Node> nodes = g.nodes();
    for (int i = 0; i < nodes.size(); i++) {
      for (Value out : nodes.get(i).out()) {
        for (Map.Entry<Value, Long> other : plan.offsets().entrySet()) {
          Value v = other.getKey();
          boolean usedLater = false;
          boolean madeBefore = g.inputs().contains(v);
          for (int j = 0; j < nodes.size(); j++) {
            usedLater |= j > i && nodes.get(j).in().contains(v);
            madeBefore |= j < i && nodes.get(j).out().contains(v);
          }
          usedLater |= g.outputs().containsValue(v);
          if (!v.equals(out) && madeBefore && usedLater) {
            long a = plan.offset(out);
            long b = other.getValue();
            assertThat(a + bytes(out) <= b || b + bytes(v) <= a).as(out + " over " + v).isTrue();
          }
        }
      }
    }
  }

  private static long bytes(Value v) {
    return 4 * v.rows().at(LIMITS.rows(), LIMITS.logitRows()) * v.cols();
  }

  private static List<String> ops(Graph g) {
    return g.nodes().stream().map(n -> n.op().name()).toList();
  }

  private double[] run(Graph g) {
    try (ReferenceProgram p =
            new ReferenceBackend().compile(g, weights, CompileOptions.of(LIMITS));
        Step step = p.newStep()) {
      step.clear();
      step.add(p.kv().sequence(), new int[] {1, 5, 3}, Sampling.GREEDY);
      p.run(step);
      return p.exact("logits");
    }
  }

  /** Two layers with Gemma's post-norms. */
  private Graph transformer() {
    GraphBuilder b = new GraphBuilder("test");
    Value h = b.one("embed", new Embed(2, 0), w(b, "embed", 10, D));
    for (int l = 0; l < 2; l++) {
      String n = "blk." + l + ".";
      b.kvLayer(l, 1, 16);
      Value x = b.one(n + "norm", new RmsNorm(1e-6f), h, w(b, n + "norm", 1, D));
      Value q = b.one(n + "q", MatMul.PLAIN, x, w(b, n + "q", D, D));
      Value k = b.one(n + "k", MatMul.PLAIN, x, w(b, n + "k", 16, D));
      Value v = b.one(n + "v", MatMul.PLAIN, x, w(b, n + "v", 16, D));
      Rope rope = new Rope(16, 16, 10000, 1, false);
      q = b.one(n + "q_rope", rope, q);
      k = b.one(n + "k_rope", rope, k);
      b.add(n + "kv", new KvAppend(l), k, v);
      Value a = b.one(n + "attn", new Attention(l, 2, 1, 16, 0.25f, 0, 0), q);
      Value o = b.one(n + "o", MatMul.PLAIN, a, w(b, n + "o", D, D));
      Value on = b.one(n + "post", new RmsNorm(1e-6f), o, w(b, n + "post", 1, D));
      h = b.one(n + "res", new Add(), h, on);
      Value y = b.one(n + "ffn_norm", new RmsNorm(1e-6f), h, w(b, n + "ffn_norm", 1, D));
      Value g = b.one(n + "gate", MatMul.PLAIN, y, w(b, n + "gate", 48, D));
      Value u = b.one(n + "up", MatMul.PLAIN, y, w(b, n + "up", 48, D));
      Value m = b.one(n + "act", new GatedAct(Activation.GELU_TANH), g, u);
      Value d = b.one(n + "down", MatMul.PLAIN, m, w(b, n + "down", D, 48));
      h = b.one(n + "res2", new Add(), h, d);
    }
    Value last = b.one("rows", new GatherRows(), h);
    Value n = b.one("norm", new RmsNorm(1e-6f), last, w(b, "norm", 1, D));
    b.output("logits", b.one("head", MatMul.PLAIN, n, b.weight("embed", DType.F32, 10, D)));
    return b.build();
  }

  private Value w(GraphBuilder b, String name, int rows, int cols) {
    if (!weights.has(name)) {
      weights.add(name, DType.F32, rows, cols);
    }
    return b.weight(name, DType.F32, rows, cols);
  }
}
