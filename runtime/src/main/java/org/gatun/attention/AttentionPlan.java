package org.gatun.attention;

import java.util.List;

/**
 * Which keys a step reads. A plan is chosen when a graph is compiled and runs on the device; every
 * plan equals dense attention when its budget covers all keys. It lists segments; each gives a
 * softmax state, and states merge by their log sums.
 */
public sealed interface AttentionPlan {
  /** Where a plan's keys come from. */
  enum Segment {
    /** The sequence's pages, all slots the row sees. */
    PAGES,
    /** The sequence's pages, only those whose bit is set for this row and KV head. */
    BLOCK_BITS,
    /** Runs of consecutive tokens of the sequence's prefix, a list per sequence and KV head. */
    PREFIX_RUNS
  }

  /** Every visible key. */
  Dense DENSE = new Dense();

  /** The segments of one layer, merged in this order. */
  List<Segment> segments();

  /** Every visible key. */
  record Dense() implements AttentionPlan {
    @Override
    public List<Segment> segments() {
      return List.of(Segment.PAGES);
    }

    @Override
    public String toString() {
      return "dense";
    }
  }

  /**
   * Squeezed Attention (Hooper et al. 2024, arXiv 2411.09688): of the sequence's {@link
   * PrefixData}, only clusters whose centroid promises more softmax weight per key than a
   * threshold; of its pages, every visible key. A sequence without a prefix is read densely.
   *
   * <p>With {@code score(q, k)} as the op defines it (scale and soft cap included), over the G
   * query heads of a KV head and all rows that the sequence has in the step:
   *
   * <pre>
   *   S_i = mean over rows and heads of  exp score(q, C_i) / Σ_j N_j exp score(q, C_j)      cluster i is kept iff S_i &gt; T
   * </pre>
   *
   * With two levels the coarse clusters are looked up so first; the fine lookup, its sum included,
   * runs only over the children of those that were kept. All rows of a sequence in a step share one
   * selection, so decode selects per token.
   *
   * @param levels 1: fine centroids only; 2: coarse ones first
   */
  record Squeezed(int levels) implements AttentionPlan {
    /** Checks the number of levels. */
    public Squeezed {
      if (levels != 1 && levels != 2) {
        throw new IllegalArgumentException(
            "squeezed attention has 1 or 2 levels of centroids, not " + levels);
      }
    }

    @Override
    public List<Segment> segments() {
      return List.of(Segment.PREFIX_RUNS, Segment.PAGES);
    }

    @Override
    public String toString() {
      return "squeezed, " + (levels == 1 ? "one level" : "two levels");
    }
  }

  /**
   * Block-sparse top-k in the shape of InfLLM v2 (arXiv 2509.24663): each row reads {@code blocks}
   * pages per KV head. The model must have been trained for it.
   *
   * <pre>
   *   compressed keys   c1_j = mean of the keys in slots 16j … 16j+31        c2_i = mean of slots 64i … 64i+127
   *   a row in slot t sees  c1_j iff 16j+31 ≤ B,  c2_i iff 64i+127 ≤ B;      B = t
   *   L_h = log Σ_i exp score(q_h, c2_i)        p_j = Σ over the heads of the group  exp(score(q_h, c1_j) − L_h)
   *   score of page b = max of p_j over visible j in 4b−1 … 4b+3
   * </pre>
   *
   * A row whose causal pages number {@code blocks} or fewer reads them all. Otherwise it reads
   * pages {@code 0 … init−1}, the {@code local} last ones including its own, and those others with
   * the highest scores (the lower page on ties), {@code blocks} in all. Under a full or explicit
   * mask B is the last slot before the step; pages from {@code (B+1)/64 − max(local, 2) + 1} on are
   * all read.
   *
   * @param blocks pages a row reads
   * @param init pages at the start that are always read
   * @param local pages at the end that are always read, the row's own included
   */
  record BlockTopK(int blocks, int init, int local) implements AttentionPlan {
    /** Slots and stride of a compressed key. */
    public static final int WIDTH = 32, STRIDE = 16;

    /** Slots and stride of a coarse compressed key. */
    public static final int COARSE_WIDTH = 128, COARSE_STRIDE = 64;

    /** Compressed keys whose last slot lies in one page: j = 4b−1 … 4b+2. */
    public static final int PER_PAGE = KvStore.PAGE_SLOTS / STRIDE;

    /** Checks that the pages always read fit the budget. */
    public BlockTopK {
      if (init < 0 || local < 1 || blocks < init + local) {
        throw new IllegalArgumentException(
            "block top-k needs k ≥ init + local with local ≥ 1, not k="
                + blocks
                + ", init="
                + init
                + ", local="
                + local);
      }
    }

    /** Compressed keys whose slots all lie at or before slot {@code bound}. */
    public static int compressed(int bound) {
      return bound + 1 < WIDTH ? 0 : (bound + 1 - WIDTH) / STRIDE + 1;
    }

    /** Coarse compressed keys whose slots all lie at or before slot {@code bound}. */
    public static int coarse(int bound) {
      return bound + 1 < COARSE_WIDTH ? 0 : (bound + 1 - COARSE_WIDTH) / COARSE_STRIDE + 1;
    }

    /**
     * First page that is read for being near.
     *
     * @param causal whether the row sees the step's rows up to its own
     * @param bound the last slot B that scores may look at
     */
    public int localFrom(boolean causal, int bound) {
      return causal
          ? Math.max(0, bound / KvStore.PAGE_SLOTS + 1 - local)
          : Math.max(0, (bound + 1) / KvStore.PAGE_SLOTS - Math.max(local, 2) + 1);
    }

    @Override
    public List<Segment> segments() {
      return List.of(Segment.BLOCK_BITS);
    }

    @Override
    public String toString() {
      return "blocktopk:" + blocks + ",init=" + init + ",local=" + local;
    }
  }
}
