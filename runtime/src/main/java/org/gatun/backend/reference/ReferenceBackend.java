package org.gatun.backend.reference;

import org.gatun.backend.Backend;
import org.gatun.backend.CompileOptions;
import org.gatun.graph.Graph;
import org.gatun.tensor.WeightSource;

/**
 * Runs every op's float64 definition, one node after another. The oracle of the op suite, and the
 * least backend that the contracts allow.
 */
public final class ReferenceBackend implements Backend {
  @Override
  public String name() {
    return "reference";
  }

  @Override
  public String device() {
    return "float64 interpreter";
  }

  @Override
  public Numerics numerics() {
    return Numerics.F32;
  }

  @Override
  public ReferenceProgram compile(Graph graph, WeightSource weights, CompileOptions options) {
    return new ReferenceProgram(graph, weights, options);
  }

  @Override
  public void close() {}
}
