package org.gatun.text;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Byte-pair merging of one word in O(n log n): symbols are a linked list over the word's bytes, the
 * candidates a binary heap from which outdated ones are dropped when they surface (the scheme of
 * SentencePiece's BPE, Kudo and Richardson 2018). The best candidate has the lowest rank; among
 * equals the leftmost.
 *
 * <p>With a {@link MergeTable} a pair of tokens merges by its rank; without one two symbols merge
 * if their joined text is a token, the token with the highest score first. Belongs to one thread.
 */
final class Merger {
  private final Vocabulary vocabulary;
  private final @Nullable MergeTable merges;
  // Without merges: order of each token, lowest first.
  private final int[] order;
  private final boolean byteLevel;
  private final int unknown;

  // Symbol s covers text[start[s], end[s]); a merged-away symbol is empty.
  private int[] start = new int[64];
  private int[] end = new int[64];
  private int[] previous = new int[64];
  private int[] next = new int[64];
  private int[] id = new int[64];

  // Heap of candidates: rank and left symbol in one key, and the joined length and id.
  private long[] key = new long[64];
  private int[] joined = new int[64];
  private int[] result = new int[64];
  private int heapSize;

  /**
   * @param byteLevel symbols begin as bytes, not as characters
   * @param unknown the token for characters without token and without byte tokens, or -1 to drop
   */
  Merger(
      Vocabulary vocabulary,
      @Nullable MergeTable merges,
      int[] order,
      boolean byteLevel,
      int unknown) {
    this.vocabulary = vocabulary;
    this.merges = merges;
    this.order = order;
    this.byteLevel = byteLevel;
    this.unknown = unknown;
  }

  /** The order in which tokens of these scores merge: a lower number first. */
  static int[] orderOf(float[] scores) {
    int[] order = new int[scores.length];
    for (int i = 0; i < order.length; i++) {
      int bits = Float.floatToIntBits(scores[i] + 0.0f); // + 0 unites -0 and 0
      order[i] = ~(bits ^ bits >> 31 & Integer.MAX_VALUE);
    }
    return order;
  }

  /** Appends the tokens of the word {@code text[0, length)}. */
  void encode(byte[] text, int length, IntList out) {
    if (length == 0) {
      return;
    }
    int symbols = split(text, length);
    heapSize = 0;
    for (int s = 0; s + 1 < symbols; s++) {
      offer(text, s, s + 1);
    }
    while (heapSize > 0) {
      int left = (int) key[0];
      int length0 = joined[0];
      int merged = result[0];
      removeFirst();
      int right = next[left];
      // Both symbols are what they were when the candidate was made if their joined length is.
      if (end[left] == start[left] || right < 0 || end[right] - start[left] != length0) {
        continue;
      }
      end[left] = end[right];
      id[left] = merged;
      start[right] = end[right];
      int after = next[right];
      next[left] = after;
      if (after >= 0) {
        previous[after] = left;
        offer(text, left, after);
      }
      if (previous[left] >= 0) {
        offer(text, previous[left], left);
      }
    }
    for (int s = 0; s >= 0; s = next[s]) {
      emit(text, s, out);
    }
  }

  private int split(byte[] text, int length) {
    int symbols = 0;
    for (int at = 0; at < length; symbols++) {
      if (symbols == start.length) {
        growSymbols();
      }
      int to = byteLevel ? at + 1 : Math.min(length, at + Utf8Buffer.sequenceLength(text[at]));
      start[symbols] = at;
      end[symbols] = to;
      previous[symbols] = symbols - 1;
      next[symbols] = symbols + 1;
      id[symbols] = byteLevel ? vocabulary.byteId(text[at] & 0xff) : vocabulary.find(text, at, to);
      at = to;
    }
    next[symbols - 1] = -1;
    return symbols;
  }

  private void emit(byte[] text, int s, IntList out) {
    if (id[s] >= 0) {
      out.add(id[s]);
      return;
    }
    boolean bytes = true;
    for (int i = start[s]; i < end[s]; i++) {
      bytes &= vocabulary.byteId(text[i] & 0xff) >= 0;
    }
    if (bytes) {
      for (int i = start[s]; i < end[s]; i++) {
        out.add(vocabulary.byteId(text[i] & 0xff));
      }
    } else if (unknown >= 0) {
      out.add(unknown);
    }
  }

  private void offer(byte[] text, int left, int right) {
    int length = end[right] - start[left];
    if (merges != null) {
      if (id[left] >= 0 && id[right] >= 0) {
        int handle = merges.find(id[left], id[right]);
        if (handle >= 0) {
          add(merges.rank(handle), left, length, merges.merged(handle));
        }
      }
    } else {
      int token = vocabulary.find(text, start[left], end[right]);
      if (token >= 0) {
        add(order[token], left, length, token);
      }
    }
  }

  private void add(int rank, int left, int length, int token) {
    if (heapSize == key.length) {
      int capacity = Math.multiplyExact(heapSize, 2);
      key = Arrays.copyOf(key, capacity);
      joined = Arrays.copyOf(joined, capacity);
      result = Arrays.copyOf(result, capacity);
    }
    long k = (long) rank << 32 | left;
    int at = heapSize++;
    while (at > 0) {
      int parent = at - 1 >>> 1;
      if (key[parent] <= k) {
        break;
      }
      move(parent, at);
      at = parent;
    }
    set(at, k, length, token);
  }

  private void removeFirst() {
    int last = --heapSize;
    long k = key[last];
    int at = 0;
    while (true) {
      int child = 2 * at + 1;
      if (child >= last) {
        break;
      }
      if (child + 1 < last && key[child + 1] < key[child]) {
        child++;
      }
      if (key[child] >= k) {
        break;
      }
      move(child, at);
      at = child;
    }
    set(at, k, joined[last], result[last]);
  }

  private void move(int from, int to) {
    set(to, key[from], joined[from], result[from]);
  }

  private void set(int at, long k, int length, int token) {
    key[at] = k;
    joined[at] = length;
    result[at] = token;
  }

  private void growSymbols() {
    int capacity = Math.multiplyExact(start.length, 2);
    start = Arrays.copyOf(start, capacity);
    end = Arrays.copyOf(end, capacity);
    previous = Arrays.copyOf(previous, capacity);
    next = Arrays.copyOf(next, capacity);
    id = Arrays.copyOf(id, capacity);
  }
}
