package org.gatun.graph;

/**
 * How one token is drawn from one row of logits, on whatever device holds them.
 *
 * @param temperature 0 for the most likely token (the lowest id wins ties)
 * @param topK keep this many of the most likely tokens; 0 keeps all
 * @param topP then keep the shortest prefix, by falling probability, that reaches this mass; 1
 *     keeps all
 * @param minP then drop tokens below this share of the most likely one's probability; 0 keeps all
 * @param uniform a number in [0, 1) from the sequence's counter-based stream: it picks the token by
 *     cumulative mass in order of falling probability, so results do not depend on batching
 */
public record Sampling(float temperature, int topK, float topP, float minP, float uniform) {
  /** The most likely token. */
  public static final Sampling GREEDY = new Sampling(0, 0, 1, 0, 0);

  /** Most candidates that each of several ranks offers; a larger top-k takes whole logits. */
  public static final int CANDIDATES = 128;

  /** Whether the token is one of the {@link #CANDIDATES} most likely, whatever the logits are. */
  public boolean isFromCandidates() {
    return temperature <= 0 || topK > 0 && topK <= CANDIDATES;
  }
}
