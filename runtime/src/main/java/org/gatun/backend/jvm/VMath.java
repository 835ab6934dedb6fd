package org.gatun.backend.jvm;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import org.gatun.graph.op.Activation;

/** Elementary functions on vectors, the same in every lane whatever the width. */
final class VMath {
  private static final float LOG2E = 1.44269504f;
  // ln 2 in two parts: the first has 9 significant bits, so its product with an exponent is exact
  // (Cody and Waite).
  private static final float LN2_HIGH = 0.693359375f;
  private static final float LN2_LOW = -2.12194440e-4f;
  private static final float ROUND = 0x1.8p23f;
  private static final float LOWEST = -87.3f;
  private static final float HIGHEST = 88.3f;

  private VMath() {}

  /** e^x within 2 ulp; 0 below −87.3 (results that would be subnormal), e^88.3 above 88.3. */
  static FloatVector exp(FloatVector x) {
    FloatVector c = x.max(LOWEST).min(HIGHEST);
    FloatVector shifted = c.fma(Lanes.splat(LOG2E), Lanes.splat(ROUND));
    FloatVector n = shifted.sub(ROUND);
    FloatVector r = n.fma(Lanes.splat(-LN2_HIGH), c);
    r = n.fma(Lanes.splat(-LN2_LOW), r);
    FloatVector p = Lanes.splat(1.9875691500e-4f);
    p = p.fma(r, Lanes.splat(1.3981999507e-3f));
    p = p.fma(r, Lanes.splat(8.3334519073e-3f));
    p = p.fma(r, Lanes.splat(4.1665795894e-2f));
    p = p.fma(r, Lanes.splat(1.6666665459e-1f));
    p = p.fma(r, Lanes.splat(5.0000001201e-1f));
    p = p.fma(r.mul(r), r).add(1f);
    IntVector power = shifted.reinterpretAsInts().add(127).lanewise(VectorOperators.LSHL, 23);
    FloatVector y = p.mul(power.reinterpretAsFloats());
    return y.blend(0f, x.lt(LOWEST));
  }

  /** tanh, with an absolute error below 2e-7. */
  static FloatVector tanh(FloatVector x) {
    FloatVector e = exp(x.add(x));
    return Lanes.splat(1f).sub(Lanes.splat(2f).div(e.add(1f)));
  }

  /** The gate's activation times {@code up}. */
  static FloatVector gate(Activation kind, FloatVector g, FloatVector up) {
    // GELU's tanh form is x · sigmoid(2 u): 0.5 (1 + tanh u) = 1 / (1 + e^(−2u)).
    FloatVector t =
        kind == Activation.SILU
            ? g.neg()
            : g.mul(g).fma(Lanes.splat(-0.0713548163f), Lanes.splat(-1.5957691216f)).mul(g);
    return g.div(exp(t).add(1f)).mul(up);
  }

  /** {@code out[i] = act(gate[i]) · up[i]} for {@code n} floats. */
  static void gate(Activation kind, long gate, long up, long out, int n) {
    for (int i = 0; i < n; i += Lanes.N) {
      int left = n - i;
      FloatVector y = gate(kind, Lanes.load(gate + 4L * i, left), Lanes.load(up + 4L * i, left));
      Lanes.store(y, out + 4L * i, left);
    }
  }
}
