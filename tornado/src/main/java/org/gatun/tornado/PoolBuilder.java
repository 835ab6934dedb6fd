package org.gatun.tornado;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.gatun.backend.BackendException;
import org.gatun.tornado.kernels.Pool;

/**
 * Lays out the int and float pools: places first, contents once the sizes are known. Java arrays,
 * and so the pools, hold at most 2^31 − 1 elements.
 */
final class PoolBuilder {
  private final List<Runnable> fills = new ArrayList<>();
  private final Map<String, Integer> known = new HashMap<>();
  private long ints;
  private long floats = Pool.FIRST_FREE;
  private int[] w = new int[0];
  private float[] f = new float[0];

  /** Fills a reserved range. */
  @FunctionalInterface
  interface Fill<T> {
    void fill(T pool, int at);
  }

  /** Reserves ints. */
  int ints(long count, Fill<int[]> fill) {
    int at = Math.toIntExact(ints);
    ints = checked("weights", ints + count);
    fills.add(() -> fill.fill(w, at));
    return at;
  }

  /** Reserves floats. */
  int floats(long count, Fill<float[]> fill) {
    int at = Math.toIntExact(floats);
    floats = checked("f32 weights, KV and activations", floats + count);
    fills.add(() -> fill.fill(f, at));
    return at;
  }

  /** Float parameters; equal ones share a place. */
  int constants(float... values) {
    return named(
        "constants " + Arrays.toString(values),
        () ->
            floats(
                values.length, (pool, at) -> System.arraycopy(values, 0, pool, at, values.length)));
  }

  /** What is made once under a name. */
  int named(String name, java.util.function.IntSupplier make) {
    Integer at = known.get(name);
    if (at == null) {
      at = make.getAsInt();
      known.put(name, at);
    }
    return at;
  }

  /** Bytes of both pools. */
  long bytes() {
    return 4 * (ints + floats);
  }

  int floats() {
    return Math.toIntExact(floats);
  }

  private static long checked(String what, long elements) {
    if (elements > Integer.MAX_VALUE - 8) {
      throw new BackendException(
          "tornado holds "
              + what
              + " in one array of at most 2^31 elements and this model needs "
              + elements
              + "; use another backend, a smaller model or a smaller --ctx-size");
    }
    return elements;
  }

  /** Allocates and fills. */
  void build() {
    w = new int[Math.max(1, Math.toIntExact(ints))];
    f = new float[Math.toIntExact(floats)];
    f[Pool.NEGATIVE_INFINITY] = Float.NEGATIVE_INFINITY;
    f[Pool.NAN] = Float.NaN;
    fills.forEach(Runnable::run);
    fills.clear();
  }

  int[] w() {
    return w;
  }

  float[] f() {
    return f;
  }
}
