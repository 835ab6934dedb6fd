package org.gatun.attention;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Packs clustered keys and values as {@link PrefixData.Layer} lays them out. */
public final class PrefixLayers {
  private PrefixLayers() {}

  /** Keys and values of a layer, in cluster order. */
  @FunctionalInterface
  public interface Rows {
    /** Puts the key (or value) that stands at this place into {@code dst}. */
    void read(boolean key, int head, int place, double[] dst);
  }

  /**
   * One layer; centroids are the means of the keys as stored, coarse ones of all keys below them.
   *
   * @param heads clusters of each head; all heads have the same numbers of them
   * @param rows gives keys and values in cluster order
   */
  public static PrefixData.Layer pack(
      KvLayer shape, KvCodec codec, Clustering[] heads, Rows rows, Arena arena) {
    int tokens = heads[0].order().length;
    int fine = heads[0].fine();
    int coarse = heads[0].coarse();
    long all = (long) shape.kvHeads() * tokens;
    boolean scaled = codec == KvCodec.INT8;
    long d = shape.headDim();
    PrefixData.Layer l =
        new PrefixData.Layer(
            shape,
            codec,
            fine,
            coarse,
            arena.allocate(all * d * codec.elementBytes(), 64),
            arena.allocate(all * d * codec.elementBytes(), 64),
            scaled ? arena.allocate(4 * all, 64) : MemorySegment.NULL,
            scaled ? arena.allocate(4 * all, 64) : MemorySegment.NULL,
            arena.allocate(2L * shape.kvHeads() * fine * d, 64),
            arena.allocate(4L * shape.kvHeads() * (fine + 1), 64),
            coarse > 0 ? arena.allocate(2L * shape.kvHeads() * coarse * d, 64) : MemorySegment.NULL,
            coarse > 0
                ? arena.allocate(4L * shape.kvHeads() * (coarse + 1), 64)
                : MemorySegment.NULL,
            arena.allocate(4 * all, 64));
    for (int h = 0; h < shape.kvHeads(); h++) {
      head(l, h, heads[h], rows);
    }
    return l;
  }

  private static void head(PrefixData.Layer l, int h, Clustering c, Rows rows) {
    int tokens = c.order().length;
    double[] x = new double[l.shape().headDim()];
    int d = l.shape().headDim();
    long first = (long) h * tokens;
    for (int t = 0; t < tokens; t++) {
      long row = first + t;
      rows.read(true, h, t, x);
      float ks = l.codec().write(x, 0, d, l.keys(), row * d);
      rows.read(false, h, t, x);
      float vs = l.codec().write(x, 0, d, l.values(), row * d);
      if (l.codec() == KvCodec.INT8) {
        l.keyScales().setAtIndex(ValueLayout.JAVA_FLOAT, row, ks);
        l.valueScales().setAtIndex(ValueLayout.JAVA_FLOAT, row, vs);
      }
      l.order().setAtIndex(ValueLayout.JAVA_INT, row, c.order()[t]);
    }
    for (int i = 0; i <= c.fine(); i++) {
      l.starts().setAtIndex(ValueLayout.JAVA_INT, h * (c.fine() + 1L) + i, c.starts()[i]);
    }
    for (int i = 0; i < c.fine(); i++) {
      mean(l, h, tokens, c.starts()[i], c.starts()[i + 1], l.centroids(), h * (long) c.fine() + i);
    }
    for (int a = 0; a <= c.coarse() && c.coarse() > 0; a++) {
      l.children().setAtIndex(ValueLayout.JAVA_INT, h * (c.coarse() + 1L) + a, c.children()[a]);
    }
    for (int a = 0; a < c.coarse(); a++) {
      int from = c.starts()[c.children()[a]];
      int to = c.starts()[c.children()[a + 1]];
      mean(l, h, tokens, from, to, l.coarseCentroids(), h * (long) c.coarse() + a);
    }
  }

  /** The mean of stored keys; the zero vector for an empty cluster. */
  private static void mean(
      PrefixData.Layer l, int h, int tokens, int from, int to, MemorySegment plane, long row) {
    int d = l.shape().headDim();
    double[] sum = new double[d];
    double[] x = new double[d];
    for (int t = from; t < to; t++) {
      l.read(true, h, t, tokens, x, 0);
      for (int i = 0; i < d; i++) {
        sum[i] += x[i] / (to - from);
      }
    }
    KvCodec.F16.write(sum, 0, d, plane, row * d);
  }
}
