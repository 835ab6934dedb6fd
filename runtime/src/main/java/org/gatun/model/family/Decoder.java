package org.gatun.model.family;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.gatun.graph.GraphBuilder;
import org.gatun.graph.Value;
import org.gatun.graph.op.Activation;
import org.gatun.graph.op.Add;
import org.gatun.graph.op.Attention;
import org.gatun.graph.op.Embed;
import org.gatun.graph.op.GatedAct;
import org.gatun.graph.op.GatherColumns;
import org.gatun.graph.op.GatherRows;
import org.gatun.graph.op.KvAppend;
import org.gatun.graph.op.MatMul;
import org.gatun.graph.op.RmsNorm;
import org.gatun.graph.op.Rope;
import org.gatun.model.ModelConfig;
import org.gatun.tensor.Tensor;
import org.gatun.tensor.WeightSource;
import org.gatun.tensor.codec.Codecs;

/** The pieces that decoder-only transformers share, with GGUF's weight names. */
final class Decoder {
  private final ModelConfig c;
  private final WeightSource weights;
  private final GraphBuilder b;
  private final Map<List<Object>, List<Gathered>> gathered = new HashMap<>();

  @SuppressWarnings("ArrayRecordComponent") // compared by content where it is used
  private record Gathered(float[] order, Value value) {}

  Decoder(ModelConfig c, WeightSource weights) {
    this.c = c;
    this.weights = weights;
    b = new GraphBuilder(c.family());
  }

  GraphBuilder builder() {
    return b;
  }

  Value embed(float scale) {
    return b.one(
        "embed", new Embed(scale, 0), matrix("token_embd.weight", c.vocabulary(), c.embedding()));
  }

  Value norm(String label, Value x, String weight) {
    return b.one(label, new RmsNorm(c.normEps()), x, vector(weight, c.embedding()));
  }

  Value add(String label, Value a, Value x) {
    return b.one(label, new Add(), a, x);
  }

  /** Self-attention of layer {@code l} over normalised x, output projection included. */
  Value attention(int l, Value x) {
    String n = "blk." + l + ".";
    Value q = project(n + "attn_q", x, c.heads() * c.headDim());
    Value k = project(n + "attn_k", x, c.kvHeads() * c.headDim());
    Value v = project(n + "attn_v", x, c.kvHeads() * c.headDim());
    q = headNorm(n + "attn_q_norm", q);
    k = headNorm(n + "attn_k_norm", k);
    q = rope(n + "q_rope", l, q);
    k = rope(n + "k_rope", l, k);
    b.kvLayer(l, c.kvHeads(), c.headDim());
    b.add(n + "kv", new KvAppend(l), k, v);
    int window = c.isWindowed(l) ? c.window() : 0;
    Value a =
        b.one(
            n + "attn",
            new Attention(l, c.heads(), c.kvHeads(), c.headDim(), c.attentionScale(), window, 0),
            q);
    return project(n + "attn_output", a, c.embedding());
  }

  /** The gated MLP of layer {@code l} over normalised x. */
  Value mlp(int l, Value x, Activation activation) {
    String n = "blk." + l + ".";
    Value gate = project(n + "ffn_gate", x, c.feedForward());
    Value up = project(n + "ffn_up", x, c.feedForward());
    Value h = b.one(n + "ffn_act", new GatedAct(activation), gate, up);
    return project(n + "ffn_down", h, c.embedding());
  }

  /**
   * Last norm and logits of the wanted rows; the embedding table serves as the head where there is
   * none.
   */
  void head(Value x) {
    Value rows = b.one("rows", new GatherRows(), x);
    Value n = norm("output_norm", rows, "output_norm.weight");
    String head = weights.has("output.weight") ? "output.weight" : "token_embd.weight";
    b.output(
        "logits", b.one("logits", MatMul.PLAIN, n, matrix(head, c.vocabulary(), c.embedding())));
  }

  private Value project(String name, Value given, int out) {
    Value x = ordered(name + ".order", given);
    Value w = matrix(name + ".weight", out, x.cols());
    if (weights.has(name + ".bias")) {
      return b.one(name, new MatMul(1, true), x, w, vector(name + ".bias", out));
    }
    return b.one(name, MatMul.PLAIN, x, w);
  }

  /**
   * x in the order that a matrix wants its input, where it has one; one gather for equal orders.
   */
  private Value ordered(String name, Value x) {
    if (!weights.has(name)) {
      return x;
    }
    float[] order = new float[x.cols()];
    Codecs.decodeRow(weights.weight(name), 0, order);
    List<Object> key = List.of(x.id(), Arrays.hashCode(order));
    for (Gathered g : gathered.getOrDefault(key, List.of())) {
      if (Arrays.equals(g.order(), order)) {
        return g.value();
      }
    }
    Value y = b.one(name, new GatherColumns(), x, vector(name, x.cols()));
    gathered.computeIfAbsent(key, k -> new ArrayList<>()).add(new Gathered(order, y));
    return y;
  }

  private Value headNorm(String name, Value x) {
    if (!weights.has(name + ".weight")) {
      return x;
    }
    return b.one(name, new RmsNorm(c.normEps()), x, vector(name + ".weight", c.headDim()));
  }

  private Value rope(String label, int l, Value x) {
    ModelConfig.RopeConfig r = c.rope();
    boolean local = c.windowPattern() > 0 && c.isWindowed(l);
    Rope op =
        new Rope(
            c.headDim(),
            r.rotaryDim(),
            local ? c.localRopeTheta() : r.theta(),
            local ? 1 : r.scale(),
            r.interleaved());
    if (weights.has("rope_freqs.weight")) {
      return b.one(label, op, x, vector("rope_freqs.weight", r.rotaryDim() / 2));
    }
    return b.one(label, op, x);
  }

  private Value vector(String name, int length) {
    return matrix(name, 1, length);
  }

  private Value matrix(String name, long rows, long cols) {
    Tensor t = weights.weight(name);
    if (t.rows() != rows || t.cols() != cols || !t.dtype().isWeight()) {
      throw new IllegalArgumentException(
          "%s is %s %d x %d, expected %d x %d"
              .formatted(name, t.dtype(), t.rows(), t.cols(), rows, cols));
    }
    return b.weight(name, t.dtype(), rows, Math.toIntExact(cols));
  }

  /**
   * Names a family cannot do without; {@link #project} would silently skip an absent optional
   * weight.
   */
  void require(List<String> names) {
    for (String n : names) {
      weights.weight(n);
    }
  }
}
