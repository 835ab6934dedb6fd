package org.gatun.cuda;

import java.util.List;
import java.util.Map;
import org.gatun.attention.AttentionPlan;
import org.gatun.attention.KvCodec;
import org.gatun.attention.KvLayer;
import org.gatun.attention.PlantedPrefix;
import org.gatun.attention.PrefixThresholds;
import org.gatun.graph.op.Attention;
import org.gatun.graph.op.KvAppend;
import org.gatun.graph.spec.CaseBuilder;
import org.gatun.graph.spec.Narrowing;
import org.gatun.graph.spec.OpCase;
import org.gatun.graph.spec.Tolerance;

/** The bars of attention plans' kernels: 4 query heads, 1 KV head of 128, F16 pages. */
final class PlanBars {
  private static final double SECTOR = KernelBars.SECTOR;
  private static final int HEADS = 4;
  private static final int DIM = 128;

  /** K and V of a token, f16. */
  private static final double KV = 2.0 * 2 * DIM;

  /** A vector of f32. */
  private static final double Q = 4.0 * DIM;

  private final KernelBars bars;

  private PlanBars(KernelBars bars) {
    this.bars = bars;
  }

  static void addTo(KernelBars bars) {
    PlanBars b = new PlanBars(bars);
    b.squeezed();
    b.blockTopK();
  }

  private static CaseBuilder start(String name, AttentionPlan plan) {
    CaseBuilder c =
        new CaseBuilder("bars/" + name, 7)
            .limits(256, 2, 256, 2048)
            .kv(KvCodec.F16)
            .tolerance(new Tolerance(2e-3, 2e-3))
            .narrowing(Narrowing.ATTENTION);
    c.kvLayer(0, 1, DIM);
    c.op(new KvAppend(0), c.input("k", DIM), c.input("v", DIM));
    c.op(
        new Attention(0, HEADS, 1, DIM, 1 / (float) Math.sqrt(DIM), 0, 0, plan, true),
        c.input("q", HEADS * DIM));
    return c;
  }

  private static OpCase.Rows rows(int count) {
    return OpCase.Rows.next("a", new int[count]);
  }

  /** A prefix all of whose clusters are kept, so that what is read is known beforehand. */
  private void squeezed() {
    int tokens = 512;
    int clusters = 32;
    int rows = 128;
    OpCase prefill = behindPrefix("prefill", tokens, clusters).run(rows(rows)).build();
    OpCase decode = behindPrefix("decode", tokens, clusters).run(rows(rows)).run(rows(1)).build();
    String shape = rows + " rows behind " + tokens + " tokens in " + clusters + " clusters";
    double centroids = clusters * (2.0 * DIM + 4);
    bars.add(
        "squeezed_sums",
        "1 row behind " + tokens + " tokens in " + clusters + " clusters",
        decode,
        "q of a head, all centroids, sizes and their scores, 7 sectors",
        HEADS * (Q + centroids + 4 * clusters + 7 * SECTOR),
        HEADS * (Q + 4 + 4 * clusters) + centroids,
        0,
        Map.of());
    bars.add(
        "squeezed_tiles_128",
        HEADS + "/1 heads, " + shape,
        prefill,
        "64 rows of q, all centroids, sizes and shares; 9 sectors",
        rows / 64.0 * HEADS * (64 * Q + centroids + 4 * clusters + 9 * SECTOR),
        rows * HEADS * Q + centroids + rows / 64.0 * HEADS * 4 * clusters,
        2.0 * HEADS * DIM * rows * clusters,
        Map.of());
    double shares = rows / 64.0 * HEADS * 4;
    bars.add(
        "squeezed_keep",
        shape,
        prefill,
        "shares of all tiles of rows and heads, sizes, flags, 9 sectors",
        clusters * (shares + 4 + 1) + 9 * SECTOR,
        clusters * (shares + 4 + 1),
        0,
        Map.of(
            "efficiency",
            "a cluster is a few words, and the step's fields a word of a sector each"));
    int tokensOfMany = 2048;
    int many = 128;
    bars.add(
        "squeezed_compact",
        tokensOfMany + " tokens in " + many + " clusters",
        behindPrefix("compact", tokensOfMany, many).run(rows(1)).build(),
        "flags, sizes and starts of the clusters, the tokens kept, 6 sectors",
        many * (1 + 4 + 4.0) + 4 * tokensOfMany + 6 * SECTOR,
        many * (1 + 4 + 4.0) + 4 * tokensOfMany + 4,
        0,
        Map.of());
    double tiles = 0;
    double needed = 0;
    for (int tile = 0; tile < rows / 64; tile++) {
      int pages = (tile + 1) * 64;
      tiles +=
          HEADS * (64 * 2 * Q + 64 * SECTOR + (tokens + pages) * KV + 4 * tokens + 14 * SECTOR);
      needed += 2.0 * HEADS * DIM * 64 * (tokens + tile * 64 + 32.5);
    }
    bars.add(
        "flash_prefix_128",
        HEADS + "/1 heads, " + shape,
        prefill,
        "64 rows of q, o, log sums (a sector each); K and V of the prefix, its tokens' numbers, the pages up to theirs;"
            + " 14 sectors",
        tiles,
        rows * (HEADS * (2 * Q + 4) + KV) + tokens * (KV + 4),
        needed,
        Map.of());
    int splits = 5; // 8 tiles of the prefix and 3 pages, two tiles each at least
    double partial = HEADS * (Q + 8);
    bars.add(
        "attend_prefix_4",
        HEADS + "/1 heads, 1 row behind " + tokens + " tokens and " + rows,
        decode,
        "q of the group, K and V of its share of the tokens and their numbers, partial results of the group, 10 sectors",
        splits * (HEADS * Q + partial + 10 * SECTOR) + tokens * (KV + 4) + (rows + 1) * KV,
        tokens * (KV + 4) + (rows + 1) * KV + HEADS * (2 * Q + 4),
        0,
        Map.of());
  }

  private static CaseBuilder behindPrefix(String name, int tokens, int clusters) {
    CaseBuilder c = start("squeezed/" + name, new AttentionPlan.Squeezed(1));
    int prefix =
        c.prefix(
            PlantedPrefix.of(
                List.of(new KvLayer(0, 1, DIM)), KvCodec.F16, tokens, clusters, 0, 0.3f, 5));
    return c.then(new OpCase.Attach("a", prefix, PrefixThresholds.KEEP_ALL));
  }

  /** 1,024 tokens are there; 8 pages of up to 17 are read. */
  private void blockTopK() {
    int before = 1024;
    int rows = 64;
    int budget = 8;
    AttentionPlan plan = new AttentionPlan.BlockTopK(budget, 1, 2);
    OpCase prefill = filled("prefill", plan, before).run(rows(rows)).build();
    OpCase decode = filled("decode", plan, before).run(rows(1)).build();
    String many = rows + " rows, " + budget + " of 17 pages";
    String one = "1 row, " + budget + " of 17 pages";
    double means = 2.0 * DIM; // one, f16
    bars.add(
        "topk_means",
        many,
        prefill,
        "keys of two pages, four means of 32 and one of 128, 8 sectors",
        128 * 2.0 * DIM + 5 * means + 8 * SECTOR,
        128 * 2.0 * DIM + 5 * means,
        0,
        Map.of());
    bars.add(
        "topk_sums",
        one,
        decode,
        "q of the group, the 15 means of 128 keys, page numbers, 10 sectors",
        HEADS * Q + 15 * means + 4 * 15 + 10 * SECTOR,
        HEADS * Q + 15 * means + 4 * HEADS,
        0,
        Map.of());
    bars.add(
        "topk_scores",
        one,
        decode,
        "q and log sums of the group, up to 65 means of 32 keys, page numbers, 16 scores, 10 sectors",
        2 * (HEADS * Q + 4 * HEADS + 10 * SECTOR) + 63 * means + 4 * 16 + 4 * 17,
        HEADS * (Q + 4) + 63 * means + 4 * 17,
        0,
        Map.of());
    bars.add(
        "topk_select",
        many,
        prefill,
        "a row's scores (17 words) and list (8 words), 8 sectors",
        rows * (3 * SECTOR + SECTOR + 8 * SECTOR),
        rows * (4 * 17 + 4 * budget + 4),
        0,
        Map.of(
            "efficiency",
            "a row's scores and list are few words, and pages are written one by one"));
    bars.add(
        "topk_union",
        many,
        prefill,
        "64 lists of 8 pages and their lengths, up to 17 pages and their readers, 8 sectors",
        rows * (4 * budget + 4.0) + 17 * 12 + 8 * SECTOR,
        rows * (4 * budget + 4.0) + 17 * 12,
        0,
        Map.of("efficiency", "a list of eight pages is one sector, and its length another"));
    bars.add(
        "flash_pages_128",
        HEADS + "/1 heads, " + many,
        prefill,
        "64 rows of q, o, log sums (a sector each); K and V of the pages that a row of the tile reads and their readers;"
            + " 14 sectors",
        HEADS * (64 * 2 * Q + 64 * SECTOR + 17 * (64 * KV + 12) + 14 * SECTOR),
        rows * HEADS * (2 * Q + 4) + 17 * 64 * KV,
        2.0 * HEADS * DIM * rows * (16 * 64 + 32.5),
        Map.of());
    int splits = 5; // as for ten pages, of which rows of a full mask may need that many
    double partial = HEADS * (Q + 8);
    bars.add(
        "attend_pages_4",
        HEADS + "/1 heads, " + one,
        decode,
        "q of the group, K and V of its share of the pages, partial results of the group, 10 sectors",
        splits * (HEADS * Q + partial + 10 * SECTOR) + ((budget - 1) * 64 + 1) * KV,
        ((budget - 1) * 64 + 1) * KV + HEADS * (2 * Q + 4),
        0,
        Map.of());
  }

  private static CaseBuilder filled(String name, AttentionPlan plan, int tokens) {
    CaseBuilder c = start("topk/" + name, plan);
    for (int at = 0; at < tokens; at += 256) {
      c.run(rows(256));
    }
    return c;
  }
}
