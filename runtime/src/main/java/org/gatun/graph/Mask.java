package org.gatun.graph;

import java.util.BitSet;

/**
 * What the rows that a step adds to one sequence see of one another. Tokens of earlier steps are
 * visible to all of them; a layer's window narrows either further.
 */
public sealed interface Mask {
  /** Row {@code i} sees the step's rows {@code 0 … i}. */
  Mask CAUSAL = new Causal();

  /** Every row sees every row (diffusion, embeddings). */
  Mask FULL = new Full();

  /** Row {@code i} sees the step's rows {@code 0 … i}. */
  record Causal() implements Mask {}

  /** Every row sees every row. */
  record Full() implements Mask {}

  /** Row {@code i} sees row {@code j} where bit {@code i * rows + j} is set. */
  record Explicit(int rows, BitSet visible) implements Mask {}

  /**
   * Each row sees itself and its ancestors: the mask of a speculative tree.
   *
   * @param parents parent row of each row, −1 for a root; a parent comes before its children
   */
  static Explicit tree(int... parents) {
    BitSet bits = new BitSet(parents.length * parents.length);
    for (int i = 0; i < parents.length; i++) {
      if (parents[i] >= i) {
        throw new IllegalArgumentException("row " + i + " comes before its parent " + parents[i]);
      }
      for (int j = i; j >= 0; j = parents[j]) {
        bits.set(i * parents.length + j);
      }
    }
    return new Explicit(parents.length, bits);
  }
}
