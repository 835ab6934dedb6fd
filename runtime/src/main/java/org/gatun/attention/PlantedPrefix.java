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
    double[][][] keys = new double[shape.kvHeads()][tokens][];
    double[][][] values = new double[shape.kvHeads()][tokens][];
    for (int h = 0; h < heads.length; h++) {
      int[] starts = cut(tokens, fine, random);
      int[] children = coarse == 0 ? new int[1] : cut(fine, coarse, random);
      int[] order = new int[tokens];
      double[] parent = vector(shape.headDim(), 1, random);
      int a = 0;
      for (int i = 0; i < fine; i++) {
        if (coarse > 0 && i == children[a + 1]) {
          a++;
          parent = vector(shape.headDim(), 1, random);
        }
        double[] centre = add(parent, vector(shape.headDim(), coarse > 0 ? 0.5f : 1, random));
        for (int t = starts[i]; t < starts[i + 1]; t++) {
          keys[h][t] = add(centre, vector(shape.headDim(), spread, random));
          KvCodec.F16.round(keys[h][t], 0, shape.headDim());
          values[h][t] = vector(shape.headDim(), 1, random);
          order[t] = t;
        }
      }
      heads[h] = new Clustering(order, starts, children);
    }
    return PrefixLayers.pack(shape, codec, heads, keys, values, Arena.ofAuto());
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
