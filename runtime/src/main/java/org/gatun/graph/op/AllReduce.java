package org.gatun.graph.op;

import java.util.List;
import org.gatun.graph.Value;

/**
 * Sum over all ranks, in place of a partial result: x [n, d] to the same shape. One rank: a copy.
 */
public record AllReduce() implements Op {
  @Override
  public String name() {
    return "all_reduce";
  }

  @Override
  public List<Result> infer(List<Value> in) {
    Op.require(in.size() == 1, this, in, "one operand");
    return Op.f32(in.get(0).rows(), in.get(0).cols());
  }

  @Override
  public void reference(RefFrame f) {
    for (double[] x : f.inOfRanks(0)) {
      for (int i = 0; i < x.length; i++) {
        f.out(0)[i] += x[i];
      }
    }
  }
}
