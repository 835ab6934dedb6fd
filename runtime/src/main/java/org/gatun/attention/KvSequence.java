package org.gatun.attention;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The KV entries of one sequence: a block table, a length, and the position of every slot. A slot
 * is where a token's K and V lie; its position is what RoPE and windows see. They part company
 * after {@link #compact}.
 */
public final class KvSequence implements AutoCloseable {
  private static final int PAGE = KvStore.PAGE_SLOTS;

  private final KvCache cache;
  private final @Nullable KvPrefix prefix;
  private final int base;
  private PrefixThresholds thresholds;
  private int[] pages = new int[4];
  private int pageCount;
  private int length;
  private int nextPosition;
  private int fresh;
  private int[] positions = new int[PAGE];
  private boolean identity = true;
  private boolean closed;

  KvSequence(KvCache cache) {
    this(cache, null, PrefixThresholds.KEEP_ALL);
  }

  /** Takes over one reference to the prefix. */
  KvSequence(KvCache cache, @Nullable KvPrefix prefix, PrefixThresholds thresholds) {
    this.cache = cache;
    this.prefix = prefix;
    this.thresholds = thresholds;
    base = prefix == null ? 0 : prefix.data().tokens();
    nextPosition = base;
  }

  /** The clustered tokens before the first slot; null for none. */
  public @Nullable KvPrefix prefix() {
    return prefix;
  }

  /** The position of the first slot: the number of clustered tokens. */
  public int basePosition() {
    return base;
  }

  /** What the prefix's clusters must exceed. */
  public PrefixThresholds thresholds() {
    return thresholds;
  }

  /** Changes what the prefix's clusters must exceed, from the next step on. */
  public void thresholds(PrefixThresholds t) {
    thresholds = t;
  }

  /**
   * The first slot whose content the running step did not see before: what is derived from keys
   * (compressed keys) is computed anew from there.
   */
  public int freshFrom() {
    return fresh;
  }

  /** Slots that hold a token. */
  public int length() {
    return length;
  }

  /**
   * Tokens that this layer's head holds: slots, and the clustered tokens of the prefix in layers
   * that have them.
   */
  public int length(int layer, int kvHead) {
    return prefix != null && prefix.data().has(layer) ? base + length : length;
  }

  /** The position that follows the last token's. */
  public int nextPosition() {
    return nextPosition;
  }

  /** True while every slot's position is its number plus {@link #basePosition}. */
  public boolean slotIsPosition() {
    return identity;
  }

  /** The position of the token in this slot. */
  public int position(int slot) {
    return positions[slot];
  }

  /** Pages in the block table. */
  public int pageCount() {
    return pageCount;
  }

  /** Physical page of the {@code i}-th 64 slots. */
  public int page(int i) {
    return pages[i];
  }

  /**
   * Makes the next {@code count} slots writable: allocates pages, and copies a shared last page
   * before it is written.
   *
   * @throws KvFullException if the pool has too few pages; the sequence is then unchanged
   */
  public void reserve(int count) {
    checkOpen();
    int needed = Math.ceilDiv(Math.addExact(length, count), PAGE);
    boolean copy = count > 0 && length % PAGE != 0 && cache.isShared(pages[length / PAGE]);
    if (Math.max(0, needed - pageCount) + (copy ? 1 : 0) > cache.freePages()) {
      throw new KvFullException(cache.pages() * (long) PAGE);
    }
    if (copy) {
      makeExclusive(length / PAGE, length % PAGE);
    }
    while (pageCount < needed) {
      if (pageCount == pages.length) {
        pages = Arrays.copyOf(pages, pageCount * 2);
      }
      pages[pageCount++] = cache.allocate();
    }
    if (positions.length < length + count) {
      positions = Arrays.copyOf(positions, Math.max(length + count, positions.length * 2));
    }
  }

  /** Sets the position of a reserved slot ({@code length() + i}); called while a step is filled. */
  public void place(int i, int position) {
    int slot = length + i;
    positions[slot] = position;
    identity &= slot + base == position;
  }

  /** Keeps the next {@code count} slots: the step that wrote them has ended. */
  public void commit(int count) {
    checkOpen();
    length += count;
    nextPosition = length == 0 ? base : positions[length - 1] + 1;
    fresh = length;
  }

  /**
   * A second sequence with the same content; pages are shared until one of the two writes.
   * O(pages).
   */
  public KvSequence fork() {
    checkOpen();
    if (prefix != null) {
      prefix.retain();
    }
    KvSequence f = new KvSequence(cache, prefix, thresholds);
    f.fresh = fresh;
    f.pages = pages.clone();
    f.pageCount = Math.ceilDiv(length, PAGE);
    for (int i = 0; i < f.pageCount; i++) {
      cache.retain(pages[i]);
    }
    f.length = length;
    f.nextPosition = nextPosition;
    f.positions = positions.clone();
    f.identity = identity;
    return f;
  }

  /** Drops every slot from {@code newLength} on. */
  public void truncate(int newLength) {
    checkOpen();
    if (newLength < 0 || newLength > length) {
      throw new IllegalArgumentException("cannot truncate " + length + " slots to " + newLength);
    }
    length = newLength;
    nextPosition = length == 0 ? base : positions[length - 1] + 1;
    fresh = Math.min(fresh, length);
    int keep = Math.ceilDiv(length, PAGE);
    while (pageCount > keep) {
      cache.release(pages[--pageCount]);
    }
    identity = true;
    for (int i = 0; i < length && identity; i++) {
      identity = positions[i] == i + this.base;
    }
  }

  /**
   * Keeps slots {@code 0 … base-1} and, behind them, the slots {@code base + keepRows[i]} in this
   * order; all others go. Kept tokens keep their positions.
   *
   * @param keepRows strictly ascending, relative to {@code base}
   */
  public void compact(int base, int... keepRows) {
    checkOpen();
    fresh = Math.min(fresh, base);
    int previous = -1;
    for (int r : keepRows) {
      if (r <= previous || base + r >= length) {
        throw new IllegalArgumentException("rows to keep must ascend within " + (length - base));
      }
      previous = r;
    }
    for (int i = 0; i < keepRows.length; i++) {
      int from = base + keepRows[i];
      int to = base + i;
      if (from != to) {
        if (cache.isShared(pages[to / PAGE])) {
          makeExclusive(to / PAGE, PAGE);
        }
        cache.store().copySlots(pages[from / PAGE], from % PAGE, pages[to / PAGE], to % PAGE, 1);
        positions[to] = positions[from];
      }
    }
    truncate(base + keepRows.length);
  }

  /** Gives the pages back. */
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      while (pageCount > 0) {
        cache.release(pages[--pageCount]);
      }
      length = 0;
      if (prefix != null) {
        prefix.release();
      }
    }
  }

  /**
   * Appends slots whose keys and values come from the host, at the positions that follow: how the
   * end of a stored prefix comes back. Between steps.
   *
   * @param layer called with each page, first slot in it, first of the appended slots and count;
   *     writes every layer
   * @throws KvFullException if the pool has too few pages
   */
  public void restore(int count, SlotWriter layer) {
    reserve(count);
    for (int i = 0; i < count; i++) {
      place(i, nextPosition + i);
    }
    for (int i = 0; i < count; ) {
      int slot = length + i;
      int n = Math.min(PAGE - slot % PAGE, count - i);
      layer.write(cache.store(), pages[slot / PAGE], slot % PAGE, i, n);
      i += n;
    }
    int before = fresh;
    commit(count);
    fresh = before;
  }

  /** Hands each range of slots of one page to the reader. */
  public void read(SlotWriter reader) {
    for (int slot = 0; slot < length; slot += PAGE) {
      reader.write(cache.store(), pages[slot / PAGE], 0, slot, Math.min(PAGE, length - slot));
    }
  }

  /** Moves a range of slots of one page between the device and the host. */
  @FunctionalInterface
  public interface SlotWriter {
    /** Slots {@code slot … slot + count − 1} of the page are tokens {@code from …}. */
    void write(KvStore store, int page, int slot, int from, int count);
  }

  private void makeExclusive(int index, int slots) {
    int fresh = cache.allocate();
    cache.store().copySlots(pages[index], 0, fresh, 0, slots);
    cache.release(pages[index]);
    pages[index] = fresh;
  }

  private void checkOpen() {
    if (closed) {
      throw new IllegalStateException("this KV sequence was closed");
    }
  }
}
