package org.gatun.parallel.mpi;

import java.util.List;
import java.util.function.LongPredicate;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.gatun.parallel.CommunicatorException;
import org.gatun.parallel.MissingRanks;

/** Who is to blame for a collective that did not end in time. */
final class Verdict {
  private Verdict() {}

  /**
   * The failure, from what each rank said.
   *
   * @param rank this rank, which waited
   * @param waits the call each rank waits in, -1 where it is silent; this rank's own among them
   * @param call name of this rank's call
   * @param millis how long it waited
   */
  static CommunicatorException of(int rank, long[] waits, String call, long millis) {
    String where = call + " #" + waits[rank];
    List<Integer> silent = ranks(waits, w -> w < 0);
    if (!silent.isEmpty()) {
      return MissingRanks.failure(
          silent,
          "did not arrive at " + where + " within " + millis + " ms (hung or stopped?)",
          ranks(waits, w -> w >= 0));
    }
    long least = LongStream.of(waits).min().orElseThrow();
    if (least == LongStream.of(waits).max().orElseThrow()) {
      return new CommunicatorException(
          -1, "all ranks waited " + millis + " ms in " + where + ": messages are lost or slow");
    }
    return new CommunicatorException(
        ranks(waits, w -> w == least).getFirst(),
        "waits in its call #" + least + " while rank " + rank + " waits in " + where);
  }

  /** This rank's place among those that wait: the first speaks for all. */
  static int place(int rank, long[] waits) {
    return ranks(waits, w -> w >= 0).indexOf(rank);
  }

  private static List<Integer> ranks(long[] waits, LongPredicate which) {
    return IntStream.range(0, waits.length).filter(r -> which.test(waits[r])).boxed().toList();
  }
}
