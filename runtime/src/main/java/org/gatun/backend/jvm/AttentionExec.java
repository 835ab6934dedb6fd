package org.gatun.backend.jvm;

import java.util.Arrays;
import org.gatun.attention.AttentionPlan;
import org.gatun.attention.KvStore;
import org.gatun.attention.PrefixLimits;
import org.gatun.backend.CompileOptions;
import org.gatun.graph.Step;
import org.gatun.graph.StepLimits;
import org.gatun.graph.op.Attention;
import org.jspecify.annotations.Nullable;

/**
 * Attention over paged KV and over kept keys of prefixes. Work is cut into (tile of rows, KV head),
 * and each of these into pieces of {@link AttentionTile#SPLIT} keys: kept runs of the prefix first,
 * then pages. Where there are few tiles, as in decode, pieces are the units of work, so that heads
 * with unequal numbers of kept keys end together, and their states are merged in order afterwards.
 * Both cuts give the same bits.
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

  /** Chosen pages of a piece. */
  private static final int PAGES = AttentionTile.SPLIT / KvStore.PAGE_SLOTS;

  /** Tiles and heads per thread up to which pieces are units: fewer would not end together. */
  private static final int FEW = 8;

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
  private final @Nullable ClusterLookup lookup;
  private final @Nullable BlockChoice choice;
  private final int[] tileRow;
  private final int[] tileRows;
  private final int[] tileSplit;
  private final boolean[] tileSparse;
  // By tile and KV head: the pieces of all tiles and heads before.
  private final int[] pieceStart;
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
      CompileOptions options,
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
    StepLimits limits = options.limits();
    PrefixLimits room = options.prefixes();
    tile = new AttentionTile(op, pages);
    scratch.need(tile.scratchBytes());
    lookup =
        op.plan() instanceof AttentionPlan.Squeezed p && room.count() > 0
            ? new ClusterLookup(pool, scratch, op, p, pages, tile, limits, room, q)
            : null;
    choice =
        op.plan() instanceof AttentionPlan.BlockTopK p
            ? new BlockChoice(pool, scratch, op, p, pages, tile, limits, q)
            : null;
    tileRow = new int[limits.rows() + 1];
    tileRows = new int[limits.rows() + 1];
    tileSplit = new int[limits.rows() + 1];
    tileSparse = new boolean[limits.rows() + 1];
    pieceStart = new int[limits.rows() * op.kvHeads() + 1];
    stateBytes = tile.stateBytes(Math.max(8, op.heads() / op.kvHeads()));
    int splits =
        Math.ceilDiv(limits.slots(), AttentionTile.SPLIT)
            + (lookup == null ? 0 : Math.ceilDiv(room.tokens(), AttentionTile.SPLIT))
            + 1;
    capacity = pool.workers() == 1 ? 0 : Math.min(8192, FEW * pool.workers() * splits);
    states.need(capacity * stateBytes);
  }

  @Override
  public void run(Step s) {
    step = s;
    if (lookup != null) {
      lookup.run(s);
    }
    if (choice != null) {
      choice.run(s);
    }
    boolean narrow = cut(s);
    int whole = tiles * op.kvHeads();
    int units = pieceStart[whole];
    boolean idle = whole < FEW * pool.workers();
    if (narrow && idle && units > whole && units <= capacity) {
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
    for (int seq = 0; seq < s.sequences(); seq++) {
      int row = s.sequence(Step.ROW_START, seq);
      int end = row + s.sequence(Step.ROW_COUNT, seq);
      while (row < end) {
        int rows = tileFrom(s, row, end);
        tileRow[tiles] = row;
        tileRows[tiles] = rows;
        int first = tile.first(s, row) / AttentionTile.SPLIT;
        int last = Math.ceilDiv(s.sequence(Step.KV_LENGTH, seq), AttentionTile.SPLIT);
        tileSplit[tiles] = first;
        for (int h = 0; h < op.kvHeads(); h++) {
          int unit = tiles * op.kvHeads() + h;
          pieceStart[unit + 1] = pieceStart[unit] + pieces(seq, row, h, last - first);
        }
        most = Math.max(most, rows);
        row += rows;
        tiles++;
      }
    }
    int group = op.heads() / op.kvHeads();
    return most * group <= Math.max(8, group);
  }

  /** Rows of the tile that begins here: one if it chooses its pages. */
  private int tileFrom(Step s, int row, int end) {
    int rows = Math.min(tile.rowsPerTile(), end - row);
    tileSparse[tiles] = choice != null && choice.isSparse(s, row);
    if (tileSparse[tiles]) {
      return 1;
    }
    if (choice != null) {
      for (int i = 1; i < rows; i++) {
        if (choice.isSparse(s, row + i)) {
          return i;
        }
      }
    }
    return rows;
  }

  private int pieces(int seq, int row, int head, int splits) {
    if (tileSparse[tiles] && choice != null) {
      return Math.ceilDiv(choice.count(row, head), PAGES);
    }
    return splits + (lookup == null ? 0 : lookup.pieces(seq, head));
  }

  private Step step() {
    Step s = step;
    if (s == null) {
      throw new IllegalStateException("no step");
    }
    return s;
  }

  /** Computes the state of one piece; the tile's queries were loaded. */
  private void piece(int t, int head, int piece, long state, long base) {
    Step s = step();
    int row = tileRow[t];
    int seq = s.row(Step.SEQUENCE, row);
    if (tileSparse[t] && choice != null) {
      int from = piece * PAGES;
      int count = Math.min(PAGES, choice.count(row, head) - from);
      tile.chosen(s, seq, row, head, choice.pages(row, head), from, count, state, base);
      return;
    }
    int kept = lookup == null ? 0 : lookup.pieces(seq, head);
    if (lookup != null && piece < kept) {
      KeptRuns runs = lookup.runs(seq, head);
      int from = piece * AttentionTile.SPLIT;
      int count = Math.min(AttentionTile.SPLIT, runs.total() - from);
      int m = tileRows[t] * (op.heads() / op.kvHeads());
      tile.kept(lookup.keys(seq, head), runs, from, count, m, state, base);
      return;
    }
    tile.split(s, seq, row, tileRows[t], head, tileSplit[t] + piece - kept, state, base);
  }

  private void whole(int unit, int worker) {
    // The last tiles of a prompt see the most keys: they go first, so that threads end together.
    int t = tiles - 1 - unit / op.kvHeads();
    int head = unit % op.kvHeads();
    int m = tileRows[t] * (op.heads() / op.kvHeads());
    long base = scratch.of(worker);
    long state = tile.splitState(base);
    long running = tile.runningState(base);
    tile.load(q, tileRow[t], tileRows[t], head, base);
    tile.clear(running, m);
    int at = t * op.kvHeads() + head;
    for (int i = 0; i < pieceStart[at + 1] - pieceStart[at]; i++) {
      piece(t, head, i, state, base);
      tile.merge(state, running, m);
    }
    tile.finish(running, tileRow[t], tileRows[t], head, out, lse);
  }

  private void split(int unit, int worker) {
    int at = Arrays.binarySearch(pieceStart, 0, tiles * op.kvHeads() + 1, unit);
    at = at < 0 ? -at - 2 : at;
    // Tiles without pieces begin where the next one does.
    while (pieceStart[at + 1] == unit) {
      at++;
    }
    int t = at / op.kvHeads();
    int head = at % op.kvHeads();
    long base = scratch.of(worker);
    tile.load(q, tileRow[t], tileRows[t], head, base);
    piece(t, head, unit - pieceStart[at], states.address + unit * stateBytes, base);
  }

  private void merge(int unit, int worker) {
    int t = unit / op.kvHeads();
    int head = unit % op.kvHeads();
    int m = tileRows[t] * (op.heads() / op.kvHeads());
    long running = tile.runningState(scratch.of(worker));
    tile.clear(running, m);
    for (int i = pieceStart[unit]; i < pieceStart[unit + 1]; i++) {
      tile.merge(states.address + i * stateBytes, running, m);
    }
    tile.finish(running, tileRow[t], tileRows[t], head, out, lse);
  }
}
