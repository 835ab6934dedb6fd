package org.gatun.prefix;

import java.lang.foreign.ValueLayout;
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
