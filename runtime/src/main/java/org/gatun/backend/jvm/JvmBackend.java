package org.gatun.backend.jvm;

import org.gatun.backend.Backend;
import org.gatun.backend.CompileOptions;
import org.gatun.backend.Program;
import org.gatun.graph.Graph;
import org.gatun.tensor.WeightSource;

/**
 * The CPU through the Vector API: everything in f32, weights quantised until they reach a register
 * or the L2 cache.
 */
final class JvmBackend implements Backend {
  private final WorkerPool pool;

  JvmBackend(int threads) {
    pool = new WorkerPool(threads);
  }

  @Override
  public String name() {
    return "jvm";
  }

  @Override
  public String device() {
    return JvmBackendProvider.describe(pool.workers());
  }

  @Override
  public Numerics numerics() {
    return Numerics.F32;
  }

  @Override
  public Program compile(Graph graph, WeightSource weights, CompileOptions options) {
    return new JvmProgram(graph, weights, options, pool);
  }

  @Override
  public void close() {
    pool.close();
  }
}
