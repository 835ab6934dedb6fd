package org.gatun.graph.spec;

import org.gatun.backend.Backend.Numerics;
import org.gatun.tensor.DType;

/**
 * What a case's products may be narrowed to by a backend that says so in its {@link Numerics}, and
 * what that does to its tolerance.
 *
 * <p>Operands are uniform in [−1, 1), of rms 1/√3. Rounding one adds an error of standard deviation
 * σ times that rms, independent from element to element, so a dot product is off by σ of its row's
 * rms, however long it is:
 *
 * <ul>
 *   <li>8 bits over a block whose largest element is near 1: steps of 1/127, error 1/(127 √12) on
 *       an rms of 1/√3: σ = 1/254 = 0.0039
 *   <li>half precision: at most 2⁻¹¹ of the element, uniform: σ = 2⁻¹¹/√3
 *   <li>bfloat16: at most 2⁻⁸ of the element: σ = 2⁻⁸/√3
 * </ul>
 *
 * Ten σ are allowed on the scale of the row (a case compares up to some ten thousand elements, 4.3
 * σ is expected of the worst), five on that of the element. Where several rounded factors multiply,
 * their errors add.
 *
 * @param to the narrowest operand type
 * @param factors rounded factors of a result: 2 for a gated product (gate and up), 2 for attention
 *     (scores and probabilities)
 */
public record Narrowing(To to, int factors) {
  /** Operand types. */
  public enum To {
    /** Stays f32. */
    NOTHING(0),
    /** Activations in 8 bits, a scale per block of 32. */
    INT8(1 / 254.0),
    /** Half precision. */
    F16(0x1p-11 / Math.sqrt(3)),
    /** bfloat16. */
    BF16(0x1p-8 / Math.sqrt(3));

    private final double sigma;

    To(double sigma) {
      this.sigma = sigma;
    }
  }

  /** No product. */
  public static final Narrowing NONE = new Narrowing(To.NOTHING, 0);

  /** Attention: half-precision queries, keys, values and probabilities. */
  public static final Narrowing ATTENTION = new Narrowing(To.F16, 2);

  /** Products with a weight of this format. */
  public static Narrowing weight(DType format, int factors) {
    To to =
        switch (format) {
          case F16 -> To.F16;
          case BF16 -> To.BF16;
          default -> format.isQuantized() ? To.INT8 : To.NOTHING;
        };
    return new Narrowing(to, factors);
  }

  /** The f32 tolerance, widened by what the backend narrows. */
  public Tolerance widen(Tolerance f32, Numerics backend) {
    boolean narrows =
        switch (to) {
          case NOTHING -> false;
          case INT8 -> backend.int8Activations();
          case F16, BF16 -> backend.f16Products();
        };
    double sigma = narrows ? factors * to.sigma : 0;
    return new Tolerance(Math.max(f32.relative(), 5 * sigma), Math.max(f32.scaled(), 10 * sigma));
  }
}
