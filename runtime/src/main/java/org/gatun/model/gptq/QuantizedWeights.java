package org.gatun.model.gptq;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.gatun.model.ModelFormatException;
import org.gatun.tensor.Tensor;
import org.gatun.tensor.WeightSource;

/**
 * The 4-bit matrices of a GPTQ or AWQ checkpoint as the engine's own weights: block formats with
 * the same values, rows sorted by group. Where act-order scattered the groups, the order in which
 * the matrix wants its input stands beside it as {@code NAME.order}; that of an MLP's second matrix
 * is folded into the first two once and for all (TP-aware dequantisation, Hoque et al., arXiv
 * 2402.04925), so that nothing is left to do between them, on one rank or on many.
 */
public final class QuantizedWeights {
  private static final String CODES = ".qweight";

  private final WeightSource file;
  private final Method method;
  private final Map<String, QuantizedMatrix> matrices = new LinkedHashMap<>();
  private final Map<String, int[]> orders = new HashMap<>();

  /** How a checkpoint says that it was quantised. */
  public enum Method {
    /** Zero points one too low, unless they tell otherwise. */
    GPTQ,
    /** Zero points as they are. */
    GPTQ_V2,
    /** Packed along columns. */
    AWQ
  }

  /**
   * @param file the checkpoint's tensors by their own names
   */
  public QuantizedWeights(WeightSource file, Method method) {
    this.file = file;
    this.method = method;
  }

  /** Whether this tensor is a part of a quantised matrix. */
  public static boolean isPart(String name) {
    return name.endsWith(CODES)
        || name.endsWith(".qzeros")
        || name.endsWith(".scales")
        || name.endsWith(".g_idx");
  }

  /**
   * Reads the matrix that this tensor begins.
   *
   * @param name a tensor's name; only {@code PREFIX.qweight} leads to anything
   * @param renamed the engine's name of {@code PREFIX.weight}, if it has a use for it
   * @throws ModelFormatException if parts are missing or do not fit
   */
  public void read(String name, Function<String, Optional<String>> renamed) {
    if (!name.endsWith(CODES)) {
      return;
    }
    String prefix = name.substring(0, name.length() - CODES.length());
    Optional<String> target = renamed.apply(prefix + ".weight");
    if (target.isEmpty()) {
      return;
    }
    QuantizedMatrix m =
        method == Method.AWQ
            ? QuantizedReader.awq(file, prefix)
            : QuantizedReader.gptq(file, prefix, method == Method.GPTQ_V2);
    int[] order = Permutation.stableArgsort(m.groupOf());
    if (!isIdentity(order)) {
      m = m.permuteRows(order);
      orders.put(target.get(), order);
    }
    if (matrices.put(target.get(), m) != null) {
      throw new ModelFormatException("two quantised matrices for " + target.get());
    }
  }

  /**
   * Adds the engine's tensors.
   *
   * @throws ModelFormatException if a group is no whole number of blocks
   */
  public void addTo(Map<String, Tensor> weights) {
    foldSecondMatrices(weights);
    matrices.forEach((name, m) -> weights.put(name, BlockLayout.convert(name, m)));
    orders.forEach(
        (name, order) -> {
          String o = name.replaceFirst("weight$", "order");
          weights.put(o, vector(o, order));
        });
  }

  /** Permutes the columns of gate and up as the rows of down were sorted. */
  private void foldSecondMatrices(Map<String, Tensor> weights) {
    for (String down : matrices.keySet()) {
      int[] order = orders.get(down);
      if (order == null || !down.endsWith(".ffn_down.weight")) {
        continue;
      }
      for (String first : new String[] {"ffn_gate", "ffn_up"}) {
        String name = down.replace("ffn_down", first);
        QuantizedMatrix m = matrices.get(name);
        if (m != null) {
          matrices.put(name, m.permuteColumns(order));
        } else if (weights.containsKey(name)) {
          weights.put(name, permuteRows(weights.get(name), order));
        } else {
          throw new ModelFormatException("the checkpoint has " + down + " without " + name);
        }
      }
      orders.remove(down);
    }
  }

  private static Tensor permuteRows(Tensor t, int[] order) {
    long rowBytes = t.dtype().bytes(t.cols());
    MemorySegment data = Arena.ofAuto().allocate(rowBytes * t.rows(), 64);
    for (int r = 0; r < order.length; r++) {
      MemorySegment.copy(t.data(), order[r] * t.rowStride(), data, r * rowBytes, rowBytes);
    }
    return Tensor.dense(t.name(), t.dtype(), t.rows(), t.cols(), data);
  }

  private static Tensor vector(String name, int[] order) {
    float[] values = new float[order.length];
    for (int i = 0; i < values.length; i++) {
      values[i] = order[i];
    }
    return Tensor.vector(name, values);
  }

  private static boolean isIdentity(int[] order) {
    return Arrays.equals(order, java.util.stream.IntStream.range(0, order.length).toArray());
  }
}
