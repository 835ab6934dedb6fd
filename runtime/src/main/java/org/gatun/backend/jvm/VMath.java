package org.gatun.backend.jvm;

import static java.nio.ByteOrder.LITTLE_ENDIAN;
import static org.gatun.backend.jvm.Lanes.ADDRESS;
import static org.gatun.backend.jvm.Lanes.ALL;
import static org.gatun.backend.jvm.Lanes.F;

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

  /**
   * {@code x[i] = e^(x[i] − max) · factor} for {@code n} floats, whole vectors; returns their sum
   * without the factor. The arithmetic of {@link #exp(FloatVector)} in the open, for the reason
   * that {@link Fields} gives.
   */
  static float exp(long x, int n, float max, float factor) {
    FloatVector sum = FloatVector.zero(F);
    for (int i = 0; i < n; i += Lanes.N) {
      long at = x + 4L * i;
      FloatVector v = FloatVector.fromMemorySegment(F, ALL, at, LITTLE_ENDIAN).sub(max);
      FloatVector c = v.max(LOWEST).min(HIGHEST);
      FloatVector shifted = c.fma(V_LOG2E, V_ROUND);
      FloatVector k = shifted.sub(V_ROUND);
      FloatVector r = k.fma(V_LN2_LOW, k.fma(V_LN2_HIGH, c));
      FloatVector p = P0.fma(r, P1).fma(r, P2).fma(r, P3).fma(r, P4).fma(r, P5);
      p = p.fma(r.mul(r), r).add(1f);
      FloatVector power =
          shifted
              .reinterpretAsInts()
              .add(127)
              .lanewise(VectorOperators.LSHL, 23)
              .reinterpretAsFloats();
      FloatVector e = p.mul(power).blend(0f, v.lt(LOWEST));
      sum = sum.add(e);
      e.mul(factor).intoMemorySegment(ALL, at, LITTLE_ENDIAN);
    }
    return Lanes.sum(sum);
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

  /**
   * {@code out[i] = act(gate[i]) · up[i]} for {@code n} floats: the arithmetic of {@link #gate} and
   * {@link #exp} in the open, for the reason that {@link Fields} gives. It runs inside products.
   */
  static void gate(Activation kind, long gate, long up, long out, int n) {
    float cubic = kind == Activation.SILU ? 0f : -0.0713548163f;
    float linear = kind == Activation.SILU ? -1f : -1.5957691216f;
    int whole = n - n % Lanes.N;
    for (int i = 0; i < whole; i += Lanes.N) {
      long at = 4L * (i & Lanes.INDEX);
      FloatVector g = FloatVector.fromMemorySegment(F, ALL, (gate & ADDRESS) + at, LITTLE_ENDIAN);
      FloatVector u = FloatVector.fromMemorySegment(F, ALL, (up & ADDRESS) + at, LITTLE_ENDIAN);
      // The sigmoid is flat out there; without the bound, 0 · g² could be 0 · ∞.
      FloatVector b = g.max(-1e4f).min(1e4f);
      FloatVector t = b.mul(b).mul(cubic).add(linear).mul(b);
      FloatVector c = t.max(LOWEST).min(HIGHEST);
      FloatVector shifted = c.fma(V_LOG2E, V_ROUND);
      FloatVector k = shifted.sub(V_ROUND);
      FloatVector r = k.fma(V_LN2_LOW, k.fma(V_LN2_HIGH, c));
      FloatVector p = P0.fma(r, P1).fma(r, P2).fma(r, P3).fma(r, P4).fma(r, P5);
      p = p.fma(r.mul(r), r).add(1f);
      FloatVector power =
          shifted
              .reinterpretAsInts()
              .add(127)
              .lanewise(VectorOperators.LSHL, 23)
              .reinterpretAsFloats();
      FloatVector e = p.mul(power).blend(0f, t.lt(LOWEST));
      g.div(e.add(1f)).mul(u).intoMemorySegment(ALL, (out & ADDRESS) + at, LITTLE_ENDIAN);
    }
    if (whole < n) {
      int left = n - whole;
      long at = 4L * whole;
      FloatVector y = gate(kind, Lanes.load(gate + at, left), Lanes.load(up + at, left));
      Lanes.store(y, out + at, left);
    }
  }

  private static final FloatVector V_LOG2E = Lanes.splat(LOG2E);
  private static final FloatVector V_ROUND = Lanes.splat(ROUND);
  private static final FloatVector V_LN2_HIGH = Lanes.splat(-LN2_HIGH);
  private static final FloatVector V_LN2_LOW = Lanes.splat(-LN2_LOW);
  private static final FloatVector P0 = Lanes.splat(1.9875691500e-4f);
  private static final FloatVector P1 = Lanes.splat(1.3981999507e-3f);
  private static final FloatVector P2 = Lanes.splat(8.3334519073e-3f);
  private static final FloatVector P3 = Lanes.splat(4.1665795894e-2f);
  private static final FloatVector P4 = Lanes.splat(1.6666665459e-1f);
  private static final FloatVector P5 = Lanes.splat(5.0000001201e-1f);
}
