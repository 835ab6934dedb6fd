package org.gatun.generate;

import java.util.Arrays;

/**
 * What came of a request.
 *
 * @param text the generated text, without a stop string
 * @param tokens the generated ids; an end token is not among them
 * @param finish why it ended
 * @param promptTokens tokens read for this request; those a session already held are not read again
 * @param timings where the time went
 */
public record Generation(
    String text, int[] tokens, FinishReason finish, int promptTokens, Timings timings) {

  /**
   * Nanoseconds of a request.
   *
   * @param prefill from the request to the first token
   * @param decode from the first token to the last
   */
  public record Timings(long prefill, long decode) {
    /** Prompt tokens per second. */
    public double prefillRate(int promptTokens) {
      return prefill == 0 ? 0 : promptTokens * 1e9 / prefill;
    }

    /** Generated tokens per second after the first. */
    public double decodeRate(int generated) {
      return decode == 0 || generated < 2 ? 0 : (generated - 1) * 1e9 / decode;
    }
  }

  @Override
  public String toString() {
    return "Generation[" + text + ", " + Arrays.toString(tokens) + ", " + finish + "]";
  }
}
