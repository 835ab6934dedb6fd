package org.gatun.backend.jvm;

import static org.gatun.backend.jvm.Lanes.N;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import org.gatun.attention.AttentionPlan.BlockTopK;
import org.gatun.attention.KvCodec;
import org.gatun.attention.KvStore;
import org.gatun.graph.Step;
import org.gatun.graph.StepLimits;
import org.gatun.graph.op.Attention;
import org.jspecify.annotations.Nullable;

/**
 * Which pages each row reads: {@link BlockTopK}. First the compressed keys that the step completed
 * are written, by (sequence, KV head); then pages are scored and chosen, by (tile of rows, KV
 * head).
 */
final class BlockChoice {
  private static final int PAGE = KvStore.PAGE_SLOTS;
  private static final long S_ROW = 4L * PAGE;

  private final WorkerPool pool;
  private final Scratch scratch;
  private final Attention op;
  private final BlockTopK plan;
  private final KvPages pages;
  private final AttentionTile tile;
  private final long layer;
  private final long q;
  private final long pRow;
  private final int[][] chosen;
  private final int[] chosenCount;
  private final int[] tileRow;
  private final int[] tileRows;
  private final WorkerPool.Task compressTask = this::compress;
  private final WorkerPool.Task chooseTask = this::choose;
  private int tiles;
  private @Nullable Step current;

  BlockChoice(
      WorkerPool pool,
      Scratch scratch,
      Attention op,
      BlockTopK plan,
      KvPages pages,
      AttentionTile tile,
      StepLimits limits,
      long q) {
    this.pool = pool;
    this.scratch = scratch;
    this.op = op;
    this.plan = plan;
    this.pages = pages;
    this.tile = tile;
    this.q = q;
    layer = pages.layer(op.layer());
    // A row under a full mask may be near to more pages than the budget has.
    int most = Math.min(limits.pages(), plan.blocks() + Math.ceilDiv(limits.rows(), PAGE) + 2);
    chosen = new int[limits.rows() * op.kvHeads()][most];
    chosenCount = new int[chosen.length];
    tileRow = new int[limits.rows() + 1];
    tileRows = new int[limits.rows() + 1];
    pRow = 4L * Math.ceilDiv(BlockTopK.compressed(limits.slots()) + 1, PAGE) * PAGE;
    long pageScores = 4L * (limits.pages() + 64);
    scratch.need(
        tile.scratchBytes() + 8L * (tile.capacity() + 16) + tile.rowsPerTile() * pRow + pageScores);
  }

  /** Whether the row reads less than all its pages. */
  boolean isSparse(Step s, int row) {
    return pagesOf(s, row) > plan.blocks();
  }

  /** Pages that a row reads; ascending. */
  int[] pages(int row, int kvHead) {
    return chosen[row * op.kvHeads() + kvHead];
  }

  /** How many of {@link #pages} count. */
  int count(int row, int kvHead) {
    return chosenCount[row * op.kvHeads() + kvHead];
  }

  void run(Step s) {
    current = s;
    pool.run(compressTask, s.sequences() * op.kvHeads());
    tiles = 0;
    int per = tile.rowsPerTile();
    for (int seq = 0; seq < s.sequences(); seq++) {
      int end = s.sequence(Step.ROW_START, seq) + s.sequence(Step.ROW_COUNT, seq);
      int row = s.sequence(Step.ROW_START, seq);
      while (row < end) {
        if (!isSparse(s, row)) {
          row++;
          continue;
        }
        tileRow[tiles] = row;
        tileRows[tiles] = Math.min(per, end - row);
        row += tileRows[tiles++];
      }
    }
    pool.run(chooseTask, tiles * op.kvHeads());
  }

  private static boolean isCausal(Step s, int row) {
    return s.sequence(Step.MASK, s.row(Step.SEQUENCE, row)) == Step.MASK_CAUSAL;
  }

  private static int pagesOf(Step s, int row) {
    int last =
        isCausal(s, row)
            ? s.row(Step.SLOT, row)
            : s.sequence(Step.KV_LENGTH, s.row(Step.SEQUENCE, row)) - 1;
    return last / PAGE + 1;
  }

  private static int bound(Step s, int row) {
    int seq = s.row(Step.SEQUENCE, row);
    return isCausal(s, row)
        ? s.row(Step.SLOT, row)
        : s.sequence(Step.KV_LENGTH, seq) - s.sequence(Step.ROW_COUNT, seq) - 1;
  }

  private long head(int seq, int kvHead, int page) {
    return pages.page(step().page(seq, page * PAGE))
        + layer
        + kvHead * pages.headBytes(op.headDim());
  }

  /** Writes the compressed keys whose last slot the sequence did not have before. */
  private void compress(int unit, int worker) {
    int seq = unit / op.kvHeads();
    int kvHead = unit % op.kvHeads();
    int fresh = step().sequence(Step.FRESH, seq);
    int length = step().sequence(Step.KV_LENGTH, seq);
    for (int j = BlockTopK.compressed(fresh - 1); j < BlockTopK.compressed(length - 1); j++) {
      mean(seq, kvHead, j * BlockTopK.STRIDE, BlockTopK.WIDTH, compressedKey(seq, kvHead, j));
    }
    for (int i = BlockTopK.coarse(fresh - 1); i < BlockTopK.coarse(length - 1); i++) {
      mean(seq, kvHead, i * PAGE, BlockTopK.COARSE_WIDTH, coarseKey(seq, kvHead, i));
    }
  }

  private long compressedKey(int seq, int kvHead, int j) {
    int place = (j + 1) % BlockTopK.PER_PAGE;
    return side(seq, kvHead, (j + 1) / BlockTopK.PER_PAGE, place);
  }

  private long coarseKey(int seq, int kvHead, int i) {
    return side(seq, kvHead, i + 1, BlockTopK.PER_PAGE);
  }

  private long side(int seq, int kvHead, int page, int place) {
    int dim = op.headDim();
    return head(seq, kvHead, page)
        + pages.compressedKeys(dim)
        + (long) place * dim * pages.compressedCodec().elementBytes();
  }

  private void mean(int seq, int kvHead, int slot, int width, long to) {
    int dim = op.headDim();
    for (int i = 0; i < dim; i++) {
      float sum = 0;
      for (int s = slot; s < slot + width; ) {
        long head = head(seq, kvHead, s / PAGE);
        int end = Math.min(slot + width, (s / PAGE + 1) * PAGE);
        for (; s < end; s++) {
          sum += pages.key(head, dim, s % PAGE, i);
        }
      }
      float x = sum / width;
      switch (pages.compressedCodec()) {
        case F32 -> Lanes.put(to + 4L * i, x);
        default -> Lanes.ALL.set(Lanes.I16, to + 2L * i, KvCodec.half(x));
      }
    }
  }

  private void choose(int unit, int worker) {
    int t = unit / op.kvHeads();
    int kvHead = unit % op.kvHeads();
    int row = tileRow[t];
    int rows = tileRows[t];
    int group = op.heads() / op.kvHeads();
    int m = rows * group;
    int seq = step().row(Step.SEQUENCE, row);
    int bound = bound(step(), row + rows - 1);
    long base = scratch.of(worker);
    long max = base + tile.scratchBytes();
    long sum = max + 4L * (tile.capacity() + 8);
    long p = sum + 4L * (tile.capacity() + 8);
    float up = half(m) ? Lanes.HALF_WAY : 1;
    tile.load(q, row, rows, kvHead, base, up);
    for (int i = 0; i < m; i++) {
      Lanes.put(max + 4L * i, Float.NEGATIVE_INFINITY);
      Lanes.put(sum + 4L * i, 0);
    }
    int coarse = BlockTopK.coarse(bound);
    for (int i = 0; i < coarse; i += PAGE) {
      products(seq, kvHead, i, Math.min(PAGE, coarse - i), true, m, base);
      for (int x = 0; x < m; x++) {
        int n = BlockTopK.coarse(bound(step(), row + x / group)) - i;
        logSum(tile.scores(base) + x * S_ROW, up, n, max + 4L * x, sum + 4L * x);
      }
    }
    int fine = BlockTopK.compressed(bound);
    for (int j = 0; j < fine; j += PAGE) {
      products(seq, kvHead, j, Math.min(PAGE, fine - j), false, m, base);
      for (int r = 0; r < rows; r++) {
        int n = BlockTopK.compressed(bound(step(), row + r)) - j;
        long to = p + r * pRow + 4L * j;
        for (int k = 0; k < PAGE; k += N) {
          Lanes.store(Lanes.zero(), to + 4L * k);
        }
        for (int g = 0; g < group; g++) {
          int x = r * group + g;
          float l = Lanes.get(max + 4L * x) + (float) Math.log(Lanes.get(sum + 4L * x));
          addShares(tile.scores(base) + x * S_ROW, up, n, l, to);
        }
      }
    }
    for (int r = 0; r < rows; r++) {
      pick(row + r, kvHead, p + r * pRow, p + rows * pRow);
    }
  }

  /** Scores of the tile's queries with 64 compressed keys. */
  private void products(
      int seq, int kvHead, int first, int count, boolean coarse, int m, long base) {
    int dim = op.headDim();
    long plain = tile.plainRows(base);
    boolean half = half(m);
    for (int i = 0; i < count; i++) {
      long key = coarse ? coarseKey(seq, kvHead, first + i) : compressedKey(seq, kvHead, first + i);
      if (half) {
        Lanes.ALL.set(Lanes.I64, plain + 8L * i, key);
      } else {
        Lanes.widen(pages.compressedCodec(), key, dim, plain + 4L * i * dim);
      }
    }
    long scores = tile.scores(base);
    if (half) {
      for (int i = count; i % Dots.KEYS != 0; i++) {
        Lanes.ALL.set(Lanes.I64, plain + 8L * i, Lanes.address(plain));
      }
      Dots.halfRows(base, 4L * dim, m, plain, count, dim, scores, S_ROW, tile.partial(base));
    } else {
      Dots.rows(base, 4L * dim, m, plain, 4L * dim, count, dim, scores, S_ROW, tile.partial(base));
    }
  }

  /** Whether compressed keys are read in place. */
  private boolean half(int m) {
    return pages.compressedCodec() == KvCodec.F16 && m <= AttentionTile.FEW;
  }

  private FloatVector capped(long x, float up, int n, int i) {
    FloatVector s = Lanes.load(x + 4L * i).mul(up);
    if (op.softCap() > 0) {
      s = VMath.tanh(s.mul(1 / op.softCap())).mul(op.softCap());
    }
    VectorMask<Float> in = Lanes.indices(i).compare(VectorOperators.LT, n).cast(Lanes.F);
    return Lanes.splat(Float.NEGATIVE_INFINITY).blend(s, in);
  }

  private void logSum(long x, float up, int n, long maxAt, long sumAt) {
    FloatVector top = Lanes.splat(Float.NEGATIVE_INFINITY);
    for (int i = 0; i < Math.min(n, PAGE); i += N) {
      top = top.max(capped(x, up, n, i));
    }
    float before = Lanes.get(maxAt);
    float max = Math.max(before, top.reduceLanes(VectorOperators.MAX));
    if (max == Float.NEGATIVE_INFINITY) {
      return;
    }
    FloatVector sum = Lanes.zero();
    for (int i = 0; i < Math.min(n, PAGE); i += N) {
      sum = sum.add(VMath.exp(capped(x, up, n, i).sub(max)));
    }
    Lanes.put(maxAt, max);
    Lanes.put(sumAt, Lanes.get(sumAt) * (float) Math.exp(before - max) + Lanes.sum(sum));
  }

  private void addShares(long x, float up, int n, float logSum, long to) {
    for (int i = 0; i < Math.min(n, PAGE); i += N) {
      FloatVector e = VMath.exp(capped(x, up, n, i).sub(logSum));
      Lanes.store(Lanes.load(to + 4L * i).add(e), to + 4L * i);
    }
  }

  /** The pages of one row: near ones, and the best of the others. */
  private void pick(int row, int kvHead, long p, long score) {
    if (!isSparse(step(), row)) {
      return;
    }
    int bound = bound(step(), row);
    int visible = BlockTopK.compressed(bound);
    int total = pagesOf(step(), row);
    int local = plan.localFrom(isCausal(step(), row), bound);
    int init = Math.min(plan.init(), local);
    int left = Math.min(Math.max(0, plan.blocks() - (total - local) - init), local - init);
    int[] list = chosen[row * op.kvHeads() + kvHead];
    int n = 0;
    for (; n < init; n++) {
      list[n] = n;
    }
    for (int b = init; b < local; b++) {
      Lanes.put(score + 4L * b, pageScore(p, b, visible));
    }
    n = best(score, init, local, left, list, n);
    for (int b = local; b < total; b++) {
      list[n++] = b;
    }
    chosenCount[row * op.kvHeads() + kvHead] = n;
  }

  private static float pageScore(long p, int page, int visible) {
    float best = 0;
    int first = Math.max(0, BlockTopK.PER_PAGE * page - 1);
    int last = Math.min(visible - 1, BlockTopK.PER_PAGE * page + 3);
    for (int j = first; j <= last; j++) {
      best = Math.max(best, Lanes.get(p + 4L * j));
    }
    return best;
  }

  /** Appends the {@code k} best pages in ascending order; the lower one on ties. */
  private static int best(long score, int from, int to, int k, int[] list, int n) {
    int first = n;
    for (int b = from; b < to; b++) {
      float s = Lanes.get(score + 4L * b);
      if (n - first == k) {
        if (k == 0 || !(s > Lanes.get(score + 4L * list[n - 1]))) {
          continue;
        }
        n--;
      }
      int at = n++;
      for (; at > first && Lanes.get(score + 4L * list[at - 1]) < s; at--) {
        list[at] = list[at - 1];
      }
      list[at] = b;
    }
    java.util.Arrays.sort(list, first, n);
    return n;
  }

  private Step step() {
    Step s = current;
    if (s == null) {
      throw new IllegalStateException("no step");
    }
    return s;
  }
}
