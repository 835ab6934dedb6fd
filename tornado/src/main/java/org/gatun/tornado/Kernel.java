package org.gatun.tornado;

/** The kernels a launch can name; {@link org.gatun.tornado.kernels} holds their bodies. */
public enum Kernel {
  /** {@link org.gatun.tornado.kernels.Elementwise}. */
  ELEMENTWISE(false),
  /** {@link org.gatun.tornado.kernels.Norms}. */
  NORM(true),
  /** {@link org.gatun.tornado.kernels.Rotary}. */
  ROTARY(false),
  /** The embedding of {@link org.gatun.tornado.kernels.Products}. */
  EMBED(false),
  /** The product of {@link org.gatun.tornado.kernels.Products}. */
  PRODUCT(true),
  /** The append of {@link org.gatun.tornado.kernels.Slots}. */
  APPEND(false),
  /** {@link org.gatun.tornado.kernels.Attend}. */
  ATTEND(true),
  /** The merge of {@link org.gatun.tornado.kernels.Attend}. */
  MERGE(true),
  /** {@link org.gatun.tornado.kernels.Choice}. */
  CHOICE(true);

  private final boolean grouped;

  Kernel(boolean grouped) {
    this.grouped = grouped;
  }

  /**
   * Whether a launch is sized in groups of lanes that share local memory; otherwise in work-items.
   */
  public boolean grouped() {
    return grouped;
  }
}
