package org.gatun.prefix;

import java.util.Arrays;
import org.gatun.attention.Clustering;
import org.gatun.attention.KMeans;

/** Clusters the keys of one head on one or two levels and puts them in cluster order. */
final class HeadClusters {
  private HeadClusters() {}

  /**
   * The clusters of one head: keys by k-means, then the means of those clusters by k-means again.
   *
   * @param keys {@code tokens × dim}
   * @param fine clusters of keys
   * @param coarse clusters of clusters; 0 for one level
   */
  static Clustering of(float[] keys, int dim, int fine, int coarse, int iterations, long seed) {
    int[] label = KMeans.labels(keys, dim, fine, iterations, seed);
    int[] parent = new int[fine];
    if (coarse > 0) {
      parent = KMeans.labels(means(keys, dim, label, fine), dim, coarse, iterations, seed + 1);
    }
    int[] parents = parent;
    Integer[] byParent = new Integer[fine];
    Arrays.setAll(byParent, i -> i);
    Arrays.sort(byParent, (a, b) -> Integer.compare(parents[a], parents[b]));
    int[] place = new int[fine];
    int[] children = new int[coarse + 1];
    for (int i = 0; i < fine; i++) {
      place[byParent[i]] = i;
      if (coarse > 0) {
        children[parents[byParent[i]] + 1] = i + 1;
      }
    }
    return new Clustering(order(label, place), starts(label, place, fine), children);
  }

  private static int[] starts(int[] label, int[] place, int fine) {
    int[] starts = new int[fine + 1];
    for (int l : label) {
      starts[place[l] + 1]++;
    }
    for (int i = 0; i < fine; i++) {
      starts[i + 1] += starts[i];
    }
    return starts;
  }

  private static int[] order(int[] label, int[] place) {
    int[] next = starts(label, place, place.length);
    int[] order = new int[label.length];
    for (int t = 0; t < label.length; t++) {
      order[next[place[label[t]]]++] = t;
    }
    return order;
  }

  private static float[] means(float[] keys, int dim, int[] label, int k) {
    float[] mean = new float[k * dim];
    int[] n = new int[k];
    for (int l : label) {
      n[l]++;
    }
    for (int t = 0; t < label.length; t++) {
      for (int i = 0; i < dim; i++) {
        mean[label[t] * dim + i] += keys[t * dim + i] / n[label[t]];
      }
    }
    return mean;
  }
}
