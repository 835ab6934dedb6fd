package org.gatun.graph.shard;

/**
 * A run of columns or rows.
 *
 * @param from first index
 * @param count how many
 */
record Range(int from, int count) {
  boolean isWhole(long size) {
    return from == 0 && count == size;
  }

  /** True if both ends lie on multiples of {@code unit}. */
  boolean fits(int unit) {
    return from % unit == 0 && count % unit == 0;
  }

  /** Rank's share of {@code size} in whole units, as even as they allow. */
  static Range share(int size, int unit, int rank, int world) {
    int units = size / unit;
    int from = (int) ((long) units * rank / world);
    int to = (int) ((long) units * (rank + 1) / world);
    return new Range(from * unit, (to - from) * unit);
  }
}
