package org.gatun.graph.op;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.gatun.attention.AttentionPlan;
import org.gatun.attention.KvStore;
import org.gatun.graph.Step;
import org.gatun.graph.Value;

/**
 * softmax(scale · q · Kᵀ) · V over the keys each row sees, causal with grouped query heads: query
 * head h reads KV head h / (heads / kvHeads). Operand q [T, heads × headDim]; results the output of
 * q's shape and, with {@code lse}, the natural-log sum of exponentials [T, heads]. A row that sees
 * no key gives zeros and −∞.
 *
 * @param layer the KV layer it reads; the step's rows were appended before
 * @param heads query heads
 * @param kvHeads key/value heads
 * @param headDim elements per head
 * @param scale multiplies the scores
 * @param window keys seen, the row's own included, by position; 0 for all
 * @param softCap scores become {@code softCap · tanh(score / softCap)}; 0 for none
 * @param plan which of the visible keys are read
 * @param lse whether the log sum is a second result
 */
public record Attention(
    int layer,
    int heads,
    int kvHeads,
    int headDim,
    float scale,
    int window,
    float softCap,
    AttentionPlan plan,
    boolean lse)
    implements Op {
  /** Dense attention without a log-sum result. */
  public Attention(
      int layer, int heads, int kvHeads, int headDim, float scale, int window, float softCap) {
    this(layer, heads, kvHeads, headDim, scale, window, softCap, AttentionPlan.DENSE, false);
  }

  /** The same with another plan. */
  public Attention withPlan(AttentionPlan p) {
    return new Attention(layer, heads, kvHeads, headDim, scale, window, softCap, p, lse);
  }

  @Override
  public String name() {
    return "attention";
  }

  @Override
  public List<Result> infer(List<Value> in) {
    Op.require(
        in.size() == 1 && in.get(0).cols() == heads * headDim && heads % kvHeads == 0,
        this,
        in,
        "q of heads × headDim, heads a multiple of kvHeads");
    Op.require(
        window == 0 || plan.equals(AttentionPlan.DENSE),
        this,
        in,
        "plan "
            + plan
            + " reads the whole context; a layer with a window of "
            + window
            + " is dense");
    Result o = Op.f32(in.get(0).rows(), in.get(0).cols()).getFirst();
    return lse ? List.of(o, Op.f32(in.get(0).rows(), heads).getFirst()) : List.of(o);
  }

  @Override
  public void reference(RefFrame f) {
    PlanReference read = PlanReference.of(this, f);
    for (int r = 0; r < f.step().rows(); r++) {
      for (int h = 0; h < heads; h++) {
        row(f, read, r, h);
      }
    }
  }

  /** The score of a query head and a key, soft cap included. */
  double score(double[] q, int qAt, double[] k, int kAt) {
    double dot = 0;
    for (int i = 0; i < headDim; i++) {
      dot += q[qAt + i] * k[kAt + i];
    }
    return softCap > 0 ? softCap * Math.tanh(dot * scale / softCap) : dot * scale;
  }

  private void row(RefFrame f, PlanReference read, int r, int h) {
    Step s = f.step();
    int seq = s.row(Step.SEQUENCE, r);
    int kvHead = h / (heads / kvHeads);
    int kvAt = kvHead * headDim;
    int at = r * heads * headDim + h * headDim;
    List<double[]> keys = new ArrayList<>();
    List<double[]> values = new ArrayList<>();
    read.prefix(seq, kvHead, keys, values);
    for (int j = 0; j < s.sequence(Step.KV_LENGTH, seq); j++) {
      if (s.visible(r, j, window) && read.page(r, kvHead, j / KvStore.PAGE_SLOTS)) {
        int page = s.page(seq, j);
        int slot = j % KvStore.PAGE_SLOTS;
        keys.add(Arrays.copyOfRange(f.kv(layer, true, page, slot), kvAt, kvAt + headDim));
        values.add(Arrays.copyOfRange(f.kv(layer, false, page, slot), kvAt, kvAt + headDim));
      }
    }
    double[] scores = new double[keys.size()];
    double max = Double.NEGATIVE_INFINITY;
    for (int j = 0; j < scores.length; j++) {
      scores[j] = score(f.in(0), at, keys.get(j), 0);
      max = Math.max(max, scores[j]);
    }
    double sum = 0;
    for (int j = 0; j < scores.length; j++) {
      double p = Math.exp(scores[j] - max);
      sum += p;
      for (int i = 0; i < headDim; i++) {
        f.out(0)[at + i] += p * values.get(j)[i];
      }
    }
    for (int i = 0; i < headDim && sum > 0; i++) {
      f.out(0)[at + i] /= sum;
    }
    if (lse) {
      f.out(1)[r * heads + h] = sum > 0 ? max + Math.log(sum) : Double.NEGATIVE_INFINITY;
    }
  }
}
