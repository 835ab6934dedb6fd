package org.gatun.tornado;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.gatun.attention.KvCodec;
import org.gatun.attention.KvLayer;
import org.gatun.backend.BackendException;
import org.gatun.backend.CompileOptions;
import org.gatun.graph.Graph;

/** Where the KV slots of each layer lie: f32 in the float pool, f16 in a pool of their own. */
final class KvPlaces {
  /** Places of a layer's keys and values. */
  record Layer(int keys, int values, int width, int dim, boolean halves) {
    /** Elements of the pool per slot. */
    int items() {
      return halves ? width / 2 : width;
    }
  }

  private final Map<Integer, Layer> layers = new HashMap<>();
  private final List<Layer> order = new ArrayList<>();
  private final int[] kv;
  private final long bytes;

  KvPlaces(Graph graph, CompileOptions options, PoolBuilder pool) {
    KvCodec codec = options.kvCodec();
    if (codec == KvCodec.INT8 && !graph.kv().isEmpty()) {
      throw new BackendException("tornado lacks an int8 KV cache; use --kv f16 or f32");
    }
    long slots = options.kvSlots();
    long ints = 0;
    long sum = 0;
    for (KvLayer k : graph.kv()) {
      boolean halves = codec == KvCodec.F16;
      if (halves && k.headDim() % 2 != 0) {
        throw new BackendException(
            "tornado lacks an f16 KV cache of odd head dims (" + k.headDim() + "); use --kv f32");
      }
      Layer l;
      if (halves) {
        long each = slots * k.width() / 2;
        if (ints + 2 * each > Integer.MAX_VALUE - 8) {
          throw new BackendException(
              "tornado holds the KV cache in one array of at most 2^31 ints; use a smaller"
                  + " --ctx-size");
        }
        l = new Layer((int) ints, (int) (ints + each), k.width(), k.headDim(), true);
        ints += 2 * each;
        sum += 8 * each;
      } else {
        long each = slots * k.width();
        int keys = floats(pool, each, options.poison());
        l = new Layer(keys, floats(pool, each, options.poison()), k.width(), k.headDim(), false);
        sum += 8 * each;
      }
      layers.put(k.layer(), l);
      order.add(l);
    }
    kv = new int[Math.max(1, (int) ints)];
    if (options.poison()) {
      Arrays.fill(kv, 0x7e007e00);
    }
    bytes = sum;
  }

  private static int floats(PoolBuilder pool, long count, boolean poison) {
    return pool.floats(
        count,
        (f, at) -> {
          if (poison) {
            Arrays.fill(f, at, Math.toIntExact(at + count), Float.NaN);
          }
        });
  }

  Layer layer(int number) {
    Layer l = layers.get(number);
    if (l == null) {
      throw new BackendException("the graph declares no KV layer " + number);
    }
    return l;
  }

  /** Writes the table that copies go by, four ints per layer. */
  void table(int[] w, int at) {
    for (Layer l : order) {
      w[at++] = l.keys;
      w[at++] = l.values;
      w[at++] = l.width;
      w[at++] = l.halves ? 1 : 0;
    }
  }

  int count() {
    return order.size();
  }

  /** Largest number of items per slot. */
  int widest() {
    return order.stream().mapToInt(Layer::items).max().orElse(0);
  }

  int[] kv() {
    return kv;
  }

  long bytes() {
    return bytes;
  }
}
