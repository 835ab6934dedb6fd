package org.gatun.graph.op;

import java.util.List;
import org.gatun.graph.Value;

/**
 * The first half of a gated MLP: act(x · Wgateᵀ) ⊙ (x · Wupᵀ). Operands x [n, in], gate [ff, in],
 * up [ff, in].
 *
 * @param activation the gate's activation
 */
public record GatedMatMul(Activation activation) implements Op {
  @Override
  public String name() {
    return "gated_matmul";
  }

  @Override
  public List<Result> infer(List<Value> in) {
    Op.require(in.size() == 3, this, in, "x, gate and up");
    for (Value w : in.subList(1, 3)) {
      Op.require(
          w.isWeight() && w.cols() == in.get(0).cols() && w.rows().equals(in.get(1).rows()),
          this,
          in,
          "gate and up of one shape, as wide as x");
    }
    return Op.f32(in.get(0).rows(), MatMul.weightRows(in.get(1)));
  }

  @Override
  public void reference(RefFrame f) {
    double[] up = new double[f.out(0).length];
    double[] y = f.out(0);
    MatMul.product(f, 1, y);
    MatMul.product(f, 2, up);
    for (int i = 0; i < y.length; i++) {
      y[i] = activation.apply(y[i]) * up[i];
    }
  }

  @Override
  public double flops(List<Value> in, List<Value> out, long tokens, long logitRows) {
    return 4.0 * in.get(0).cols() * Op.super.flops(in, out, tokens, logitRows);
  }
}
