package org.gatun.model;

/**
 * What a family needs to build its graph.
 *
 * @param family name of the architecture, e.g. {@code gemma3}
 * @param vocabulary rows of the embedding table
 * @param contextLength the longest context the model was trained for
 * @param layers decoder blocks
 * @param embedding width of the residual stream
 * @param feedForward width inside the MLP
 * @param heads query heads
 * @param kvHeads key/value heads
 * @param headDim elements per head
 * @param normEps epsilon of the RMS norms
 * @param attentionScale multiplies the scores
 * @param rope rotary embedding of layers that see everything
 * @param window keys a sliding-window layer sees, its own included; 0 for none
 * @param windowPattern every n-th layer sees everything, the others the window; 0: all layers have
 *     the window
 * @param localRopeTheta base of the frequencies of sliding-window layers
 */
public record ModelConfig(
    String family,
    int vocabulary,
    int contextLength,
    int layers,
    int embedding,
    int feedForward,
    int heads,
    int kvHeads,
    int headDim,
    float normEps,
    float attentionScale,
    RopeConfig rope,
    int window,
    int windowPattern,
    float localRopeTheta) {

  /**
   * Rotary embedding.
   *
   * @param theta base of the frequencies
   * @param rotaryDim elements of a head that are rotated
   * @param interleaved whether pairs are neighbours (GGUF's Llama) or halves
   * @param scale multiplies positions; 1 unless linearly scaled
   */
  public record RopeConfig(float theta, int rotaryDim, boolean interleaved, float scale) {}

  /** Checks that heads and widths fit together. */
  public ModelConfig {
    need(layers > 0 && layers <= 4096, "layers", layers);
    need(embedding > 0 && embedding <= 1 << 20, "embedding length", embedding);
    need(feedForward > 0 && feedForward <= 1 << 22, "feed-forward length", feedForward);
    need(heads > 0 && heads <= 1 << 14, "attention heads", heads);
    need(kvHeads > 0 && heads % kvHeads == 0, "key/value heads for " + heads + " heads", kvHeads);
    need(headDim > 0 && headDim <= 4096 && headDim % 2 == 0, "head dim", headDim);
    need(
        rope.rotaryDim > 0 && rope.rotaryDim <= headDim && rope.rotaryDim % 2 == 0,
        "rotary dim",
        rope.rotaryDim);
    need(contextLength > 0, "context length", contextLength);
    need(window >= 0 && windowPattern >= 0, "sliding window", window);
  }

  /** Whether this layer sees only the window. */
  public boolean isWindowed(int layer) {
    return window > 0 && (windowPattern == 0 || (layer + 1) % windowPattern != 0);
  }

  private static void need(boolean ok, String what, long value) {
    if (!ok) {
      throw new ModelFormatException(
          "the model has an impossible number of " + what + ": " + value);
    }
  }
}
