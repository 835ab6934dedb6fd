package org.gatun.model.family;

import java.util.List;
import org.gatun.graph.Graph;
import org.gatun.graph.Value;
import org.gatun.graph.op.Activation;
import org.gatun.model.ModelConfig;
import org.gatun.tensor.WeightSource;

/**
 * Gemma 3 (arXiv 2503.19786): scaled embeddings, QK norm, norms before and after each sub-layer,
 * GELU gate, five sliding-window layers to each that sees everything, with different RoPE bases.
 */
final class Gemma3 implements Family {
  @Override
  public String name() {
    return "gemma3";
  }

  @Override
  public Graph build(ModelConfig c, WeightSource weights) {
    Decoder d = new Decoder(c, weights);
    Value h = d.embed((float) Math.sqrt(c.embedding()));
    for (int l = 0; l < c.layers(); l++) {
      String n = "blk." + l + ".";
      d.require(List.of(n + "attn_q_norm.weight", n + "attn_k_norm.weight"));
      Value a = d.attention(l, d.norm(n + "attn_norm", h, n + "attn_norm.weight"));
      h =
          d.add(
              n + "attn_residual",
              h,
              d.norm(n + "attn_post_norm", a, n + "post_attention_norm.weight"));
      Value m = d.mlp(l, d.norm(n + "ffn_norm", h, n + "ffn_norm.weight"), Activation.GELU_TANH);
      h = d.add(n + "ffn_residual", h, d.norm(n + "ffn_post_norm", m, n + "post_ffw_norm.weight"));
    }
    d.head(h);
    return d.builder().build();
  }
}
