package org.gatun.backend;

import org.gatun.graph.Graph;
import org.gatun.tensor.WeightSource;
import org.jspecify.annotations.Nullable;

/** An open device. Thread-safe; closing it waits for running steps and frees everything. */
public interface Backend extends AutoCloseable {
  /** The provider's name. */
  String name();

  /** What the device is, for people. */
  String device();

  /** How exactly the backend computes; tolerances follow from it. */
  Numerics numerics();

  /**
   * Uploads weights (in whatever layout of the same size suits the device), plans memory and
   * prepares the work.
   *
   * @throws BackendException if the device lacks an op or format of the graph (by name and shape),
   *     or memory
   */
  Program compile(Graph graph, WeightSource weights, CompileOptions options);

  /** Who watches this device's kernels; null on hardware, which nobody can watch. */
  default @Nullable Witness witness() {
    return null;
  }

  @Override
  void close();

  /**
   * How exactly a backend computes.
   *
   * @param int8Activations matrix products round activations to 8 bits per block
   * @param f16Products matrix or attention products round operands to half precision
   */
  record Numerics(boolean int8Activations, boolean f16Products) {
    /** Everything in f32. */
    public static final Numerics F32 = new Numerics(false, false);
  }
}
