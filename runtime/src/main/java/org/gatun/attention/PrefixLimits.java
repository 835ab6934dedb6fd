package org.gatun.attention;

/**
 * The most that a program holds of clustered prefixes; fixed when it is compiled, so that recorded
 * work replays.
 *
 * @param count prefixes at once
 * @param tokens clustered tokens of each
 * @param clusters fine clusters of each, per KV head; coarse ones are no more
 */
public record PrefixLimits(int count, int tokens, int clusters) {
  /** No prefix: plans that need one read densely. */
  public static final PrefixLimits NONE = new PrefixLimits(0, 0, 0);

  /** Room for one prefix of this size. */
  public static PrefixLimits of(PrefixData p) {
    return new PrefixLimits(1, p.tokens(), p.clusters());
  }
}
