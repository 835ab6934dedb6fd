package org.gatun.generate;

/**
 * A counter-based random stream: number {@code i} depends on the seed and {@code i} alone, so a
 * sequence draws the same numbers however it is batched, forked or rolled back. The mixer is
 * SplitMix64 (Steele, Lea and Flood 2014).
 */
final class RandomStream {
  private RandomStream() {}

  /** A number in [0, 1) with 24 random bits. */
  static float uniform(long seed, long counter) {
    long z = seed * 0xD1342543DE82EF95L + (counter + 1) * 0x9E3779B97F4A7C15L;
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    z ^= z >>> 31;
    return (z >>> 40) * 0x1p-24f;
  }
}
