package org.gatun.graph;

import org.gatun.attention.KvStore;

/**
 * The most that one step may hold. Fixed per program, so that recorded queues and captured graphs
 * replay unchanged.
 *
 * @param rows tokens, over all sequences
 * @param sequences sequences
 * @param logitRows rows that want logits
 * @param slots KV slots that the step's sequences hold together, after the step
 */
public record StepLimits(int rows, int sequences, int logitRows, int slots) {
  /** Checks that a step can hold something. */
  public StepLimits {
    if (rows < 1 || sequences < 1 || logitRows < 1 || slots < 1) {
      throw new IllegalArgumentException(
          "a step needs at least one row, sequence, logit row and slot");
    }
  }

  /** Entries of the block tables: each sequence may have one part-filled page. */
  public int pages() {
    return Math.ceilDiv(slots, KvStore.PAGE_SLOTS) + sequences;
  }

  /** 32-bit words for explicit masks: a tree of all rows at once. */
  public int maskWords() {
    return Math.min(rows, 256) * Math.ceilDiv(Math.min(rows, 256), 32);
  }
}
