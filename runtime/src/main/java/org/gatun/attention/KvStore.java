package org.gatun.attention;

/**
 * The pages a backend keeps: page {@code p} holds {@link #PAGE_SLOTS} tokens of K and V for every
 * layer. Only copies cross this interface; the values never leave the device.
 */
public interface KvStore {
  /** Tokens per page: also the block size of the sparse attention plans. */
  int PAGE_SLOTS = 64;

  /** Pages in the pool. */
  int pages();

  /**
   * Copies {@code count} slots within one page or between two, in every layer. Runs between steps.
   */
  void copySlots(int srcPage, int srcSlot, int dstPage, int dstSlot, int count);
}
