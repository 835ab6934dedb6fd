package org.gatun.graph.op;

import static org.gatun.attention.AttentionPlan.BlockTopK.COARSE_STRIDE;
import static org.gatun.attention.AttentionPlan.BlockTopK.COARSE_WIDTH;
import static org.gatun.attention.AttentionPlan.BlockTopK.PER_PAGE;
import static org.gatun.attention.AttentionPlan.BlockTopK.STRIDE;
import static org.gatun.attention.AttentionPlan.BlockTopK.WIDTH;

import java.util.Arrays;
import org.gatun.attention.AttentionPlan;
import org.gatun.attention.KvStore;
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
    double[][] fine = compressed(seq, head, length, WIDTH, STRIDE);
    double[][] coarse = compressed(seq, head, length, COARSE_WIDTH, COARSE_STRIDE);
    for (int i = 0; i < count; i++) {
      int r = s.sequence(Step.ROW_START, seq) + i;
      int slot = length - count + i;
      int bound = causal ? slot : length - count - 1;
      int pages = (causal ? slot : length - 1) / PAGE + 1;
      int local = plan.localFrom(causal, bound);
      if (pages > plan.blocks()) {
        chosen[r][head] = choose(r, head, bound, pages, local, fine, coarse);
      }
    }
  }

  private double[][] compressed(int seq, int head, int length, int width, int stride) {
    int n = length < width ? 0 : (length - width) / stride + 1;
    double[][] mean = new double[n][op.headDim()];
    for (int j = 0; j < n; j++) {
      for (int slot = j * stride; slot < j * stride + width; slot++) {
        double[] k = f.kv(op.layer(), true, f.step().page(seq, slot), slot % PAGE);
        for (int i = 0; i < op.headDim(); i++) {
          mean[j][i] += k[head * op.headDim() + i] / width;
        }
      }
    }
    return mean;
  }

  private boolean[] choose(
      int r, int head, int bound, int pages, int local, double[][] fine, double[][] coarse) {
    boolean[] keep = new boolean[pages];
    Arrays.fill(keep, 0, plan.init(), true);
    Arrays.fill(keep, local, pages, true);
    int left = plan.blocks();
    for (boolean k : keep) {
      left -= k ? 1 : 0;
    }
    double[] score = pageScores(r, head, bound, pages, fine, coarse);
    double last = Double.NaN;
    for (; left > 0; left--) {
      int best = best(score, keep);
      keep[best] = true;
      last = score[best];
    }
    int next = best(score, keep);
    if (!Double.isNaN(last) && next >= 0 && close(last, score[next])) {
      f.ambiguous(r);
    }
    return keep;
  }

  private static int best(double[] score, boolean[] taken) {
    int best = -1;
    for (int b = 0; b < score.length; b++) {
      if (!taken[b] && (best < 0 || score[b] > score[best])) {
        best = b;
      }
    }
    return best;
  }

  private double[] pageScores(
      int r, int head, int bound, int pages, double[][] fine, double[][] coarse) {
    int group = op.heads() / op.kvHeads();
    double[] p = new double[AttentionPlan.BlockTopK.compressed(bound)];
    double[] x = new double[AttentionPlan.BlockTopK.coarse(bound)];
    for (int g = 0; g < group; g++) {
      int at = (r * op.heads() + head * group + g) * op.headDim();
      for (int i = 0; i < x.length; i++) {
        x[i] = op.score(f.in(0), at, coarse[i], 0);
      }
      double sum = logSum(x, x.length);
      for (int j = 0; j < p.length; j++) {
        p[j] += Math.exp(op.score(f.in(0), at, fine[j], 0) - sum);
      }
    }
    double[] score = new double[pages];
    for (int b = 0; b < pages; b++) {
      for (int j = PER_PAGE * b - 1; j <= PER_PAGE * b + 3; j++) {
        score[b] = j >= 0 && j < p.length ? Math.max(score[b], p[j]) : score[b];
      }
    }
    return score;
  }

  @Override
  boolean page(int row, int kvHead, int page) {
    boolean[] pages = chosen[row][kvHead];
    return pages == null || page >= pages.length || pages[page];
  }
}
