package org.gatun.backend.jvm;

import org.gatun.graph.Step;
import org.gatun.graph.StepLimits;
import org.gatun.graph.op.Attention;
import org.jspecify.annotations.Nullable;

/**
 * Dense attention over paged KV. Work is cut into (tile of rows, KV head); where that leaves
 * threads idle, as in decode, also into splits of the keys, whose states are merged in order
 * afterwards. Both cuts give the same bits.
 */
final class AttentionExec implements Exec {
  /** States of splits, shared by all attention nodes: they run one after another. */
  static final class SplitStates {
    private long bytes;
    private long address;

    void need(long size) {
      bytes = Math.max(bytes, size);
    }

    void allocate(java.lang.foreign.Arena arena) {
      address = bytes == 0 ? 0 : arena.allocate(bytes, 64).address();
    }
  }

  private final WorkerPool pool;
  private final Scratch scratch;
  private final SplitStates states;
  private final Attention op;
  private final AttentionTile tile;
  private final long q;
  private final long out;
  private final long lse;
  private final int capacity;
  private final long stateBytes;
  private final int[] tileRow;
  private final int[] tileRows;
  private final int[] tileSplit;
  private final int[] splitStart;
  private final WorkerPool.Task wholeTask = this::whole;
  private final WorkerPool.Task splitTask = this::split;
  private final WorkerPool.Task mergeTask = this::merge;
  private int tiles;
  private @Nullable Step step;

  AttentionExec(
      WorkerPool pool,
      Scratch scratch,
      SplitStates states,
      Attention op,
      KvPages pages,
      StepLimits limits,
      long q,
      long out,
      long lse) {
    this.pool = pool;
    this.scratch = scratch;
    this.states = states;
    this.op = op;
    this.q = q;
    this.out = out;
    this.lse = lse;
    tile = new AttentionTile(op, pages);
    scratch.need(tile.scratchBytes());
    tileRow = new int[limits.rows() + 1];
    tileRows = new int[limits.rows() + 1];
    tileSplit = new int[limits.rows() + 1];
    splitStart = new int[limits.rows() + 2];
    stateBytes = tile.stateBytes(Math.max(8, op.heads() / op.kvHeads()));
    int splits = Math.ceilDiv(limits.slots(), AttentionTile.SPLIT) + 1;
    capacity = pool.workers() == 1 ? 0 : Math.min(4096, 2 * pool.workers() * splits);
    states.need(capacity * stateBytes);
  }

  @Override
  public void run(Step s) {
    step = s;
    boolean narrow = cut(s);
    int whole = tiles * op.kvHeads();
    int units = splitStart[tiles] * op.kvHeads();
    if (narrow && whole < 2 * pool.workers() && units > whole && units <= capacity) {
      pool.run(splitTask, units);
      pool.run(mergeTask, whole);
    } else {
      pool.run(wholeTask, whole);
    }
  }

  /** Lists the tiles; returns whether all are small enough for the shared states. */
  private boolean cut(Step s) {
    tiles = 0;
    int most = 0;
    int per = tile.rowsPerTile();
    for (int seq = 0; seq < s.sequences(); seq++) {
      int start = s.sequence(Step.ROW_START, seq);
      int count = s.sequence(Step.ROW_COUNT, seq);
      for (int r = 0; r < count; r += per) {
        int rows = Math.min(per, count - r);
        tileRow[tiles] = start + r;
        tileRows[tiles] = rows;
        int first = tile.first(s, start + r) / AttentionTile.SPLIT;
        int last = Math.ceilDiv(s.sequence(Step.KV_LENGTH, seq), AttentionTile.SPLIT);
        tileSplit[tiles] = first;
        splitStart[tiles + 1] = splitStart[tiles] + last - first;
        most = Math.max(most, rows);
        tiles++;
      }
    }
    int group = op.heads() / op.kvHeads();
    return most * group <= Math.max(8, group);
  }

  private Step step() {
    Step s = step;
    if (s == null) {
      throw new IllegalStateException("no step");
    }
    return s;
  }

  private void whole(int unit, int worker) {
    Step s = step();
    // The last tiles of a prompt see the most keys: they go first, so that threads end together.
    int t = tiles - 1 - unit / op.kvHeads();
    int head = unit % op.kvHeads();
    int m = tileRows[t] * (op.heads() / op.kvHeads());
    long base = scratch.of(worker);
    long state = tile.splitState(base);
    long running = tile.runningState(base);
    int seq = s.row(Step.SEQUENCE, tileRow[t]);
    tile.load(q, tileRow[t], tileRows[t], head, base);
    tile.clear(running, m);
    int end = tileSplit[t] + splitStart[t + 1] - splitStart[t];
    for (int split = tileSplit[t]; split < end; split++) {
      tile.split(s, seq, tileRow[t], tileRows[t], head, split, state, base);
      tile.merge(state, running, m);
    }
    tile.finish(running, tileRow[t], tileRows[t], head, out, lse);
  }

  private void split(int unit, int worker) {
    Step s = step();
    int head = unit % op.kvHeads();
    int at = unit / op.kvHeads();
    int t = 0;
    while (at >= splitStart[t + 1]) {
      t++;
    }
    long base = scratch.of(worker);
    tile.load(q, tileRow[t], tileRows[t], head, base);
    int split = tileSplit[t] + at - splitStart[t];
    int seq = s.row(Step.SEQUENCE, tileRow[t]);
    tile.split(
        s, seq, tileRow[t], tileRows[t], head, split, states.address + unit * stateBytes, base);
  }

  private void merge(int unit, int worker) {
    int t = unit / op.kvHeads();
    int head = unit % op.kvHeads();
    int m = tileRows[t] * (op.heads() / op.kvHeads());
    long running = tile.runningState(scratch.of(worker));
    tile.clear(running, m);
    for (int i = splitStart[t]; i < splitStart[t + 1]; i++) {
      tile.merge(states.address + (i * (long) op.kvHeads() + head) * stateBytes, running, m);
    }
    tile.finish(running, tileRow[t], tileRows[t], head, out, lse);
  }
}
