package org.gatun.graph.spec;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Map;
import java.util.SplittableRandom;
import org.gatun.tensor.DType;
import org.gatun.tensor.Tensor;
import org.gatun.tensor.WeightSource;
import org.gatun.tensor.codec.RandomBlocks;

/** Random weights of a test case, kept for as long as the case. */
public final class RandomTensors implements WeightSource {
  private final Map<String, Tensor> tensors = new HashMap<>();
  private final SplittableRandom random;

  /** An empty source whose content follows from the seed. */
  public RandomTensors(long seed) {
    random = new SplittableRandom(seed);
  }

  /** Adds a weight of roughly unit variance over the square root of its width. */
  public Tensor add(String name, DType dtype, long rows, int cols) {
    double scale = rows == 1 ? 1 : 1 / Math.sqrt(cols);
    return add(name, dtype, rows, cols, (float) (scale / Math.sqrt(3)));
  }

  /** Adds a weight whose elements deviate by this much. */
  public Tensor add(String name, DType dtype, long rows, int cols, float deviation) {
    Tensor t = zeros(name, dtype, rows, cols);
    RandomBlocks.fill(dtype, t.data(), random, deviation);
    return t;
  }

  /** Adds a weight of zeros, but for some rows. */
  public Tensor sparse(String name, DType dtype, long rows, int cols, long... filled) {
    Tensor t = zeros(name, dtype, rows, cols);
    for (long r : filled) {
      RandomBlocks.fill(dtype, t.row(r), random, (float) (1 / Math.sqrt(3.0 * cols)));
    }
    return t;
  }

  private Tensor zeros(String name, DType dtype, long rows, int cols) {
    MemorySegment data = Arena.ofAuto().allocate(Math.multiplyExact(rows, dtype.bytes(cols)), 64);
    Tensor t = Tensor.dense(name, dtype, rows, cols, data);
    tensors.put(name, t);
    return t;
  }

  /** Adds a row of given F32 values. */
  public Tensor add(String name, float[] values) {
    Tensor t = Tensor.vector(name, values);
    tensors.put(name, t);
    return t;
  }

  /** Random activations in [−1, 1). */
  public float[] activations(int count) {
    float[] x = new float[count];
    for (int i = 0; i < count; i++) {
      x[i] = (float) (random.nextDouble() * 2 - 1);
    }
    return x;
  }

  @Override
  public Tensor weight(String name) {
    Tensor t = tensors.get(name);
    if (t == null) {
      throw new IllegalArgumentException("no weight " + name);
    }
    return t;
  }

  @Override
  public boolean has(String name) {
    return tensors.containsKey(name);
  }

  @Override
  public String key() {
    return "";
  }
}
