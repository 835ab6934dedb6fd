package org.gatun.graph.op;

import java.util.ArrayList;
import java.util.List;
import org.gatun.graph.Value;

/**
 * y = x · Wᵀ (+ b) for one or several weights that share x, as Q, K and V do: operands x [n, in],
 * then {@code parts} weights [out_i, in] in any format, then, with {@code bias}, as many biases [1,
 * out_i]. One result [n, out_i] each.
 *
 * @param parts number of weights
 * @param bias whether each has a bias
 */
public record MatMul(int parts, boolean bias) implements Op {
  /** A single weight without bias. */
  public static final MatMul PLAIN = new MatMul(1, false);

  @Override
  public String name() {
    return "matmul";
  }

  @Override
  public List<Result> infer(List<Value> in) {
    Op.require(in.size() == 1 + parts * (bias ? 2 : 1), this, in, "x, weights and biases");
    List<Result> out = new ArrayList<>();
    for (int i = 1; i <= parts; i++) {
      Value w = in.get(i);
      Op.require(w.isWeight() && w.cols() == in.get(0).cols(), this, in, "weights as wide as x");
      out.addAll(Op.f32(in.get(0).rows(), weightRows(w)));
      if (bias) {
        Op.require(
            in.get(i + parts).cols() == weightRows(w), this, in, "a bias per row of its weight");
      }
    }
    return out;
  }

  static int weightRows(Value w) {
    return Math.toIntExact(w.rows().at(0, 0));
  }

  @Override
  public void reference(RefFrame f) {
    for (int p = 0; p < parts; p++) {
      product(f, 1 + p, f.out(p));
      if (bias) {
        double[] b = RmsNorm.weight(f, 1 + parts + p);
        double[] y = f.out(p);
        for (int i = 0; i < y.length; i++) {
          y[i] += b[i % b.length];
        }
      }
    }
  }

  static void product(RefFrame f, int weight, double[] y) {
    int cols = f.cols(0);
    int out = f.rows(weight);
    double[] x = f.in(0);
    double[] w = new double[cols];
    for (int o = 0; o < out; o++) {
      f.weightRow(weight, o, w);
      for (int r = 0; r < f.rows(0); r++) {
        double sum = 0;
        for (int i = 0; i < cols; i++) {
          sum += x[r * cols + i] * w[i];
        }
        y[r * out + o] = sum;
      }
    }
  }

  @Override
  public double flops(List<Value> in, List<Value> out, long tokens, long logitRows) {
    return 2.0 * in.get(0).cols() * Op.super.flops(in, out, tokens, logitRows);
  }
}
