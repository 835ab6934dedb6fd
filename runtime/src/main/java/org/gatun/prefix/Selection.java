package org.gatun.prefix;

import java.util.Arrays;
import org.gatun.attention.ClusterScores;
import org.gatun.attention.PrefixData;
import org.gatun.attention.PrefixThresholds;

/** Which fine clusters of a head some queries keep, in float64. */
final class Selection {
  private Selection() {}

  /**
   * The fine clusters that are kept.
   *
   * @param levels 1, or 2 to look up coarse clusters first
   */
  static boolean[] of(
      PrefixData.Layer l,
      int head,
      int levels,
      double[][] queries,
      StoredPrefix.Observed o,
      PrefixThresholds t) {
    int[] sizes = ClusterScores.sizes(l, false, head);
    if (levels == 2 && l.coarse() > 0) {
      double[] s =
          ClusterScores.mean(l, true, head, ClusterScores.sizes(l, true, head), queries, o::score);
      for (int a = 0; a < s.length; a++) {
        if (!(s[a] > t.coarse())) {
          Arrays.fill(sizes, l.child(head, a), l.child(head, a + 1), 0);
        }
      }
    }
    double[] s = ClusterScores.mean(l, false, head, sizes, queries, o::score);
    boolean[] keep = new boolean[s.length];
    for (int i = 0; i < s.length; i++) {
      keep[i] = sizes[i] > 0 && s[i] > t.fine();
    }
    return keep;
  }
}
