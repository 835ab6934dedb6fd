package org.gatun.graph.spec;

/**
 * How far a result may be from the float64 reference: for every element {@code |y − ref| ≤ relative
 * · |ref| + scaled · rms(ref row)}. Row scale is what rounding of sums follows.
 *
 * @param relative share of the element itself
 * @param scaled share of its row's root mean square
 */
public record Tolerance(double relative, double scaled) {
  /**
   * Elements from which on a row's root mean square tells the size of its sums. Of fewer, one that
   * cancels may be all there is: then the whole output's is taken.
   */
  public static final int TELLING = 5;

  /** Results must be equal (ids, copies). */
  public static final Tolerance EXACT = new Tolerance(0, 0);

  /** Element-wise f32 arithmetic. */
  public static final Tolerance ELEMENTWISE = new Tolerance(4e-6, 4e-6);

  /** Sums of f32 products. */
  public static final Tolerance SUM = new Tolerance(2e-5, 2e-5);

  /** Root mean square of finite values. */
  public static double rms(double[] x, int from, int count) {
    double square = 0;
    for (int i = from; i < from + count; i++) {
      square += Double.isInfinite(x[i]) ? 0 : x[i] * x[i];
    }
    return Math.sqrt(square / count);
  }

  /** What an element may be off by. */
  public double allowed(double reference, double rms) {
    return relative * Math.abs(reference) + scaled * rms + Float.MIN_NORMAL;
  }

  /** The error as a share of what is allowed; NaN where the value is. */
  public double share(double value, double reference, double rms) {
    return value == reference ? 0 : Math.abs(value - reference) / allowed(reference, rms);
  }

  /** Wider by this factor. */
  public Tolerance times(double factor) {
    return new Tolerance(relative * factor, scaled * factor);
  }
}
