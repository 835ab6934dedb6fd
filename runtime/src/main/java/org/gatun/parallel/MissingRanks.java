package org.gatun.parallel;

import java.util.List;
import java.util.stream.Collectors;

/** How failures name ranks that others wait for. */
public final class MissingRanks {
  private MissingRanks() {}

  /** Ranks as a message lists them. */
  public static String text(List<Integer> ranks) {
    return ranks.stream().map(String::valueOf).collect(Collectors.joining(", "));
  }

  /**
   * Blames the first of the missing ranks; names those that wait and the others that are missing.
   *
   * @param what what the blamed rank did or did not do
   */
  public static CommunicatorException failure(
      List<Integer> missing, String what, List<Integer> waiting) {
    return new CommunicatorException(
        missing.getFirst(),
        what
            + "; waiting: rank "
            + text(waiting)
            + (missing.size() == 1
                ? ""
                : "; missing too: rank " + text(missing.subList(1, missing.size()))));
  }
}
