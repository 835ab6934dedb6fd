package org.gatun.attention;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * A prefix of random keys around planted centres, already in cluster order: for tests, and for
 * measuring at lengths where k-means would take longer than the measurement.
 */
public final class PlantedPrefix {
  private PlantedPrefix() {}

  /**
   * A prefix whose clusters have sizes within a factor of three of one another.
   *
   * @param shapes the layers
   * @param tokens clustered tokens
   * @param fine clusters per head; {@code tokens} of them make every key its own centroid
   * @param coarse coarse clusters per head, 0 for one level
   * @param spread of the keys around their centre, beside centres of size 1
   */
  public static PrefixData of(
      List<KvLayer> shapes,
      KvCodec codec,
      int tokens,
      int fine,
      int coarse,
      float spread,
      long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    List<PrefixData.Layer> layers = new ArrayList<>();
    for (KvLayer shape : shapes) {
      layers.add(layer(shape, codec, tokens, fine, coarse, spread, random));
    }
    return new PrefixData(tokens, layers);
  }

  private static PrefixData.Layer layer(
      KvLayer shape,
      KvCodec codec,
      int tokens,
      int fine,
      int coarse,
      float spread,
      SplittableRandom random) {
    Clustering[] heads = new Clustering[shape.kvHeads()];
    int dim = shape.headDim();
    double[][][] centres = new double[shape.kvHeads()][fine][];
    int[][] clusterOf = new int[shape.kvHeads()][tokens];
    for (int h = 0; h < heads.length; h++) {
      int[] starts = cut(tokens, fine, random);
      int[] children = coarse == 0 ? new int[1] : cut(fine, coarse, random);
      int[] order = new int[tokens];
      double[] parent = new double[dim];
      for (int i = 0, a = -1; i < fine; i++) {
        if (coarse > 0 && i == children[a + 1]) {
          a++;
          parent = vector(dim, 1, random);
        }
        centres[h][i] = add(parent, vector(dim, coarse > 0 ? 0.5f : 1, random));
        for (int t = starts[i]; t < starts[i + 1]; t++) {
          clusterOf[h][t] = i;
          order[t] = t;
        }
      }
      heads[h] = new Clustering(order, starts, children);
    }
    long seed = random.nextLong();
    return PrefixLayers.pack(
        shape,
        codec,
        heads,
        (key, h, t, dst) -> {
          SplittableRandom own =
              new SplittableRandom(seed + ((long) h * tokens + t) * 2 + (key ? 1 : 0));
          double[] x = vector(dim, key ? spread : 1, own);
          x = key ? add(centres[h][clusterOf[h][t]], x) : x;
          System.arraycopy(x, 0, dst, 0, dim);
          KvCodec.F16.round(dst, 0, dim);
        },
        Arena.ofAuto());
  }

  private static int[] cut(int total, int parts, SplittableRandom random) {
    int[] at = new int[parts + 1];
    double[] weight = new double[parts];
    double sum = 0;
    for (int i = 0; i < parts; i++) {
      weight[i] = 1 + 2 * random.nextDouble();
      sum += weight[i];
    }
    double run = 0;
    for (int i = 0; i < parts; i++) {
      run += weight[i];
      // Every part has at least one member, and leaves one for each that follows.
      at[i + 1] = Math.clamp(Math.round(run / sum * total), at[i] + 1, total - (parts - 1 - i));
    }
    return at;
  }

  private static double[] vector(int n, float size, SplittableRandom random) {
    double[] x = new double[n];
    for (int i = 0; i < n; i++) {
      x[i] = (random.nextDouble() * 2 - 1) * size;
    }
    return x;
  }

  private static double[] add(double[] a, double[] b) {
    double[] x = a.clone();
    for (int i = 0; i < x.length; i++) {
      x[i] += b[i];
    }
    return x;
  }
}
