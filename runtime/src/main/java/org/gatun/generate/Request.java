package org.gatun.generate;

import java.util.List;

/**
 * What to generate.
 *
 * @param maxTokens most tokens to generate; −1 for as many as fit the context
 * @param temperature 0 for the most likely token each time
 * @param topK keep this many of the most likely tokens; 0 keeps all
 * @param topP keep the shortest prefix that reaches this mass; 1 keeps all
 * @param minP drop tokens below this share of the most likely one; 0 keeps all
 * @param repeatPenalty divides (multiplies, if negative) the logits of the last 64 tokens; 1
 *     changes nothing
 * @param seed of the sequence's counter-based random stream
 * @param stop strings that end the generation; they are not part of the text
 * @param ignoreEnd go on after end tokens (benchmarks)
 */
public record Request(
    int maxTokens,
    float temperature,
    int topK,
    float topP,
    float minP,
    float repeatPenalty,
    long seed,
    List<String> stop,
    boolean ignoreEnd) {

  /** Checks the ranges; the message names the value and what is allowed. */
  public Request {
    check(maxTokens >= -1, "max tokens", maxTokens, "-1 or more");
    check(temperature >= 0 && Float.isFinite(temperature), "temperature", temperature, "0 or more");
    check(topK >= 0, "top-k", topK, "0 or more");
    check(topP > 0 && topP <= 1, "top-p", topP, "over 0, at most 1");
    check(minP >= 0 && minP <= 1, "min-p", minP, "0 to 1");
    check(
        repeatPenalty > 0 && Float.isFinite(repeatPenalty),
        "repeat penalty",
        repeatPenalty,
        "over 0");
    stop = List.copyOf(stop);
    check(stop.stream().noneMatch(String::isEmpty), "stop string", "''", "not empty");
  }

  /** The most likely tokens, this many at most. */
  public static Request greedy(int maxTokens) {
    return new Request(maxTokens, 0, 0, 1, 0, 1, 0, List.of(), false);
  }

  /** Tokens drawn at this temperature from the whole vocabulary. */
  public static Request sample(int maxTokens, float temperature, long seed) {
    return new Request(maxTokens, temperature, 0, 1, 0, 1, seed, List.of(), false);
  }

  private static void check(boolean ok, String what, Object value, String allowed) {
    if (!ok) {
      throw new IllegalArgumentException(what + " is " + value + "; it must be " + allowed);
    }
  }
}
