package org.gatun.model.family;

import java.util.List;
import org.gatun.graph.Graph;
import org.gatun.model.ModelConfig;
import org.gatun.tensor.WeightSource;

/** Qwen 3 (arXiv 2505.09388): a norm on each head of Q and K, no biases. */
final class Qwen3 implements Family {
  @Override
  public String name() {
    return "qwen3";
  }

  @Override
  public Graph build(ModelConfig c, WeightSource weights) {
    return PreNorm.build(c, weights, List.of("attn_q_norm.weight", "attn_k_norm.weight"));
  }
}
