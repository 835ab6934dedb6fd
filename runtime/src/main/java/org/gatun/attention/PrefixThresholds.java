package org.gatun.attention;

/**
 * The scores that clusters must exceed to be kept.
 *
 * @param coarse for the coarse lookup of two-level plans
 * @param fine for the fine lookup
 */
public record PrefixThresholds(float coarse, float fine) {
  /** Everything is kept. */
  public static final PrefixThresholds KEEP_ALL =
      new PrefixThresholds(Float.NEGATIVE_INFINITY, Float.NEGATIVE_INFINITY);
}
