package org.gatun.graph.op;

import java.util.List;
import org.gatun.graph.Step;
import org.gatun.graph.Value;

/**
 * Rotary position embedding (Su et al. 2021, arXiv 2104.09864) of each head's first {@code
 * rotaryDim} elements by the row's position. Operands x [T, heads × headDim] and, optionally, a
 * weight [1, rotaryDim / 2] of factors that divide the frequencies (Llama 3's scaling as GGUF
 * stores it).
 *
 * @param headDim elements per head
 * @param rotaryDim elements rotated; the rest pass through
 * @param theta base of the frequencies: {@code theta^(−2i / rotaryDim)}
 * @param scale multiplies positions (linear scaling: 1 / factor)
 * @param interleaved pairs are (2i, 2i + 1) as in Meta's and GGUF's Llama; otherwise (i, i +
 *     rotaryDim / 2)
 */
public record Rope(int headDim, int rotaryDim, float theta, float scale, boolean interleaved)
    implements Op {
  @Override
  public String name() {
    return "rope";
  }

  @Override
  public List<Result> infer(List<Value> in) {
    Op.require(
        !in.isEmpty()
            && in.get(0).cols() % headDim == 0
            && rotaryDim <= headDim
            && rotaryDim % 2 == 0,
        this,
        in,
        "rows of whole heads and an even rotary dim");
    Op.require(
        in.size() == 1 || in.get(1).cols() == rotaryDim / 2, this, in, "a factor per frequency");
    return Op.f32(in.get(0).rows(), in.get(0).cols());
  }

  /** Angle per position of pair {@code i}, before factors. */
  public double frequency(int i) {
    return scale * Math.pow(theta, -2.0 * i / rotaryDim);
  }

  @Override
  public void reference(RefFrame f) {
    double[] x = f.in(0);
    double[] y = f.out(0);
    double[] factors = f.inputs() > 1 ? RmsNorm.weight(f, 1) : null;
    System.arraycopy(x, 0, y, 0, x.length);
    int cols = f.cols(0);
    for (int r = 0; r < f.rows(0); r++) {
      int position = f.step().row(Step.POSITION, r);
      for (int h = 0; h < cols; h += headDim) {
        for (int i = 0; i < rotaryDim / 2; i++) {
          double angle = position * frequency(i) / (factors == null ? 1 : factors[i]);
          int a = r * cols + h + (interleaved ? 2 * i : i);
          int b = interleaved ? a + 1 : a + rotaryDim / 2;
          y[a] = x[a] * Math.cos(angle) - x[b] * Math.sin(angle);
          y[b] = x[a] * Math.sin(angle) + x[b] * Math.cos(angle);
        }
      }
    }
  }
}
