package org.gatun.tornado.kernels;

/**
 * The pools every kernel gets, and how a launch finds its parameters.
 *
 * <ul>
 *   <li>{@code step}: the step's descriptor ({@link org.gatun.graph.Step}), with two spare header
 *       fields used for split counts;
 *   <li>{@code call}: what changes from one execution to the next: the first launch of the segment,
 *       and the operands of copies;
 *   <li>{@code w}: ints that never change: the launch table, then weights of packed formats;
 *   <li>{@code f}: floats: constants, f32 weights, f32 KV, scratch, activations;
 *   <li>{@code kv}: KV slots of f16, two elements per int.
 * </ul>
 */
public final class Pool {
  /** Places in the float pool. */
  public static final int NEGATIVE_INFINITY = 0, NAN = 1, FIRST_FREE = 2;

  /** Ints per launch in the table. */
  public static final int STRIDE = 32;

  /** Row 0 of the table: where the step's arrays lie. */
  public static final int ROWS_AT = 0,
      ROWS_LIMIT = 1,
      LOGITS_AT = 2,
      LOGITS_LIMIT = 3,
      SEQUENCES_AT = 4,
      SEQUENCES_LIMIT = 5,
      PAGES_AT = 6,
      MASKS_AT = 7,
      POSITIONS_AT = 8,
      KV_TABLE = 9,
      KV_LAYERS = 10;

  /** Spare header fields of the step: splits of layers that see all keys, and of window layers. */
  public static final int SPLITS_ALL = 8, SPLITS_WINDOW = 9;

  /** Floats of local memory a group may use. */
  public static final int LOCAL = 1024;

  /** Most lanes of a group that reduces. */
  public static final int MOST_LANES = 64;

  private Pool() {}

  /** Start of the parameters of launch {@code k} of the segment. */
  static int params(int[] call, int k) {
    return (call[0] + k) * STRIDE;
  }

  /** A field of row {@code r} of the step. */
  static int row(int[] step, int[] w, int field, int r) {
    return step[w[ROWS_AT] + field * w[ROWS_LIMIT] + r];
  }

  /** A field of sequence {@code s} of the step. */
  static int sequence(int[] step, int[] w, int field, int s) {
    return step[w[SEQUENCES_AT] + field * w[SEQUENCES_LIMIT] + s];
  }

  /** Physical page of this slot. */
  static int page(int[] step, int[] w, int s, int slot) {
    return step[w[PAGES_AT] + sequence(step, w, 3, s) + (slot >> 6)];
  }
}
