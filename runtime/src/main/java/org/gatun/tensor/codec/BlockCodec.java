package org.gatun.tensor.codec;

import java.lang.foreign.MemorySegment;
import org.gatun.tensor.DType;

/**
 * The layout of one format, as code. Decoding follows the order of operations of the ggml reference
 * in f32, so that values agree to the last bit. Blocks need no alignment. Stateless and
 * thread-safe.
 */
public interface BlockCodec {
  DType dtype();

  /**
   * Decodes one block.
   *
   * @param src holds the block's {@code dtype().blockBytes()} bytes at {@code offset}
   * @param dst receives {@code dtype().blockSize()} floats from {@code dstOff} on
   */
  void decode(MemorySegment src, long offset, float[] dst, int dstOff);

  /** Decodes {@code blocks} consecutive blocks. */
  default void decode(MemorySegment src, long offset, float[] dst, int dstOff, int blocks) {
    int size = dtype().blockSize();
    int bytes = dtype().blockBytes();
    for (int b = 0; b < blocks; b++) {
      decode(src, offset + (long) b * bytes, dst, dstOff + b * size);
    }
  }

  /** A codec that can also write its format. */
  interface Encoder extends BlockCodec {
    /**
     * Encodes one block by the format's plain quantiser (no search for better scales).
     *
     * @param src holds {@code dtype().blockSize()} finite floats from {@code srcOff} on
     */
    void encode(float[] src, int srcOff, MemorySegment dst, long offset);
  }
}
