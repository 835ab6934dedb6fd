package org.gatun.model.gptq;

import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.gatun.model.ModelFormatException;
import org.gatun.tensor.DType;
import org.gatun.tensor.Tensor;
import org.gatun.tensor.WeightSource;

/** Reads the 4-bit matrices of GPTQ and AWQ checkpoints from their tensors. */
public final class QuantizedReader {
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private QuantizedReader() {}

  /**
   * A GPTQ matrix: {@code qweight} [in / 8, out], {@code qzeros} [groups, out / 8], {@code scales}
   * [groups, out] and, with act-order, {@code g_idx} [in].
   *
   * @param declaredV2 whether the checkpoint says {@code gptq_v2}; symmetric matrices are told by
   *     their zero points instead, because the label is not reliable
   * @throws ModelFormatException if parts are missing or do not fit
   */
  public static QuantizedMatrix gptq(WeightSource weights, String prefix, boolean declaredV2) {
    Tensor q = part(weights, prefix + ".qweight", DType.I32);
    int in = Math.toIntExact(Math.multiplyExact(q.rows(), 8L));
    int out = Math.toIntExact(q.cols());
    Tensor z = part(weights, prefix + ".qzeros", DType.I32);
    Tensor s = part(weights, prefix + ".scales", DType.F16);
    int groups = Math.toIntExact(s.rows());
    int[] zeros = ints(z);
    int[] groupOf =
        weights.has(prefix + ".g_idx")
            ? ints(part(weights, prefix + ".g_idx", DType.I32))
            : naturalGroups(prefix, in, groups);
    return build(prefix, in, out, ints(q), zeros, shorts(s), groupOf, isV1(zeros, declaredV2));
  }

  /**
   * An AWQ matrix: {@code qweight} [in, out / 8] packed along columns in AWQ's order, {@code
   * qzeros} [groups, out / 8] likewise, {@code scales} [groups, out].
   *
   * @throws ModelFormatException if parts are missing or do not fit
   */
  public static QuantizedMatrix awq(WeightSource weights, String prefix) {
    Tensor q = part(weights, prefix + ".qweight", DType.I32);
    int in = Math.toIntExact(q.rows());
    int out = Math.toIntExact(Math.multiplyExact(q.cols(), 8L));
    Tensor z = part(weights, prefix + ".qzeros", DType.I32);
    Tensor s = part(weights, prefix + ".scales", DType.F16);
    int groups = Math.toIntExact(s.rows());
    if (in % 8 != 0 || z.cols() != q.cols() || z.rows() != groups || s.cols() != out) {
      throw new ModelFormatException(prefix + ": qweight, qzeros and scales do not fit together");
    }
    byte[] codes = Nibbles.unpackColumns(ints(q), in, out, Nibbles.AWQ);
    byte[] zeros = Nibbles.unpackColumns(ints(z), groups, out, Nibbles.AWQ);
    return build(
        prefix,
        in,
        out,
        Nibbles.packRows(codes, in, out),
        Nibbles.packColumns(zeros, groups, out, Nibbles.PLAIN),
        shorts(s),
        naturalGroups(prefix, in, groups),
        false);
  }

  /** Symmetric 4-bit has the zero point 8: stored as 7 by v1, as 8 by v2. */
  static boolean isV1(int[] zeros, boolean declaredV2) {
    if (Arrays.stream(zeros).allMatch(z -> z == 0x77777777)) {
      return true;
    }
    if (Arrays.stream(zeros).allMatch(z -> z == 0x88888888)) {
      return false;
    }
    return !declaredV2;
  }

  private static int[] naturalGroups(String prefix, int in, int groups) {
    if (groups < 1 || in % groups != 0) {
      throw new ModelFormatException(
          prefix + ": " + in + " rows do not divide into " + groups + " groups");
    }
    int size = in / groups;
    int[] groupOf = new int[in];
    Arrays.setAll(groupOf, i -> i / size);
    return groupOf;
  }

  private static QuantizedMatrix build(
      String prefix,
      int in,
      int out,
      int[] codes,
      int[] zeros,
      short[] scales,
      int[] groupOf,
      boolean v1) {
    try {
      return new QuantizedMatrix(in, out, codes, zeros, scales, groupOf, v1);
    } catch (IllegalArgumentException e) {
      throw new ModelFormatException(prefix + ": " + e.getMessage());
    }
  }

  private static Tensor part(WeightSource weights, String name, DType type) {
    if (!weights.has(name)) {
      throw new ModelFormatException("the checkpoint has no tensor " + name);
    }
    Tensor t = weights.weight(name);
    if (t.dtype() != type || !t.isDense()) {
      throw new ModelFormatException(name + " is " + t.dtype() + ", not " + type);
    }
    return t;
  }

  private static int[] ints(Tensor t) {
    int[] v = new int[Math.toIntExact(t.rows() * t.cols())];
    for (int i = 0; i < v.length; i++) {
      v[i] = t.data().get(INT, 4L * i);
    }
    return v;
  }

  private static short[] shorts(Tensor t) {
    short[] v = new short[Math.toIntExact(t.rows() * t.cols())];
    for (int i = 0; i < v.length; i++) {
      v[i] = t.data().get(SHORT, 2L * i);
    }
    return v;
  }
}
