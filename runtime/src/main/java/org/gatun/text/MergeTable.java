package org.gatun.text;

import java.util.Arrays;

/** The merges of a BPE model: (left id, right id) → rank and merged id; open addressing. */
final class MergeTable {
  private final long[] pairs;
  private final int[] ranks;
  private final int[] merged;

  MergeTable(int merges) {
    int capacity = Integer.highestOneBit(Math.max(8, merges)) << 2;
    pairs = new long[capacity];
    ranks = new int[capacity];
    merged = new int[capacity];
    Arrays.fill(pairs, -1);
  }

  /** Adds a merge; of two for the same pair the first in rank stays. */
  void add(int left, int right, int rank, int result) {
    long pair = pair(left, right);
    int slot = slot(pair);
    if (pairs[slot] == -1) {
      pairs[slot] = pair;
      ranks[slot] = rank;
      merged[slot] = result;
    }
  }

  /** A handle for {@link #rank} and {@link #merged}, or -1 if the two do not merge. */
  int find(int left, int right) {
    int slot = slot(pair(left, right));
    return pairs[slot] == -1 ? -1 : slot;
  }

  int rank(int handle) {
    return ranks[handle];
  }

  int merged(int handle) {
    return merged[handle];
  }

  private static long pair(int left, int right) {
    return (long) left << 32 | right;
  }

  private int slot(long pair) {
    int mask = pairs.length - 1;
    long h = pair * 0x9E3779B97F4A7C15L;
    int slot = (int) (h >>> 32) & mask;
    while (pairs[slot] != -1 && pairs[slot] != pair) {
      slot = slot + 1 & mask;
    }
    return slot;
  }
}
