package org.gatun.graph.op;

import java.util.Arrays;
import java.util.List;
import org.gatun.attention.AttentionPlan;
import org.gatun.attention.ClusterScores;
import org.gatun.attention.PrefixData;
import org.gatun.graph.Step;

/** The lookups of {@link AttentionPlan.Squeezed} in float64. */
final class SqueezedReference extends PlanReference {
  private final Attention op;
  private final RefFrame f;

  /** Per sequence and KV head: which fine clusters are kept; null without a prefix. */
  private final boolean[][][] kept;

  SqueezedReference(Attention op, AttentionPlan.Squeezed plan, RefFrame f) {
    this.op = op;
    this.f = f;
    Step s = f.step();
    kept = new boolean[s.sequences()][op.kvHeads()][];
    for (int seq = 0; seq < s.sequences(); seq++) {
      int id = s.sequence(Step.PREFIX, seq);
      for (int h = 0; h < op.kvHeads() && id >= 0; h++) {
        kept[seq][h] = select(f.prefix(id).layer(op.layer()), plan, seq, h);
      }
    }
  }

  private boolean[] select(PrefixData.Layer l, AttentionPlan.Squeezed plan, int seq, int head) {
    double[][] queries = queries(seq, head);
    int[] sizes = ClusterScores.sizes(l, false, head);
    if (plan.levels() == 2 && l.coarse() > 0) {
      boolean[] survives =
          above(l, true, head, ClusterScores.sizes(l, true, head), queries, seq, Step.COARSE);
      for (int a = 0; a < l.coarse(); a++) {
        if (!survives[a]) {
          Arrays.fill(sizes, l.child(head, a), l.child(head, a + 1), 0);
        }
      }
    }
    return above(l, false, head, sizes, queries, seq, Step.FINE);
  }

  private double[][] queries(int seq, int head) {
    Step s = f.step();
    int group = op.heads() / op.kvHeads();
    double[][] q = new double[s.sequence(Step.ROW_COUNT, seq) * group][];
    for (int i = 0; i < q.length; i++) {
      int row = s.sequence(Step.ROW_START, seq) + i / group;
      int at = (row * op.heads() + head * group + i % group) * op.headDim();
      q[i] = Arrays.copyOfRange(f.in(0), at, at + op.headDim());
    }
    return q;
  }

  private boolean[] above(
      PrefixData.Layer l,
      boolean coarse,
      int head,
      int[] sizes,
      double[][] queries,
      int seq,
      int thresholdField) {
    float threshold = f.step().sequenceFloat(thresholdField, seq);
    double[] score =
        ClusterScores.mean(l, coarse, head, sizes, queries, (q, c) -> op.score(q, 0, c, 0));
    boolean[] keep = new boolean[score.length];
    for (int i = 0; i < keep.length; i++) {
      mark(seq, sizes[i], score[i], threshold);
      keep[i] = score[i] > threshold;
    }
    return keep;
  }

  private void mark(int seq, int size, double score, float threshold) {
    if (size > 0 && close(score, threshold)) {
      for (int r = 0; r < f.step().sequence(Step.ROW_COUNT, seq); r++) {
        f.ambiguous(f.step().sequence(Step.ROW_START, seq) + r);
      }
    }
  }

  @Override
  void prefix(int sequence, int kvHead, List<double[]> keys, List<double[]> values) {
    boolean[] keep = kept[sequence][kvHead];
    if (keep == null) {
      return;
    }
    PrefixData p = f.prefix(f.step().sequence(Step.PREFIX, sequence));
    PrefixData.Layer l = p.layer(op.layer());
    for (int i = 0; i < l.fine(); i++) {
      for (int t = l.start(kvHead, i); keep[i] && t < l.start(kvHead, i + 1); t++) {
        for (boolean key : new boolean[] {true, false}) {
          double[] x = new double[op.headDim()];
          l.read(key, kvHead, t, p.tokens(), x, 0);
          if (l.codec() != f.kvCodec()) {
            f.kvCodec().round(x, 0, x.length);
          }
          (key ? keys : values).add(x);
        }
      }
    }
  }
}
