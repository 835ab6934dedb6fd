package org.gatun.attention;

/**
 * What one attention layer keeps per token.
 *
 * @param layer number of the layer; attention and append ops name it
 * @param kvHeads key/value heads (of this rank, when sharded)
 * @param headDim elements per head
 */
public record KvLayer(int layer, int kvHeads, int headDim) {
  /** Elements of K (or of V) per token. */
  public int width() {
    return kvHeads * headDim;
  }
}
