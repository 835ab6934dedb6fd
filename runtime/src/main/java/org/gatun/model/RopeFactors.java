package org.gatun.model;

/** Factors that divide the rotary frequencies of models with a stretched context. */
public final class RopeFactors {
  private RopeFactors() {}

  /**
   * Llama 3.1's scaling: frequencies whose wavelength exceeds the original context shrink by {@code
   * factor}, short ones stay, those between are blended. As transformers' {@code rope_type: llama3}
   * has it.
   *
   * @param rotaryDim elements of a head that are rotated
   * @param theta base of the frequencies
   * @param context the original context length
   * @return one divisor per frequency, {@code rotaryDim / 2}
   */
  public static float[] llama3(
      int rotaryDim, double theta, double factor, double low, double high, double context) {
    float[] factors = new float[rotaryDim / 2];
    for (int i = 0; i < factors.length; i++) {
      double wavelength = 2 * Math.PI * Math.pow(theta, 2.0 * i / rotaryDim);
      double smooth = (context / wavelength - low) / (high - low);
      factors[i] =
          smooth >= 1
              ? 1
              : smooth <= 0 ? (float) factor : (float) (1 / ((1 - smooth) / factor + smooth));
    }
    return factors;
  }
}
