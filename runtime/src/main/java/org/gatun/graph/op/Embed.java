package org.gatun.graph.op;

import java.util.List;
import org.gatun.graph.Dim;
import org.gatun.graph.Value;

/**
 * Rows of the embedding table, by the step's token ids: operand table [vocabulary, d] in any
 * format; result [T, d]. An id outside {@code [first, first + rows)} gives a row of zeros: the
 * other ranks of a vocabulary-parallel table hold it.
 *
 * @param scale multiplies every element (Gemma: the square root of d)
 * @param first the id of the table's first row; 0 unless sharded
 */
public record Embed(float scale, int first) implements Op {
  @Override
  public String name() {
    return "embed";
  }

  @Override
  public List<Result> infer(List<Value> in) {
    Op.require(in.size() == 1 && in.get(0).isWeight(), this, in, "a table");
    return Op.f32(Dim.TOKENS, in.get(0).cols());
  }

  @Override
  public void reference(RefFrame f) {
    int cols = f.cols(0);
    double[] row = new double[cols];
    for (int r = 0; r < f.step().rows(); r++) {
      int id = f.step().row(org.gatun.graph.Step.TOKEN, r) - first;
      if (id >= 0 && id < f.rows(0)) {
        f.weightRow(0, id, row);
        for (int i = 0; i < cols; i++) {
          f.out(0)[r * cols + i] = row[i] * scale;
        }
      }
    }
  }
}
