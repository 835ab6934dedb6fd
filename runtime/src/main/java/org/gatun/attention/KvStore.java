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

  /**
   * Takes the keys, values and centroids of a prefix under this number, in whatever layout suits
   * the device. Runs between steps; the data may go once this returns.
   *
   * @throws UnsupportedOperationException if the backend has no plan that reads prefixes
   */
  default void loadPrefix(int id, PrefixData data) {
    throw new UnsupportedOperationException("this backend has no prefixes");
  }

  /** Forgets a prefix that no sequence names any more. */
  default void dropPrefix(int id) {}

  /** Prefixes that {@link #loadPrefix} has room for. */
  default int prefixes() {
    return 0;
  }

  /**
   * Copies the keys (or values) of {@code count} slots of a page to the host: {@code dst[i ×
   * width]} is slot {@code slot + i}, decoded.
   *
   * @throws UnsupportedOperationException if the backend cannot
   */
  default void read(KvLayer layer, boolean key, int page, int slot, int count, float[] dst) {
    throw new UnsupportedOperationException("this backend does not read KV pages back");
  }

  /**
   * Writes the keys and values of {@code count} slots of a page from the host.
   *
   * @throws UnsupportedOperationException if the backend cannot
   */
  default void write(KvLayer layer, int page, int slot, int count, float[] keys, float[] values) {
    throw new UnsupportedOperationException("this backend does not write KV pages from the host");
  }
}
