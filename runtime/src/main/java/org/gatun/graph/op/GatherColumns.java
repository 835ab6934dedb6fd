package org.gatun.graph.op;

import java.util.List;
import org.gatun.graph.Value;
import org.gatun.tensor.DType;

/**
 * Columns of x in the order that a weight names: operands x [rows, cols] and order [1, n], F32
 * holding column numbers (exact below 2^24); result [rows, n], {@code y[r, i] = x[r, order[i]]}.
 * Matrices that GPTQ quantised with act-order keep their rows sorted by group and are fed so.
 */
public record GatherColumns() implements Op {
  @Override
  public String name() {
    return "gather_columns";
  }

  @Override
  public List<Result> infer(List<Value> in) {
    Op.require(in.size() == 2, this, in, "x and the order of its columns");
    Value order = in.get(1);
    Op.require(
        order.isWeight() && order.dtype() == DType.F32 && order.rows().at(0, 0) == 1,
        this,
        in,
        "the order is one row of F32 weights");
    return Op.f32(in.getFirst().rows(), order.cols());
  }

  @Override
  public void reference(RefFrame f) {
    double[] x = f.in(0);
    double[] y = f.out(0);
    int n = f.cols(1);
    double[] order = new double[n];
    f.weightRow(1, 0, order);
    for (int r = 0; r < f.rows(0); r++) {
      for (int i = 0; i < n; i++) {
        y[r * n + i] = x[r * f.cols(0) + (int) order[i]];
      }
    }
  }
}
