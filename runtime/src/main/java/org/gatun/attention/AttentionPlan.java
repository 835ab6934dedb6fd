package org.gatun.attention;

/**
 * Which keys a step reads. A plan is chosen when a graph is compiled and runs on the device; every
 * plan equals dense attention when its budget covers all keys.
 */
public sealed interface AttentionPlan {
  /** Every visible key. */
  Dense DENSE = new Dense();

  /** Every visible key. */
  record Dense() implements AttentionPlan {}
}
