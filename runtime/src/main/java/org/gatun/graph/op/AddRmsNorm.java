package org.gatun.graph.op;

import java.util.List;
import org.gatun.graph.Value;

/**
 * Residual and norm in one pass: operands x, residual (one shape) and weight [1, cols], with {@code
 * normFirst} a second weight [1, cols] as the fourth. Results: the sum {@code residual + x} (or
 * {@code residual + norm(x, fourth)}, Gemma's post-norm), and that sum normalised by the third
 * operand.
 *
 * @param eps added to each mean square
 * @param normFirst x is normalised before it is added
 */
public record AddRmsNorm(float eps, boolean normFirst) implements Op {
  @Override
  public String name() {
    return "add_rms_norm";
  }

  @Override
  public List<Result> infer(List<Value> in) {
    Op.require(
        in.size() == (normFirst ? 4 : 3),
        this,
        in,
        "x, residual, weight and, with normFirst, x's own weight");
    Value x = in.get(0);
    boolean fits = in.get(1).cols() == x.cols() && in.get(1).rows().equals(x.rows());
    for (Value w : in.subList(2, in.size())) {
      fits &= w.isWeight() && w.cols() == x.cols();
    }
    Op.require(fits, this, in, "operands of one width");
    Result r = Op.f32(x.rows(), x.cols()).getFirst();
    return List.of(r, r);
  }

  @Override
  public void reference(RefFrame f) {
    double[] x = f.in(0);
    double[] sum = f.out(0);
    if (normFirst) {
      RmsNorm.normalize(x, RmsNorm.weight(f, 3), eps, sum);
    } else {
      System.arraycopy(x, 0, sum, 0, x.length);
    }
    double[] residual = f.in(1);
    for (int i = 0; i < sum.length; i++) {
      sum[i] += residual[i];
    }
    RmsNorm.normalize(sum, RmsNorm.weight(f, 2), eps, f.out(1));
  }
}
