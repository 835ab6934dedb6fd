package org.gatun.backend.jvm;

/**
 * Which tokens of a prefix one KV head of one sequence keeps: runs of neighbours, with a mark every
 * {@link AttentionTile#SPLIT} tokens so that pieces find their first run. Allocated once for the
 * largest prefix.
 */
final class KeptRuns {
  private final int[] start;
  private final int[] length;
  private final int[] markRun;
  private final int[] markOffset;
  private int runs;
  private int total;

  KeptRuns(int clusters, int tokens) {
    start = new int[clusters];
    length = new int[clusters];
    int marks = Math.ceilDiv(tokens, AttentionTile.SPLIT) + 1;
    markRun = new int[marks];
    markOffset = new int[marks];
  }

  void clear() {
    runs = 0;
    total = 0;
  }

  /** Appends tokens {@code from … from + count − 1}, which follow those added before. */
  void add(int from, int count) {
    if (count == 0) {
      return;
    }
    boolean joins = runs > 0 && start[runs - 1] + length[runs - 1] == from;
    int run = joins ? runs - 1 : runs++;
    int before = joins ? length[run] : 0;
    if (!joins) {
      start[run] = from;
    }
    int mark = Math.ceilDiv(total, AttentionTile.SPLIT);
    for (int at = mark * AttentionTile.SPLIT; at < total + count; at += AttentionTile.SPLIT) {
      markRun[mark] = run;
      markOffset[mark++] = before + at - total;
    }
    length[run] = before + count;
    total += count;
  }

  /** Tokens kept. */
  int total() {
    return total;
  }

  /** Pieces of {@link AttentionTile#SPLIT} tokens. */
  int pieces() {
    return Math.ceilDiv(total, AttentionTile.SPLIT);
  }

  int runs() {
    return runs;
  }

  int start(int run) {
    return start[run];
  }

  int length(int run) {
    return length[run];
  }

  /**
   * Where the kept token {@code i} stands: its run in the upper half, its place in the run in the
   * lower.
   */
  long find(int i) {
    int run = markRun[i / AttentionTile.SPLIT];
    int place = markOffset[i / AttentionTile.SPLIT] + i % AttentionTile.SPLIT;
    while (place >= length[run]) {
      place -= length[run++];
    }
    return (long) run << 32 | place;
  }
}
