package org.gatun.graph.op;

import java.util.List;
import org.gatun.attention.KvStore;
import org.gatun.graph.Step;
import org.gatun.graph.Value;

/**
 * Writes K and V of the step's rows, rounded as the KV codec stores them, into the slots the step
 * assigns: operands k and v [T, kvHeads × headDim]; no result.
 *
 * @param layer the KV layer
 */
public record KvAppend(int layer) implements Op {
  @Override
  public String name() {
    return "kv_append";
  }

  @Override
  public List<Result> infer(List<Value> in) {
    Op.require(
        in.size() == 2 && in.get(0).cols() == in.get(1).cols(), this, in, "K and V of one width");
    return List.of();
  }

  @Override
  public void reference(RefFrame f) {
    int cols = f.cols(0);
    Step s = f.step();
    for (int r = 0; r < s.rows(); r++) {
      int slot = s.row(Step.SLOT, r);
      int page = s.page(s.row(Step.SEQUENCE, r), slot);
      for (boolean key : new boolean[] {true, false}) {
        double[] stored = f.kv(layer, key, page, slot % KvStore.PAGE_SLOTS);
        System.arraycopy(f.in(key ? 0 : 1), r * cols, stored, 0, cols);
        for (int h = 0; h < cols; h += f.headDim(layer)) {
          f.kvCodec().round(stored, h, f.headDim(layer));
        }
      }
    }
  }
}
