package org.gatun.backend.suite;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.gatun.attention.KvCodec;
import org.gatun.backend.Backend;

/**
 * The masked-dense oracle: where it is known beforehand what a plan keeps, its kernels must give
 * what dense attention in float64 gives under a mask of everything else. Keys are planted so that
 * the choice has wide margins, and the mask is written by hand: neither the float64 definition of
 * the plan nor its scores take part.
 */
public final class FixedPlans {
  private FixedPlans() {}

  /**
   * One plan under one codec.
   *
   * @param rows rows compared
   * @param worst the largest error, as a share of what the tolerance allows: more than 1 fails
   * @param where it is
   * @param weakest the smallest effect that turning over one entry of a mask would have, as a share
   *     of the same: were it not well above 1, the check could pass with a wrong choice
   */
  public record Result(String name, int rows, double worst, String where, double weakest) {
    /** Whether the result is right, and a wrong choice would have shown. */
    public boolean holds() {
      return worst <= 1 && weakest > 3;
    }

    @Override
    public String toString() {
      return String.format(
          Locale.ROOT,
          "%s: %d rows, error %.3f of what is allowed (%s); an entry of the mask moves %.1f",
          name,
          rows,
          worst,
          where,
          weakest);
    }
  }

  /** All fixed plans on a backend, under these codecs. */
  public static List<Result> run(Backend backend, KvCodec... codecs) {
    List<Result> results = new ArrayList<>();
    for (KvCodec codec : codecs) {
      for (int levels = 1; levels <= 2; levels++) {
        add(results, "squeezed/levels=" + levels, codec, FixedClusters.run(backend, codec, levels));
      }
      add(results, "blocktopk", codec, FixedPages.run(backend, codec));
    }
    return results;
  }

  private static void add(List<Result> to, String name, KvCodec codec, MaskedDense.Report r) {
    to.add(new Result(name + "/" + codec, r.rows(), r.worst(), r.where(), r.weakest()));
  }
}
