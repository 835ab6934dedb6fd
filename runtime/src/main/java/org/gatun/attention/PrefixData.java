package org.gatun.attention;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/**
 * The clustered part of a fixed prefix, in memory of the host: what {@link KvCache#load} hands to a
 * backend. Per layer and KV head the tokens stand in an order of their own: those of a fine cluster
 * side by side, the fine clusters of a coarse one side by side. Keys carry RoPE already, so order
 * does not matter to attention; every row of the sequence sees all of them.
 *
 * @param tokens clustered tokens C: positions 0 … C−1
 * @param layers the layers whose attention has the plan
 */
public record PrefixData(int tokens, List<Layer> layers) {
  /** Copies the list. */
  public PrefixData {
    layers = List.copyOf(layers);
  }

  /**
   * One layer. All planes are row-major and little-endian, heads outermost.
   *
   * @param shape layer number, KV heads H, head dim d
   * @param codec how keys and values are stored
   * @param fine clusters K2 per head
   * @param coarse coarse clusters K1 per head; 0 if there is one level
   * @param keys elements [H][C][d] in {@code codec}
   * @param values elements [H][C][d] in {@code codec}
   * @param keyScales F32 [H][C] for INT8, else empty
   * @param valueScales F32 [H][C] for INT8, else empty
   * @param centroids F16 [H][K2][d]: mean of the keys of each fine cluster
   * @param starts I32 [H][K2+1]: fine cluster i has tokens starts[i] … starts[i+1]−1, so N_i is
   *     their difference
   * @param coarseCentroids F16 [H][K1][d]: mean of the keys of each coarse cluster
   * @param children I32 [H][K1+1]: coarse cluster a has fine clusters children[a] … children[a+1]−1
   * @param order I32 [H][C]: the position in the document of each token
   */
  public record Layer(
      KvLayer shape,
      KvCodec codec,
      int fine,
      int coarse,
      MemorySegment keys,
      MemorySegment values,
      MemorySegment keyScales,
      MemorySegment valueScales,
      MemorySegment centroids,
      MemorySegment starts,
      MemorySegment coarseCentroids,
      MemorySegment children,
      MemorySegment order) {

    /** The same content under another layer number. */
    public Layer withNumber(int number) {
      return new Layer(
          new KvLayer(number, shape.kvHeads(), shape.headDim()),
          codec,
          fine,
          coarse,
          keys,
          values,
          keyScales,
          valueScales,
          centroids,
          starts,
          coarseCentroids,
          children,
          order);
    }

    /** KV heads {@code from … from + count − 1} alone, as views: heads are outermost. */
    public Layer heads(int from, int count) {
      if (from == 0 && count == shape.kvHeads()) {
        return this;
      }
      return new Layer(
          new KvLayer(shape.layer(), count, shape.headDim()),
          codec,
          fine,
          coarse,
          heads(keys, from, count),
          heads(values, from, count),
          heads(keyScales, from, count),
          heads(valueScales, from, count),
          heads(centroids, from, count),
          heads(starts, from, count),
          heads(coarseCentroids, from, count),
          heads(children, from, count),
          heads(order, from, count));
    }

    private MemorySegment heads(MemorySegment plane, int from, int count) {
      long one = plane.byteSize() / shape.kvHeads();
      return plane.asSlice(from * one, count * one);
    }

    /** First token of fine cluster {@code i}; of {@code fine} the number of tokens. */
    public int start(int head, int i) {
      return starts.getAtIndex(ValueLayout.JAVA_INT_UNALIGNED, head * (fine + 1L) + i);
    }

    /** First fine cluster of coarse cluster {@code a}. */
    public int child(int head, int a) {
      return children.getAtIndex(ValueLayout.JAVA_INT_UNALIGNED, head * (coarse + 1L) + a);
    }

    /** Decodes a key (or value) to {@code dst[at …]}. */
    public void read(boolean key, int head, int token, int tokens, double[] dst, int at) {
      long row = head * (long) tokens + token;
      MemorySegment plane = key ? keys : values;
      float scale =
          codec == KvCodec.INT8
              ? (key ? keyScales : valueScales).getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, row)
              : 1;
      codec.read(plane, row * shape.headDim(), scale, dst, at, shape.headDim());
    }

    /** Decodes a fine (or coarse) centroid. */
    public void centroid(boolean isCoarse, int head, int i, double[] dst) {
      long row = head * (long) (isCoarse ? coarse : fine) + i;
      KvCodec.F16.read(
          isCoarse ? coarseCentroids : centroids, row * shape.headDim(), 1, dst, 0, dst.length);
    }
  }

  /** The layer of this number. */
  public Layer layer(int number) {
    for (Layer l : layers) {
      if (l.shape.layer() == number) {
        return l;
      }
    }
    throw new IllegalArgumentException("the prefix has no layer " + number);
  }

  /** Whether this layer has clustered tokens. */
  public boolean has(int layer) {
    return layers.stream().anyMatch(l -> l.shape.layer() == layer);
  }

  /** Most fine clusters of a head, over the layers. */
  public int clusters() {
    return layers.stream().mapToInt(l -> Math.max(l.fine, l.coarse)).max().orElse(0);
  }

  /** Bytes of keys, values and scales. */
  public long keyValueBytes() {
    return layers.stream()
        .mapToLong(
            l ->
                l.keys.byteSize()
                    + l.values.byteSize()
                    + l.keyScales.byteSize()
                    + l.valueScales.byteSize())
        .sum();
  }

  /** Bytes of centroids and cluster bounds: what the plan needs besides keys and values. */
  public long indexBytes() {
    return layers.stream()
        .mapToLong(
            l ->
                l.centroids.byteSize()
                    + l.starts.byteSize()
                    + l.coarseCentroids.byteSize()
                    + l.children.byteSize())
        .sum();
  }
}
