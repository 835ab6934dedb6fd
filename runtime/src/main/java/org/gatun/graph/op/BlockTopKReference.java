package org.gatun.graph.op;

import java.util.Arrays;
import org.gatun.attention.AttentionPlan;
import org.gatun.attention.KvStore;
import org.gatun.attention.PageScores;
import org.gatun.graph.Step;

/** The choice of pages of {@link AttentionPlan.BlockTopK} in float64. */
final class BlockTopKReference extends PlanReference {
  private static final int PAGE = KvStore.PAGE_SLOTS;

  private final Attention op;
  private final AttentionPlan.BlockTopK plan;
  private final RefFrame f;

  /** Per row and KV head: the pages it reads; null for all. */
  private final boolean[][][] chosen;

  BlockTopKReference(Attention op, AttentionPlan.BlockTopK plan, RefFrame f) {
    this.op = op;
    this.plan = plan;
    this.f = f;
    chosen = new boolean[f.step().rows()][op.kvHeads()][];
    for (int seq = 0; seq < f.step().sequences(); seq++) {
      for (int h = 0; h < op.kvHeads(); h++) {
        sequence(seq, h);
      }
    }
  }

  private void sequence(int seq, int head) {
    Step s = f.step();
    int length = s.sequence(Step.KV_LENGTH, seq);
    int count = s.sequence(Step.ROW_COUNT, seq);
    boolean causal = s.sequence(Step.MASK, seq) == Step.MASK_CAUSAL;
    int group = op.heads() / op.kvHeads();
    PageScores scores =
        new PageScores(
            slot -> part(f.kv(op.layer(), true, s.page(seq, slot), slot % PAGE), head),
            length,
            (q, k) -> op.score(q, 0, k, 0));
    for (int i = 0; i < count; i++) {
      int r = s.sequence(Step.ROW_START, seq) + i;
      int slot = length - count + i;
      int bound = causal ? slot : length - count - 1;
      int pages = (causal ? slot : length - 1) / PAGE + 1;
      int local = plan.localFrom(causal, bound);
      if (pages > plan.blocks()) {
        double[][] queries = new double[group][];
        for (int g = 0; g < group; g++) {
          queries[g] = part(f.in(0), r * op.kvHeads() * group + head * group + g);
        }
        double[] score = scores.of(bound, pages, queries);
        boolean[] keep = PageScores.choose(plan, score, local);
        chosen[r][head] = keep;
        mark(r, score, keep, local);
      }
    }
  }

  private double[] part(double[] row, int index) {
    return Arrays.copyOfRange(row, index * op.headDim(), (index + 1) * op.headDim());
  }

  /** Marks a row whose worst page that was chosen and best that was not are close. */
  private void mark(int row, double[] score, boolean[] keep, int local) {
    double worst = Double.NaN;
    for (int b = plan.init(); b < local; b++) {
      worst = keep[b] && !(worst <= score[b]) ? score[b] : worst;
    }
    int next = PageScores.best(score, keep);
    if (!Double.isNaN(worst) && next >= 0 && close(worst, score[next])) {
      f.ambiguous(row);
    }
  }

  @Override
  boolean page(int row, int kvHead, int page) {
    boolean[] pages = chosen[row][kvHead];
    return pages == null || page >= pages.length || pages[page];
  }
}
