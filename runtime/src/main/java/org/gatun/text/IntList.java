package org.gatun.text;

import java.util.Arrays;

/** A growing list of ints. */
final class IntList {
  private int[] items = new int[64];
  private int size;

  void add(int item) {
    if (size == items.length) {
      items = Arrays.copyOf(items, Math.multiplyExact(size, 2));
    }
    items[size++] = item;
  }

  void addAll(int[] more) {
    for (int item : more) {
      add(item);
    }
  }

  int size() {
    return size;
  }

  int last() {
    return items[size - 1];
  }

  int[] toArray() {
    return Arrays.copyOf(items, size);
  }
}
