package org.gatun.graph.op;

import java.util.List;
import org.gatun.graph.Value;

/**
 * Root-mean-square normalisation (Zhang and Sennrich 2019, arXiv 1910.07467): operands x [n, groups
 * × dim] and weight [1, dim]; each group of {@code dim} elements is divided by its root mean square
 * and multiplied by the weight. With one group per head it is the QK norm.
 *
 * @param eps added to the mean square
 */
public record RmsNorm(float eps) implements Op {
  @Override
  public String name() {
    return "rms_norm";
  }

  @Override
  public List<Result> infer(List<Value> in) {
    Op.require(
        in.size() == 2 && in.get(1).isWeight() && in.get(0).cols() % in.get(1).cols() == 0,
        this,
        in,
        "x and a weight whose length divides a row of x");
    return Op.f32(in.get(0).rows(), in.get(0).cols());
  }

  @Override
  public void reference(RefFrame f) {
    normalize(f.in(0), weight(f, 1), eps, f.out(0));
  }

  static double[] weight(RefFrame f, int i) {
    double[] w = new double[f.cols(i)];
    f.weightRow(i, 0, w);
    return w;
  }

  static void normalize(double[] x, double[] w, double eps, double[] y) {
    for (int g = 0; g < x.length; g += w.length) {
      double sum = 0;
      for (int i = 0; i < w.length; i++) {
        sum += x[g + i] * x[g + i];
      }
      double scale = 1 / Math.sqrt(sum / w.length + eps);
      for (int i = 0; i < w.length; i++) {
        y[g + i] = x[g + i] * scale * w[i];
      }
    }
  }
}
