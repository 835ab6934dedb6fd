package org.gatun.graph.op;

import java.util.List;
import org.gatun.graph.Value;

/**
 * act(gate) ⊙ up for two activations of one shape.
 *
 * @param activation the gate's activation
 */
public record GatedAct(Activation activation) implements Op {
  @Override
  public String name() {
    return "gated_act";
  }

  @Override
  public List<Result> infer(List<Value> in) {
    return new Add().infer(in);
  }

  @Override
  public void reference(RefFrame f) {
    double[] gate = f.in(0);
    double[] up = f.in(1);
    double[] y = f.out(0);
    for (int i = 0; i < y.length; i++) {
      y[i] = activation.apply(gate[i]) * up[i];
    }
  }
}
