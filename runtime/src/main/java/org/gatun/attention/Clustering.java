package org.gatun.attention;

/**
 * The clusters of one head's keys.
 *
 * @param order the key that stands at each place: members of a cluster side by side
 * @param starts first place of each fine cluster, then the number of keys
 * @param children first fine cluster of each coarse cluster, then the number of fine ones; {@code
 *     {0}} if there is one level
 */
public record Clustering(int[] order, int[] starts, int[] children) {
  /** Fine clusters. */
  public int fine() {
    return starts.length - 1;
  }

  /** Coarse clusters. */
  public int coarse() {
    return children.length - 1;
  }
}
