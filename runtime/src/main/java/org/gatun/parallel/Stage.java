package org.gatun.parallel;

/** Work that ranks do apart and that may take one much longer than another: a disk, a compiler. */
public enum Stage {
  /** The device is opened and its kernels are there. */
  DEVICE("opening its device"),
  /** Weights are where the backend wants them. */
  MODEL("loading the model"),
  /** A clustered prefix is read. */
  PREFIX("reading the prefix");

  private final String doing;

  Stage(String doing) {
    this.doing = doing;
  }

  /** What a rank that is not through is still doing. */
  public String doing() {
    return doing;
  }
}
