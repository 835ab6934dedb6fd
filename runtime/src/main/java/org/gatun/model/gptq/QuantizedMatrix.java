package org.gatun.model.gptq;

import java.util.Arrays;

/**
 * A 4-bit weight [in, out] with a scale and a zero point per group of input rows and output column:
 * {@code w[i, n] = (q[i, n] − z[g[i], n]) · s[g[i], n]}. GPTQ's packing; AWQ is brought into it.
 *
 * @param in input rows, a multiple of 8
 * @param out output columns, a multiple of 8
 * @param codes words [in / 8, out], packed along rows
 * @param zeros words [groups, out / 8], packed along columns
 * @param scales f16 bits [groups, out]
 * @param groupOf group of each input row: the row's quantisation order decides it (act-order)
 * @param zerosMinusOne zero points are stored one too low (GPTQ v1); 15 then means 0
 */
@SuppressWarnings("ArrayRecordComponent") // Bulk data; compared by content where tests need it.
public record QuantizedMatrix(
    int in,
    int out,
    int[] codes,
    int[] zeros,
    short[] scales,
    int[] groupOf,
    boolean zerosMinusOne) {
  /** Checks that sizes belong together and that every row's group is there. */
  public QuantizedMatrix {
    int groups = out == 0 ? 0 : scales.length / out;
    if (in < 8
        || out < 8
        || in % 8 != 0
        || out % 8 != 0
        || codes.length != (long) in / 8 * out
        || scales.length != groups * out
        || zeros.length != groups * (out / 8)
        || groupOf.length != in) {
      throw new IllegalArgumentException("parts of a " + in + " x " + out + " matrix do not fit");
    }
    for (int g : groupOf) {
      if (g < 0 || g >= groups) {
        throw new IllegalArgumentException("group " + g + " of a row is not among " + groups);
      }
    }
  }

  /** Number of groups that this part holds scales for. */
  public int groups() {
    return scales.length / out;
  }

  /** Rows in the order {@code p}: {@code result[i] = this[p[i]]}. */
  public QuantizedMatrix permuteRows(int[] p) {
    byte[] from = Nibbles.unpackRows(codes, in, out);
    byte[] to = new byte[from.length];
    int[] groups = new int[in];
    for (int i = 0; i < in; i++) {
      System.arraycopy(from, p[i] * out, to, i * out, out);
      groups[i] = groupOf[p[i]];
    }
    return new QuantizedMatrix(
        in, out, Nibbles.packRows(to, in, out), zeros, scales, groups, zerosMinusOne);
  }

  /** Columns in the order {@code p}, their scales and zero points with them. */
  public QuantizedMatrix permuteColumns(int[] p) {
    return gatherColumns(p);
  }

  /** Columns {@code from} to {@code from + count − 1}. */
  public QuantizedMatrix columns(int from, int count) {
    int[] p = new int[count];
    Arrays.setAll(p, i -> from + i);
    return gatherColumns(p);
  }

  private QuantizedMatrix gatherColumns(int[] p) {
    int n = p.length;
    int words = in / 8;
    int[] c = new int[words * n];
    for (int r = 0; r < words; r++) {
      for (int i = 0; i < n; i++) {
        c[r * n + i] = codes[r * out + p[i]];
      }
    }
    int groups = groups();
    byte[] z = Nibbles.unpackColumns(zeros, groups, out, Nibbles.PLAIN);
    byte[] zTo = new byte[groups * n];
    short[] s = new short[groups * n];
    for (int g = 0; g < groups; g++) {
      for (int i = 0; i < n; i++) {
        zTo[g * n + i] = z[g * out + p[i]];
        s[g * n + i] = scales[g * out + p[i]];
      }
    }
    return new QuantizedMatrix(
        in, n, c, Nibbles.packColumns(zTo, groups, n, Nibbles.PLAIN), s, groupOf, zerosMinusOne);
  }

  /**
   * Rows {@code from} to {@code from + count − 1} with the scales of the groups between the lowest
   * and the highest that they use: whole groups only if the rows are sorted by group.
   */
  public QuantizedMatrix rows(int from, int count) {
    if (from % 8 != 0 || count % 8 != 0) {
      throw new IllegalArgumentException(
          "rows " + from + "+" + count + " cut through packed words");
    }
    int[] groups = Arrays.copyOfRange(groupOf, from, from + count);
    int low = Arrays.stream(groups).min().orElseThrow();
    int high = Arrays.stream(groups).max().orElseThrow() + 1;
    for (int i = 0; i < count; i++) {
      groups[i] -= low;
    }
    return new QuantizedMatrix(
        count,
        out,
        Arrays.copyOfRange(codes, from / 8 * out, (from + count) / 8 * out),
        Arrays.copyOfRange(zeros, low * (out / 8), high * (out / 8)),
        Arrays.copyOfRange(scales, low * out, high * out),
        groups,
        zerosMinusOne);
  }

  /** The weight in f32, [in, out]. */
  public float[] dequantize() {
    float[] w = new float[Math.multiplyExact(in, out)];
    float[] scale = new float[out];
    float[] zero = new float[out];
    for (int i = 0; i < in; i++) {
      loadGroup(i, scale, zero);
      row(i, scale, zero, w, i * out);
    }
    return w;
  }

  /**
   * {@code y[m, out] = x[m, in] · W}. Each output is summed over rows in order, whatever the number
   * of columns: parts of a matrix give the bits of the whole.
   */
  public void multiply(float[] x, int m, float[] y) {
    Arrays.fill(y, 0, m * out, 0);
    float[] scale = new float[out];
    float[] zero = new float[out];
    float[] w = new float[out];
    for (int i = 0; i < in; i++) {
      // Sorted rows load each group's scales once; unsorted ones, nearly every time.
      if (i == 0 || groupOf[i] != groupOf[i - 1]) {
        loadGroup(i, scale, zero);
      }
      row(i, scale, zero, w, 0);
      for (int r = 0; r < m; r++) {
        addScaled(w, x[r * in + i], y, r * out, out);
      }
    }
  }

  private static void addScaled(float[] w, float x, float[] y, int at, int n) {
    for (int c = 0; c < n; c++) {
      y[at + c] += x * w[c];
    }
  }

  private void loadGroup(int i, float[] scale, float[] zero) {
    int g = groupOf[i];
    int plus = zerosMinusOne ? 1 : 0;
    for (int c = 0; c < out; c++) {
      scale[c] = Float.float16ToFloat(scales[g * out + c]);
      zero[c] = (zeros[g * (out / 8) + c / 8] >>> 4 * (c % 8)) + plus & 15;
    }
  }

  private void row(int i, float[] scale, float[] zero, float[] w, int at) {
    int shift = 4 * (i % 8);
    int base = i / 8 * out;
    for (int c = 0; c < out; c++) {
      w[at + c] = ((codes[base + c] >>> shift & 15) - zero[c]) * scale[c];
    }
  }
}
