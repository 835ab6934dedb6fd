package org.gatun.model.family;

import org.gatun.graph.Graph;
import org.gatun.model.ModelConfig;
import org.gatun.tensor.WeightSource;

/** One architecture: turns a configuration and weights into a graph. */
public interface Family {
  /** The name GGUF files give the architecture. */
  String name();

  /** The graph, with the output {@code logits} [R, vocabulary]. */
  Graph build(ModelConfig config, WeightSource weights);

  /**
   * Checks that every weight is there and fits, before memory is taken.
   *
   * @throws org.gatun.model.ModelFormatException naming the first that does not
   */
  default void check(ModelConfig config, WeightSource weights) {
    try {
      build(config, weights);
    } catch (IllegalArgumentException | org.gatun.graph.GraphException e) {
      throw new org.gatun.model.ModelFormatException(
          "the weights do not fit " + name() + ": " + e.getMessage(), e);
    }
  }
}
