package org.gatun.graph.op;

/** The gate's activation in a gated MLP. */
public enum Activation {
  /** x · sigmoid(x): Llama, Qwen. */
  SILU,
  /** GELU in its tanh form: Gemma. */
  GELU_TANH;

  /** The function in float64. */
  public double apply(double x) {
    return switch (this) {
      case SILU -> x / (1 + Math.exp(-x));
      case GELU_TANH ->
          0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
    };
  }
}
