package org.gatun.parallel;

import java.util.Comparator;
import java.util.List;

/**
 * What an all-reduce between devices of one host with peer access costs, and the cheapest way.
 *
 * @param alpha seconds from a store into a peer's memory until the peer sees it
 * @param barrier seconds for all ranks to meet
 * @param beta seconds per byte sent
 */
public record DeviceCost(double alpha, double barrier, double beta) {
  /** The kernels; all give the same bits. */
  public enum Algorithm {
    /** One hop; every word travels beside a flag, so twice the bytes. */
    CELLS("cells"),
    /** Everything to everybody, one barrier. */
    ONE_SHOT("one_shot"),
    /** A slice to each rank, its sum back: two barriers. */
    TWO_SHOT("two_shot");

    private final String kernel;

    Algorithm(String kernel) {
      this.kernel = kernel;
    }

    /** Name of the kernel, without its type. */
    public String kernel() {
      return kernel;
    }
  }

  /** NVLink-class links, 400 GB/s: a model, since nothing was measured on such hardware. */
  public static final DeviceCost NVLINK = new DeviceCost(1.5e-6, 3e-6, 2.5e-12);

  /** Modelled seconds for {@code bytes} on each of {@code world} ranks. */
  public double seconds(Algorithm algorithm, long bytes, int world) {
    double others = world - 1.0;
    return switch (algorithm) {
      case CELLS -> alpha + 2 * others * bytes * beta;
      case ONE_SHOT -> barrier + others * bytes * beta;
      case TWO_SHOT -> 2 * barrier + 2 * others / world * bytes * beta;
    };
  }

  /** The cheapest algorithm; the same on every rank. */
  public Algorithm choose(long bytes, int world) {
    return List.of(Algorithm.values()).stream()
        .min(Comparator.comparingDouble(a -> seconds(a, bytes, world)))
        .orElseThrow();
  }
}
