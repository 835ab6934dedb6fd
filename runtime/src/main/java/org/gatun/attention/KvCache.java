package org.gatun.attention;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The page allocator over a backend's {@link KvStore}: pages are reference-counted, so forks share
 * them and copy on write. Not thread-safe: edits happen between steps, on the thread that submits
 * them.
 */
public final class KvCache {
  private final KvStore store;
  private final int[] references;
  private final int[] free;
  private int freeCount;
  private final @Nullable KvPrefix[] prefixes;

  /** A cache over all pages of the store. */
  public KvCache(KvStore store) {
    this.store = store;
    this.references = new int[store.pages()];
    this.free = new int[store.pages()];
    for (int i = 0; i < free.length; i++) {
      free[i] = free.length - 1 - i;
    }
    freeCount = free.length;
    prefixes = new KvPrefix[store.prefixes()];
  }

  /** A new, empty sequence. */
  public KvSequence sequence() {
    return new KvSequence(this);
  }

  /** A new sequence behind a prefix: its first slot has the position that follows the prefix. */
  public KvSequence sequence(KvPrefix prefix, PrefixThresholds thresholds) {
    prefix.retain();
    return new KvSequence(this, prefix, thresholds);
  }

  /**
   * Uploads a prefix.
   *
   * @throws UnsupportedOperationException if the backend has no plan that reads prefixes
   * @throws IllegalStateException if as many as the program has room for are loaded already
   */
  public KvPrefix load(PrefixData data) {
    for (int id = 0; id < prefixes.length; id++) {
      if (prefixes[id] == null) {
        store.loadPrefix(id, data);
        KvPrefix p = new KvPrefix(this, id, data);
        prefixes[id] = p;
        return p;
      }
    }
    throw new IllegalStateException(
        "the program has room for " + prefixes.length + " prefixes; close one first");
  }

  void drop(int id) {
    prefixes[id] = null;
    store.dropPrefix(id);
  }

  /** Pages nobody uses. */
  public int freePages() {
    return freeCount;
  }

  /** Pages in the pool. */
  public int pages() {
    return references.length;
  }

  int allocate() {
    if (freeCount == 0) {
      throw new KvFullException(references.length * (long) KvStore.PAGE_SLOTS);
    }
    int page = free[--freeCount];
    references[page] = 1;
    return page;
  }

  void retain(int page) {
    references[page]++;
  }

  void release(int page) {
    if (--references[page] == 0) {
      free[freeCount++] = page;
    } else if (references[page] < 0) {
      throw new IllegalStateException("page " + page + " released twice");
    }
  }

  boolean isShared(int page) {
    return references[page] > 1;
  }

  /** The backend's pages. */
  public KvStore store() {
    return store;
  }

  @Override
  public String toString() {
    return "KvCache["
        + (references.length - freeCount)
        + " of "
        + references.length
        + " pages used, "
        + Arrays.stream(references).filter(r -> r > 1).count()
        + " shared]";
  }
}
