package org.gatun.model.family;

import java.util.List;
import org.gatun.graph.Graph;
import org.gatun.model.ModelConfig;
import org.gatun.tensor.WeightSource;

/**
 * Llama 2 and 3 (arXiv 2407.21783) and Mistral: GGUF permutes Q and K so that RoPE pairs are
 * neighbours.
 */
final class Llama implements Family {
  @Override
  public String name() {
    return "llama";
  }

  @Override
  public Graph build(ModelConfig c, WeightSource weights) {
    return PreNorm.build(c, weights, List.of());
  }
}
