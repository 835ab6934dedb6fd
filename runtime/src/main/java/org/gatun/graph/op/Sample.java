package org.gatun.graph.op;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import org.gatun.graph.Step;
import org.gatun.graph.Value;
import org.gatun.tensor.DType;

/**
 * Draws one token per row of logits as {@link org.gatun.graph.Sampling} of that row says: operand
 * logits [R, vocabulary]; result ids [R, 1] of I32.
 *
 * <p>With a second operand, the {@link Candidates} of all ranks [R, 2 × pairs] by rising id, steps
 * that do not want whole logits draw from these pairs alone and never read the first operand.
 */
public record Sample() implements Op {
  @Override
  public String name() {
    return "sample";
  }

  @Override
  public List<Result> infer(List<Value> in) {
    Op.require(in.size() == 1 || in.size() == 2, this, in, "logits, or logits and candidates");
    Op.require(
        in.size() == 1 || in.get(0).rows().equals(in.get(1).rows()) && in.get(1).cols() % 2 == 0,
        this,
        in,
        "pairs for each row of logits");
    return List.of(new Result(DType.I32, in.get(0).rows(), 1));
  }

  @Override
  public void reference(RefFrame f) {
    Step s = f.step();
    boolean pairs = f.inputs() == 2 && !s.wholeLogits();
    int from = pairs ? 1 : 0;
    int cols = f.cols(from);
    for (int l = 0; l < f.rows(0); l++) {
      double[] row = Arrays.copyOfRange(f.in(from), l * cols, (l + 1) * cols);
      double[] x =
          pairs ? IntStream.range(0, cols / 2).mapToDouble(i -> row[2 * i]).toArray() : row;
      int drawn =
          pick(
              x,
              s.logitFloat(Step.TEMPERATURE, l),
              s.logit(Step.TOP_K, l),
              s.logitFloat(Step.TOP_P, l),
              s.logitFloat(Step.MIN_P, l),
              s.logitFloat(Step.UNIFORM, l));
      f.out(0)[l] = pairs ? row[2 * drawn + 1] : drawn;
    }
  }

  /**
   * The definition: order by falling probability, cut by top-k, top-p and min-p, pick by cumulative
   * mass.
   */
  static int pick(
      double[] x, double temperature, int topK, double topP, double minP, double uniform) {
    Integer[] order =
        IntStream.range(0, x.length)
            .boxed()
            .sorted(Comparator.<Integer>comparingDouble(i -> -x[i]).thenComparing(i -> i))
            .toArray(Integer[]::new);
    if (temperature <= 0) {
      return order[0];
    }
    int keep = topK > 0 ? Math.min(topK, x.length) : x.length;
    double[] p = new double[keep];
    double sum = 0;
    for (int i = 0; i < keep; i++) {
      p[i] = Math.exp((x[order[i]] - x[order[0]]) / temperature);
      sum += p[i];
    }
    double mass = 0;
    for (int i = 0; i < keep; i++) {
      mass += p[i] / sum;
      if (topP < 1 && mass >= topP) {
        keep = i + 1;
      }
    }
    while (keep > 1 && p[keep - 1] < minP * p[0]) {
      keep--;
    }
    double total = 0;
    for (int i = 0; i < keep; i++) {
      total += p[i];
    }
    double u = uniform * total;
    for (int i = 0; i < keep; i++) {
      u -= p[i];
      if (u < 0) {
        return order[i];
      }
    }
    return order[keep - 1];
  }
}
