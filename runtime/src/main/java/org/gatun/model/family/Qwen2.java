package org.gatun.model.family;

import java.util.List;
import org.gatun.graph.Graph;
import org.gatun.model.ModelConfig;
import org.gatun.tensor.WeightSource;

/** Qwen 2 and 2.5 (arXiv 2412.15115): biases on Q, K and V. */
final class Qwen2 implements Family {
  @Override
  public String name() {
    return "qwen2";
  }

  @Override
  public Graph build(ModelConfig c, WeightSource weights) {
    return PreNorm.build(c, weights, List.of("attn_q.bias", "attn_k.bias", "attn_v.bias"));
  }
}
