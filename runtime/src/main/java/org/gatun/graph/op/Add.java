package org.gatun.graph.op;

import java.util.List;
import org.gatun.graph.Value;

/** Element-wise sum of two activations of one shape: the residual connection. */
public record Add() implements Op {
  @Override
  public String name() {
    return "add";
  }

  @Override
  public List<Result> infer(List<Value> in) {
    Op.require(
        in.size() == 2
            && in.get(0).cols() == in.get(1).cols()
            && in.get(0).rows().equals(in.get(1).rows()),
        this,
        in,
        "two operands of one shape");
    return Op.f32(in.get(0).rows(), in.get(0).cols());
  }

  @Override
  public void reference(RefFrame f) {
    double[] a = f.in(0);
    double[] b = f.in(1);
    double[] y = f.out(0);
    for (int i = 0; i < y.length; i++) {
      y[i] = a[i] + b[i];
    }
  }
}
