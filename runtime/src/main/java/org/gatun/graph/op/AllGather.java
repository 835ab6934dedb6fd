package org.gatun.graph.op;

import java.util.List;
import org.gatun.graph.Step;
import org.gatun.graph.Value;

/**
 * Concatenates every rank's columns in rank order: x [n, d] to [n, ranks × d]. Without a group
 * every rank is taken to hold the same.
 *
 * @param ranks world size
 * @param onDemand done only in steps that want whole logits ({@link
 *     org.gatun.graph.Step#wholeLogits}); in others the result holds nothing of use
 */
public record AllGather(int ranks, boolean onDemand) implements Op {
  /** One that every step does. */
  public AllGather(int ranks) {
    this(ranks, false);
  }

  /** Whether this step does it; the same answer on every rank, as the step is. */
  public boolean isDue(Step step) {
    return !onDemand || step.wholeLogits();
  }

  @Override
  public String name() {
    return "all_gather";
  }

  @Override
  public List<Result> infer(List<Value> in) {
    Op.require(in.size() == 1 && ranks > 0, this, in, "one operand");
    return Op.f32(in.get(0).rows(), Math.multiplyExact(in.get(0).cols(), ranks));
  }

  @Override
  public void reference(RefFrame f) {
    if (!isDue(f.step())) {
      return;
    }
    int cols = f.cols(0);
    double[][] x = f.inOfRanks(0);
    for (int r = 0; r < f.rows(0); r++) {
      for (int k = 0; k < ranks; k++) {
        System.arraycopy(x[k % x.length], r * cols, f.out(0), (r * ranks + k) * cols, cols);
      }
    }
  }
}
