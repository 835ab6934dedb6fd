package org.gatun.model.family;

import org.gatun.graph.Graph;
import org.gatun.graph.Value;
import org.gatun.graph.op.Activation;
import org.gatun.model.ModelConfig;
import org.gatun.tensor.WeightSource;

/**
 * The plain pre-norm decoder that Llama, Mistral and Qwen share: norm, attention, residual, norm,
 * SiLU MLP, residual.
 */
final class PreNorm {
  private PreNorm() {}

  static Graph build(ModelConfig c, WeightSource weights, java.util.List<String> requiredPerLayer) {
    Decoder d = new Decoder(c, weights);
    Value h = d.embed(1);
    for (int l = 0; l < c.layers(); l++) {
      String n = "blk." + l + ".";
      d.require(requiredPerLayer.stream().map(w -> n + w).toList());
      h =
          d.add(
              n + "attn_residual",
              h,
              d.attention(l, d.norm(n + "attn_norm", h, n + "attn_norm.weight")));
      Value x = d.norm(n + "ffn_norm", h, n + "ffn_norm.weight");
      h = d.add(n + "ffn_residual", h, d.mlp(l, x, Activation.SILU));
    }
    d.head(h);
    return d.builder().build();
  }
}
