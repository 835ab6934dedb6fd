package org.gatun.prefix;

import org.gatun.attention.KvCodec;

/**
 * How to cluster a document.
 *
 * @param fine fine clusters as a share of the clustered tokens
 * @param coarse coarse clusters as a share of them; 0 for one level
 * @param iterations of k-means at most
 * @param seed of k-means
 * @param codec how keys and values are stored in the file
 */
public record PrefixOptions(double fine, double coarse, int iterations, long seed, KvCodec codec) {
  /** The paper's shares on two levels: 5 % and 1 %. */
  public static final PrefixOptions DEFAULT = new PrefixOptions(0.05, 0.01, 20, 1, KvCodec.F16);

  /** Checks the shares. */
  public PrefixOptions {
    if (!(fine > 0 && fine <= 1) || !(coarse >= 0 && coarse < fine) || iterations < 1) {
      throw new IllegalArgumentException(
          "clusters need 0 ≤ coarse < fine ≤ 1 and an iteration, not fine="
              + fine
              + ", coarse="
              + coarse
              + ", iterations="
              + iterations);
    }
  }
}
