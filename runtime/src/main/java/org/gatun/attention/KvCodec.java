package org.gatun.attention;

/** How a KV layer stores its elements. */
public enum KvCodec {
  /** 4 bytes per element. */
  F32,
  /** 2 bytes per element, IEEE half precision. */
  F16,
  /**
   * 1 byte per element and one f32 scale per token and head (after xFasterTransformer, arXiv
   * 2407.07304).
   */
  INT8;

  /** Bytes that one head of one token takes, for K or for V. */
  public int headBytes(int headDim) {
    return switch (this) {
      case F32 -> 4 * headDim;
      case F16 -> 2 * headDim;
      case INT8 -> headDim + 4;
    };
  }
}
