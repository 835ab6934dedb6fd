package org.gatun.graph.op;

import java.util.List;
import org.gatun.graph.Dim;
import org.gatun.graph.Step;
import org.gatun.graph.Value;

/** The rows that want logits: x [T, d] to [R, d]. */
public record GatherRows() implements Op {
  @Override
  public String name() {
    return "gather_rows";
  }

  @Override
  public List<Result> infer(List<Value> in) {
    Op.require(
        in.size() == 1 && in.get(0).rows().equals(Dim.TOKENS),
        this,
        in,
        "one operand with a row per token");
    return Op.f32(Dim.LOGIT_ROWS, in.get(0).cols());
  }

  @Override
  public void reference(RefFrame f) {
    int cols = f.cols(0);
    for (int l = 0; l < f.step().logitRows(); l++) {
      System.arraycopy(f.in(0), f.step().logit(Step.ROW, l) * cols, f.out(0), l * cols, cols);
    }
  }
}
