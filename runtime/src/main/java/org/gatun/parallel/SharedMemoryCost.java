package org.gatun.parallel;

/**
 * What an all-reduce over shared memory costs: {@code meetings·alpha + bytes·beta}, with measured
 * constants. Only speed depends on the choice, never the result.
 *
 * @param meetingNanos time for all ranks to meet once
 * @param copyNanosPerByte time to copy one byte into or out of a slot
 * @param addNanosPerByte time to add one byte of one more contribution
 */
public record SharedMemoryCost(
    double meetingNanos, double copyNanosPerByte, double addNanosPerByte) {
  private static final double LEAST = 1e-4;

  /** Fitted to {@code ci/bench-allreduce} on a two-core server. */
  public static final SharedMemoryCost DEFAULT = new SharedMemoryCost(1_450, 0.016, 0.020);

  /** Modelled time in nanoseconds for a message of {@code bytes} over {@code world} ranks. */
  public double nanos(AllReduceAlgorithm algorithm, long bytes, int world) {
    double others = world - 1.0;
    return switch (algorithm) {
      case ONE_SHOT -> meetingNanos + bytes * (copyNanosPerByte + others * addNanosPerByte);
      case TWO_SHOT ->
          2 * meetingNanos
              + bytes * (others / world * (copyNanosPerByte + addNanosPerByte) + copyNanosPerByte);
    };
  }

  /**
   * The constants under which both algorithms take the measured times, each at least a little above
   * nothing, whatever noise was measured.
   *
   * @param meeting nanoseconds of one meeting
   * @param bytes message of both measurements
   */
  public static SharedMemoryCost fit(
      double meeting, long bytes, double oneShot, double twoShot, int world) {
    double others = world - 1.0;
    double share = others / world;
    // one = copy + others·add; two = (1 + share)·copy + share·add, both per byte.
    double one = Math.max(0, oneShot - meeting) / bytes;
    double two = Math.max(0, twoShot - 2 * meeting) / bytes;
    double add = ((1 + share) * one - two) / ((1 + share) * others - share);
    add = Math.clamp(add, LEAST, Math.max(LEAST, one / others));
    double copy = Math.max(LEAST, one - others * add);
    return new SharedMemoryCost(Math.max(1, meeting), copy, add);
  }

  /** The cheaper algorithm. Two ranks have no choice: one meeting and the same bytes beat two. */
  public AllReduceAlgorithm choose(long bytes, int world) {
    return world <= 2
            || nanos(AllReduceAlgorithm.ONE_SHOT, bytes, world)
                <= nanos(AllReduceAlgorithm.TWO_SHOT, bytes, world)
        ? AllReduceAlgorithm.ONE_SHOT
        : AllReduceAlgorithm.TWO_SHOT;
  }
}
