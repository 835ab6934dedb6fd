package org.gatun.graph.shard;

import java.util.ArrayList;
import java.util.List;
import org.gatun.graph.Graph;
import org.gatun.graph.GraphBuilder;
import org.gatun.graph.Value;
import org.gatun.graph.op.Activation;
import org.gatun.graph.op.Add;
import org.gatun.graph.op.Attention;
import org.gatun.graph.op.Embed;
import org.gatun.graph.op.GatedAct;
import org.gatun.graph.op.GatherRows;
import org.gatun.graph.op.KvAppend;
import org.gatun.graph.op.MatMul;
import org.gatun.graph.op.RmsNorm;
import org.gatun.graph.op.Rope;
import org.gatun.graph.op.Sample;
import org.gatun.graph.spec.RandomTensors;
import org.gatun.tensor.DType;

/** A small random transformer with the features that matter to sharding. */
record TinyModel(
    int heads,
    int kvHeads,
    int headDim,
    int hidden,
    int vocabulary,
    boolean qkvBias,
    boolean downBias,
    boolean headNorms,
    boolean postNorms,
    boolean tied,
    DType type) {

  static final TinyModel LLAMA =
      new TinyModel(8, 2, 8, 96, 80, false, false, false, false, false, DType.F32);
  static final TinyModel QWEN2 =
      new TinyModel(4, 4, 8, 64, 80, true, true, false, false, true, DType.F16);
  static final TinyModel GEMMA =
      new TinyModel(4, 1, 16, 40, 80, false, false, true, true, true, DType.BF16);

  static final int WIDTH = 48;
  static final int LAYERS = 2;

  record Built(Graph graph, RandomTensors weights) {}

  Built build() {
    GraphBuilder g = new GraphBuilder("tiny");
    RandomTensors w = new RandomTensors(7);
    Value table = weight(g, w, "token_embd.weight", type, vocabulary, WIDTH);
    Value x = g.one("embed", new Embed(1.5f, 0), table);
    for (int l = 0; l < LAYERS; l++) {
      x = layer(g, w, x, l);
    }
    x = norm(g, w, x, "output_norm", WIDTH);
    x = g.one("rows", new GatherRows(), x);
    Value head = tied ? table : weight(g, w, "output.weight", type, vocabulary, WIDTH);
    Value logits = g.one("head", MatMul.PLAIN, x, head);
    g.output("logits", logits);
    g.output("ids", g.one("sample", new Sample(), logits));
    return new Built(g.build(), w);
  }

  private Value layer(GraphBuilder g, RandomTensors w, Value x, int l) {
    g.kvLayer(l, kvHeads, headDim);
    String b = "blk." + l + ".";
    Value n = norm(g, w, x, b + "attn_norm", WIDTH);
    Value q = product(g, w, n, b + "attn_q", heads * headDim, qkvBias);
    Value k = product(g, w, n, b + "attn_k", kvHeads * headDim, qkvBias);
    Value v = product(g, w, n, b + "attn_v", kvHeads * headDim, qkvBias);
    if (headNorms) {
      q = norm(g, w, q, b + "attn_q_norm", headDim);
      k = norm(g, w, k, b + "attn_k_norm", headDim);
    }
    Rope rope = new Rope(headDim, headDim, 10_000, 1, !headNorms);
    q = g.one(b + "q.rope", rope, q);
    k = g.one(b + "k.rope", rope, k);
    List<Value> unused = g.add(b + "kv", new KvAppend(l), k, v);
    float scale = (float) (1 / Math.sqrt(headDim));
    Attention attention = new Attention(l, heads, kvHeads, headDim, scale, l == 0 ? 3 : 0, 0);
    Value a = g.one(b + "attn", attention, q);
    Value o = product(g, w, a, b + "attn_output", WIDTH, false);
    if (postNorms) {
      o = norm(g, w, o, b + "post_attn_norm", WIDTH);
    }
    x = g.one(b + "attn.add", new Add(), x, o);
    n = norm(g, w, x, b + "ffn_norm", WIDTH);
    Value gate = product(g, w, n, b + "ffn_gate", hidden, false);
    Value up = product(g, w, n, b + "ffn_up", hidden, false);
    Value act = g.one(b + "ffn.act", new GatedAct(Activation.SILU), gate, up);
    Value down = product(g, w, act, b + "ffn_down", WIDTH, downBias);
    if (postNorms) {
      down = norm(g, w, down, b + "post_ffn_norm", WIDTH);
    }
    return g.one(b + "ffn.add", new Add(), x, down);
  }

  private Value product(
      GraphBuilder g, RandomTensors w, Value x, String name, int rows, boolean bias) {
    List<Value> in =
        new ArrayList<>(List.of(x, weight(g, w, name + ".weight", type, rows, x.cols())));
    if (bias) {
      in.add(weight(g, w, name + ".bias", DType.F32, 1, rows));
    }
    return g.one(name, new MatMul(1, bias), in.toArray(Value[]::new));
  }

  private static Value norm(GraphBuilder g, RandomTensors w, Value x, String name, int dim) {
    return g.one(name, new RmsNorm(1e-6f), x, weight(g, w, name + ".weight", DType.F32, 1, dim));
  }

  private static Value weight(
      GraphBuilder g, RandomTensors w, String name, DType type, long rows, int cols) {
    Value v = g.weight(name, type, rows, cols);
    if (!w.has(name)) {
      w.add(name, type, rows, cols);
    }
    return v;
  }
}
