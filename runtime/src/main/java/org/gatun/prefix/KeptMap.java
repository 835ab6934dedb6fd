package org.gatun.prefix;

import java.lang.foreign.ValueLayout;
import org.gatun.attention.AttentionPlan;
import org.gatun.attention.KvLayer;
import org.gatun.attention.KvStore;
import org.gatun.attention.PageScores;
import org.gatun.attention.PrefixData;
import org.gatun.attention.PrefixThresholds;

/**
 * What each layer and head of a prefix keeps, over the document: for each stretch of it the share
 * of (token, query) pairs that were read by the queries of the observation window, each choosing
 * for itself.
 *
 * @param layers layer of each row
 * @param heads KV head of each row
 * @param share by row and stretch, 0 … 1
 * @param kept share of all keys, by row
 */
public record KeptMap(int[] layers, int[] heads, double[][] share, double[] kept) {
  /** The map at this sparsity, with so many stretches. */
  public static KeptMap of(StoredPrefix p, int levels, double sparsity, int bins) {
    int rows = p.data().layers().stream().mapToInt(l -> l.shape().kvHeads()).sum();
    KeptMap m = new KeptMap(new int[rows], new int[rows], new double[rows][], new double[rows]);
    PrefixThresholds t = sparsity <= 0 ? PrefixThresholds.KEEP_ALL : p.quantiles().at(sparsity);
    int row = 0;
    for (StoredPrefix.Observed o : p.observed()) {
      PrefixData.Layer l = p.data().layer(o.layer());
      for (int h = 0; h < l.shape().kvHeads(); h++, row++) {
        m.layers[row] = o.layer();
        m.heads[row] = h;
        m.share[row] = row(p, l, o, h, levels, t, bins);
        m.kept[row] = java.util.Arrays.stream(m.share[row]).average().orElse(0);
      }
    }
    return m;
  }

  /** The map of block top-k over the whole document, as its last tokens would choose. */
  public static KeptMap of(StoredPrefix p, AttentionPlan.BlockTopK plan, int bins) {
    int rows = p.data().layers().stream().mapToInt(l -> l.shape().kvHeads()).sum();
    KeptMap m = new KeptMap(new int[rows], new int[rows], new double[rows][], new double[rows]);
    int row = 0;
    for (StoredPrefix.Observed o : p.observed()) {
      KvLayer shape = p.data().layer(o.layer()).shape();
      for (int h = 0; h < shape.kvHeads(); h++, row++) {
        m.layers[row] = o.layer();
        m.heads[row] = h;
        m.share[row] = new double[bins];
        m.kept[row] = pages(p, plan, o, shape, h, m.share[row]);
      }
    }
    return m;
  }

  /** Fills a row of shares; returns the share of all (token, query) pairs. */
  private static double pages(
      StoredPrefix p,
      AttentionPlan.BlockTopK plan,
      StoredPrefix.Observed o,
      KvLayer shape,
      int head,
      double[] share) {
    int length = p.tokens().length;
    double[][] keys = p.keys(shape, head);
    PageScores scores = new PageScores(slot -> keys[slot], length, o::score);
    int group = o.heads() / shape.kvHeads();
    double[][] queries = o.group(head, group, shape.headDim());
    int tokens = queries.length / group;
    double[] hit = new double[share.length];
    double[] all = new double[share.length];
    for (int q = 0; q < tokens; q++) {
      int slot = length - tokens + q;
      double[][] own = java.util.Arrays.copyOfRange(queries, q * group, (q + 1) * group);
      double[] score = scores.of(slot, slot / KvStore.PAGE_SLOTS + 1, own);
      boolean[] keep = PageScores.choose(plan, score, plan.localFrom(true, slot));
      for (int t = 0; t <= slot; t++) {
        int bin = (int) ((long) t * share.length / length);
        hit[bin] += keep[t / KvStore.PAGE_SLOTS] ? 1 : 0;
        all[bin]++;
      }
    }
    double read = 0;
    double pairs = 0;
    for (int b = 0; b < share.length; b++) {
      share[b] = all[b] > 0 ? hit[b] / all[b] : 0;
      read += hit[b];
      pairs += all[b];
    }
    return read / pairs;
  }

  private static double[] row(
      StoredPrefix p,
      PrefixData.Layer l,
      StoredPrefix.Observed o,
      int head,
      int levels,
      PrefixThresholds t,
      int bins) {
    int c = p.data().tokens();
    int group = o.heads() / l.shape().kvHeads();
    double[] hit = new double[bins];
    double[] all = new double[bins];
    double[][] queries = o.group(head, group, l.shape().headDim());
    int[] times = new int[l.fine()];
    int tokens = queries.length / group;
    for (int q = 0; q < tokens; q++) {
      double[][] own = java.util.Arrays.copyOfRange(queries, q * group, (q + 1) * group);
      boolean[] keep = Selection.of(l, head, levels, own, o, t);
      for (int i = 0; i < keep.length; i++) {
        times[i] += keep[i] ? 1 : 0;
      }
    }
    for (int i = 0; i < l.fine(); i++) {
      for (int k = l.start(head, i); k < l.start(head, i + 1); k++) {
        int at = l.order().getAtIndex(ValueLayout.JAVA_INT_UNALIGNED, (long) head * c + k);
        int bin = (int) ((long) at * bins / c);
        hit[bin] += times[i];
        all[bin] += tokens;
      }
    }
    for (int b = 0; b < bins; b++) {
      hit[b] = all[b] > 0 ? hit[b] / all[b] : 0;
    }
    return hit;
  }
}
