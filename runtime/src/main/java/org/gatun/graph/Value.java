package org.gatun.graph;

import org.gatun.tensor.DType;

/**
 * An edge of the graph: a matrix of {@code rows} × {@code cols}.
 *
 * @param id unique in its graph
 * @param name readable; weights and inputs are found by it
 * @param kind where the value comes from
 * @param dtype F32 for activations, I32 for token ids, any weight format for weights
 * @param rows symbolic row count
 * @param cols elements per row
 */
public record Value(int id, String name, Kind kind, DType dtype, Dim rows, int cols) {
  /** Where a value comes from. */
  public enum Kind {
    /** The caller sets it before each run. */
    INPUT,
    /** The weight source holds it; it never changes. */
    WEIGHT,
    /** A node computes it. */
    ACTIVATION
  }

  /** True if the weight source holds the value. */
  public boolean isWeight() {
    return kind == Kind.WEIGHT;
  }

  @Override
  public String toString() {
    return "%" + id + ":" + name + "<" + dtype + ">[" + rows + "," + cols + "]";
  }
}
