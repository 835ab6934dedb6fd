package org.gatun.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashMap;
import java.util.Map;
import org.gatun.attention.AttentionPlan.Squeezed;
import org.gatun.attention.KvCodec;
import org.gatun.attention.KvLayer;
import org.gatun.attention.PrefixData;
import org.gatun.attention.PrefixLimits;
import org.gatun.graph.Graph;
import org.gatun.graph.Node;
import org.gatun.graph.op.Attention;

/**
 * Room on the device for clustered prefixes, in the layers whose attention is squeezed. Every plane
 * has an equal share per prefix and KV head, so that kernels find them by number: keys and values
 * [id][head][tokens][dim], centroids [id][head][clusters][dim], integers [id][head][clusters].
 */
final class DevicePrefixes {
  /**
   * One layer's planes.
   *
   * @param shape number, KV heads, head dim
   * @param planes keys, values and, for INT8, their scales: with the shape the kernels' {@code Kv}
   * @param fine centroids, sizes, parents, numbers: the kernels' {@code Clusters}
   * @param coarse the same of the coarse level
   * @param starts first token of each fine cluster
   */
  record Layer(KvLayer shape, long[] planes, long[] fine, long[] coarse, long starts) {}

  private final PrefixLimits limits;
  private final KvCodec codec;
  private final Staging staging;
  private final Map<Integer, Layer> layers = new HashMap<>();
  private long bytes;

  DevicePrefixes(
      Graph graph, PrefixLimits limits, KvCodec codec, DevicePool pool, Staging staging) {
    this.limits = limits;
    this.codec = codec;
    this.staging = staging;
    for (Node n : graph.nodes()) {
      if (limits.count() > 0 && n.op() instanceof Attention a && a.plan() instanceof Squeezed) {
        KvLayer shape = graph.kvLayer(a.layer());
        long before = pool.bytes();
        layers.put(a.layer(), allocate(shape, pool));
        bytes += pool.bytes() - before;
      }
    }
  }

  private Layer allocate(KvLayer shape, DevicePool pool) {
    String what = "the prefixes of layer " + shape.layer();
    long heads = (long) limits.count() * shape.kvHeads();
    long elements = heads * limits.tokens() * shape.headDim() * codec.elementBytes();
    long scales = codec == KvCodec.INT8 ? heads * limits.tokens() * 4 : 0;
    long clusters = heads * limits.clusters();
    long[] planes = new long[4];
    planes[0] = pool.allocate(elements, what);
    planes[1] = pool.allocate(elements, what);
    if (scales > 0) {
      planes[2] = pool.allocate(scales, what);
      planes[3] = pool.allocate(scales, what);
    }
    long numbers = pool.allocate(12L * limits.count(), what);
    long[] fine = new long[4];
    long[] coarse = new long[4];
    for (long[] level : new long[][] {fine, coarse}) {
      level[0] = pool.allocate(2 * clusters * shape.headDim(), what);
      level[1] = pool.allocate(4 * clusters, what);
      level[2] = level == fine ? pool.allocate(4 * clusters, what) : 0;
      level[3] = numbers;
    }
    return new Layer(shape, planes, fine, coarse, pool.allocate(4 * clusters, what));
  }

  /** Whether a layer of the graph reads prefixes. */
  boolean any() {
    return !layers.isEmpty();
  }

  /** Prefixes there is room for. */
  int count() {
    return any() ? limits.count() : 0;
  }

  /** Device memory of all prefixes. */
  long bytes() {
    return bytes;
  }

  /** The planes of this layer. */
  Layer layer(int number) {
    Layer l = layers.get(number);
    if (l == null) {
      throw new IllegalStateException("layer " + number + " has no prefixes");
    }
    return l;
  }

  /** Uploads a prefix under this number. */
  void load(int id, PrefixData data) {
    if (data.tokens() > limits.tokens() || data.clusters() > limits.clusters()) {
      throw new IllegalArgumentException(
          "a prefix of "
              + data.tokens()
              + " tokens in "
              + data.clusters()
              + " clusters is larger than the program has room for: "
              + limits);
    }
    for (Layer to : layers.values()) {
      boolean has = data.has(to.shape.layer());
      PrefixData.Layer from = has ? data.layer(to.shape.layer()) : null;
      int[] numbers =
          from == null ? new int[3] : new int[] {data.tokens(), from.fine(), from.coarse()};
      staging.upload(to.fine[3] + 12L * id, MemorySegment.ofArray(numbers));
      for (int h = 0; h < to.shape.kvHeads() && from != null; h++) {
        long head = (long) id * to.shape.kvHeads() + h;
        keysAndValues(to, from, head, h, data.tokens());
        clusters(to, from, head, h);
      }
    }
  }

  private void keysAndValues(Layer to, PrefixData.Layer from, long head, int h, int tokens) {
    long row = (long) to.shape.headDim() * codec.elementBytes();
    for (boolean key : new boolean[] {true, false}) {
      int side = key ? 0 : 1;
      MemorySegment data;
      MemorySegment scales;
      if (from.codec() == codec) {
        data = (key ? from.keys() : from.values()).asSlice(h * tokens * row, tokens * row);
        scales =
            codec == KvCodec.INT8
                ? (key ? from.keyScales() : from.valueScales())
                    .asSlice(4L * h * tokens, 4L * tokens)
                : MemorySegment.NULL;
      } else {
        data = MemorySegment.ofArray(new byte[Math.toIntExact(tokens * row)]);
        scales = MemorySegment.ofArray(new float[tokens]);
        double[] x = new double[to.shape.headDim()];
        for (int t = 0; t < tokens; t++) {
          from.read(key, h, t, tokens, x, 0);
          float scale = codec.write(x, 0, x.length, data, (long) t * x.length);
          scales.setAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, t, scale);
        }
      }
      staging.upload(to.planes[side] + head * limits.tokens() * row, data);
      if (codec == KvCodec.INT8) {
        staging.upload(to.planes[2 + side] + head * limits.tokens() * 4, scales);
      }
    }
  }

  private void clusters(Layer to, PrefixData.Layer from, long head, int h) {
    int fine = from.fine();
    int coarse = from.coarse();
    long row = 2L * to.shape.headDim();
    long first = head * limits.clusters();
    staging.upload(to.fine[0] + first * row, from.centroids().asSlice(h * fine * row, fine * row));
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment starts = arena.allocate(ValueLayout.JAVA_INT, fine);
      MemorySegment sizes = arena.allocate(ValueLayout.JAVA_INT, fine);
      MemorySegment parents = arena.allocate(ValueLayout.JAVA_INT, fine);
      parents.fill((byte) -1);
      for (int i = 0; i < fine; i++) {
        starts.setAtIndex(ValueLayout.JAVA_INT, i, from.start(h, i));
        sizes.setAtIndex(ValueLayout.JAVA_INT, i, from.start(h, i + 1) - from.start(h, i));
      }
      MemorySegment coarseSizes = arena.allocate(ValueLayout.JAVA_INT, Math.max(1, coarse));
      for (int a = 0; a < coarse; a++) {
        int begin = from.child(h, a);
        int end = from.child(h, a + 1);
        for (int i = begin; i < end; i++) {
          parents.setAtIndex(ValueLayout.JAVA_INT, i, a);
        }
        coarseSizes.setAtIndex(ValueLayout.JAVA_INT, a, from.start(h, end) - from.start(h, begin));
      }
      staging.upload(to.starts + 4 * first, starts);
      staging.upload(to.fine[1] + 4 * first, sizes);
      staging.upload(to.fine[2] + 4 * first, parents);
      if (coarse > 0) {
        staging.upload(
            to.coarse[0] + first * row,
            from.coarseCentroids().asSlice(h * coarse * row, coarse * row));
        staging.upload(to.coarse[1] + 4 * first, coarseSizes);
      }
    }
  }
}
