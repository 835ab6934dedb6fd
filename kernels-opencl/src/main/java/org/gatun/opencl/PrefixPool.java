package org.gatun.opencl;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.gatun.attention.KvCodec;
import org.gatun.attention.KvLayer;
import org.gatun.attention.KvStore;
import org.gatun.attention.PrefixData;
import org.gatun.attention.PrefixLimits;

/**
 * Clustered prefixes on the device, 64 clustered tokens to a page. On a GPU, keys and values lie as
 * in KV pages. On a CPU keys are rows, and each has its value behind it, in the buffer of the keys:
 * a kept token costs its own bytes, and neighbours that are kept are one piece. Centroids and
 * bounds lie as {@code lookup.cl} wants them.
 */
final class PrefixPool implements AutoCloseable {
  private static final int PAGE = KvStore.PAGE_SLOTS;

  /** A layer's buffers; on a CPU {@code values} is the one of the keys. */
  record Layer(
      KvLayer shape,
      ClBuffer keys,
      ClBuffer values,
      ClBuffer sizes,
      ClBuffer fine,
      ClBuffer starts,
      ClBuffer coarse,
      ClBuffer children) {
    List<ClBuffer> all() {
      return List.of(keys, values, sizes, fine, starts, coarse, children);
    }
  }

  private final ClQueue queue;
  private final KvCodec codec;
  private final PrefixLimits room;
  private final boolean transposed;
  private final Map<Integer, Layer> layers = new HashMap<>();

  PrefixPool(
      ClContext context,
      ClQueue queue,
      KvCodec codec,
      PrefixLimits room,
      List<KvLayer> planned,
      boolean transposed) {
    this.transposed = transposed;
    this.queue = queue;
    this.codec = codec;
    this.room = room;
    try {
      for (KvLayer l : planned) {
        long heads = (long) room.count() * l.kvHeads();
        long kv = heads * pages() * KvBlock.bytes(codec, l.headDim());
        String what = "the prefixes of layer " + l.layer();
        ClBuffer[] b = new ClBuffer[7];
        long[] sizes = {
          transposed ? kv : 2 * kv,
          kv,
          12L * room.count(),
          2 * heads * clusters() * l.headDim(),
          4 * heads * (clusters() + 1L),
          2 * heads * clusters() * l.headDim(),
          4 * heads * (clusters() + 1L)
        };
        try {
          for (int i = 0; i < b.length; i++) {
            b[i] = i == 1 && !transposed ? b[0] : context.scattered(what, sizes[i]);
          }
        } catch (RuntimeException e) {
          for (ClBuffer made : b) {
            if (made != null) {
              made.close();
            }
          }
          throw e;
        }
        layers.put(l.layer(), new Layer(l, b[0], b[1], b[2], b[3], b[4], b[5], b[6]));
      }
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  /** Pages of a prefix. */
  int pages() {
    return Math.ceilDiv(room.tokens(), PAGE);
  }

  /** Clusters that a head has room for. */
  int clusters() {
    return room.clusters();
  }

  /** 32-bit words with a bit per token. */
  int words() {
    return pages() * PAGE / 32;
  }

  int count() {
    return room.count();
  }

  Layer layer(int number) {
    Layer l = layers.get(number);
    if (l == null) {
      throw new IllegalArgumentException("no prefix layer " + number);
    }
    return l;
  }

  void load(int id, PrefixData data) {
    for (Layer l : layers.values()) {
      PrefixData.Layer from = data.layer(l.shape.layer());
      for (int h = 0; h < l.shape.kvHeads(); h++) {
        for (int page = 0; page * PAGE < data.tokens(); page++) {
          if (transposed) {
            block(l, from, id, h, page, data.tokens(), true);
            block(l, from, id, h, page, data.tokens(), false);
          } else {
            pairs(l, from, id, h, page, data.tokens());
          }
        }
        long head = (long) id * l.shape.kvHeads() + h;
        rows(l.fine, head * clusters(), from.centroids(), h, from.fine(), 2 * l.shape.headDim());
        rows(
            l.coarse,
            head * clusters(),
            from.coarseCentroids(),
            h,
            from.coarse(),
            2 * l.shape.headDim());
        rows(l.starts, head * (clusters() + 1L), from.starts(), h, from.fine() + 1, 4);
        if (from.coarse() > 0) {
          rows(l.children, head * (clusters() + 1L), from.children(), h, from.coarse() + 1, 4);
        }
      }
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment s =
            arena.allocateFrom(ValueLayout.JAVA_INT, data.tokens(), from.fine(), from.coarse());
        queue.write(l.sizes, 12L * id, s, 12, true);
      }
    }
  }

  /** Copies one head's rows of a plane, {@code count} of them, to row {@code to} of a buffer. */
  private void rows(ClBuffer b, long to, MemorySegment plane, int head, int count, int rowBytes) {
    if (count == 0) {
      return;
    }
    long bytes = (long) count * rowBytes;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment copy = arena.allocate(bytes, 8);
      MemorySegment.copy(plane, head * bytes, copy, 0, bytes);
      queue.write(b, to * rowBytes, copy, bytes, true);
    }
  }

  /** Every token's key and, behind it, its value. */
  private void pairs(Layer l, PrefixData.Layer from, int id, int head, int page, int tokens) {
    int dim = l.shape.headDim();
    double[] x = new double[dim];
    try (KvBlock block = new KvBlock(codec, dim, false, 2 * PAGE)) {
      for (int i = 0; i < Math.min(PAGE, tokens - page * PAGE); i++) {
        from.read(true, head, page * PAGE + i, tokens, x, 0);
        block.put(2 * i, x);
        from.read(false, head, page * PAGE + i, tokens, x, 0);
        block.put(2 * i + 1, x);
      }
      long bytes = block.data().byteSize();
      long to = (((long) id * pages() + page) * l.shape.kvHeads() + head) * bytes;
      queue.write(l.keys, to, block.data(), bytes, true);
    }
  }

  private void block(
      Layer l, PrefixData.Layer from, int id, int head, int page, int tokens, boolean key) {
    int dim = l.shape.headDim();
    double[] x = new double[dim];
    try (KvBlock block = new KvBlock(codec, dim, key && transposed)) {
      for (int i = 0; i < Math.min(PAGE, tokens - page * PAGE); i++) {
        from.read(key, head, page * PAGE + i, tokens, x, 0);
        block.put(i, x);
      }
      long bytes = block.data().byteSize();
      long to = (((long) id * pages() + page) * l.shape.kvHeads() + head) * bytes;
      queue.write(key ? l.keys : l.values, to, block.data(), bytes, true);
    }
  }

  @Override
  public void close() {
    layers.values().forEach(l -> l.all().forEach(ClBuffer::close));
    layers.clear();
  }
}
