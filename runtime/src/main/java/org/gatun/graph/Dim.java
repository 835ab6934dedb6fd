package org.gatun.graph;

/**
 * The number of rows of a value: fixed, or known only when a step is filled. One graph serves every
 * length (after Transformer-Lite, arXiv 2403.20041).
 */
public sealed interface Dim {
  /** The rows of a step: tokens of prefill and decode of all sequences. */
  Dim TOKENS = new Symbol("T");

  /** The rows of a step whose logits are wanted. */
  Dim LOGIT_ROWS = new Symbol("R");

  /** A known count. */
  static Dim of(long size) {
    return new Fixed(size);
  }

  /** A known count. */
  record Fixed(long size) implements Dim {
    @Override
    public String toString() {
      return Long.toString(size);
    }
  }

  /** A count that each step brings. */
  record Symbol(String name) implements Dim {
    @Override
    public String toString() {
      return name;
    }
  }

  /** This dimension in a step of {@code tokens} rows, {@code logitRows} of which want logits. */
  default long at(long tokens, long logitRows) {
    return switch (this) {
      case Fixed f -> f.size();
      case Symbol s when s.equals(TOKENS) -> tokens;
      case Symbol s when s.equals(LOGIT_ROWS) -> logitRows;
      case Symbol s -> throw new GraphException("unbound dimension " + s.name());
    };
  }
}
