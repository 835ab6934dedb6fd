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
  /** Fitted to {@code ci/bench-allreduce} on a two-core server. */
  public static final SharedMemoryCost DEFAULT = new SharedMemoryCost(1_000, 0.03, 0.03);

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

  /** The cheaper algorithm. */
  public AllReduceAlgorithm choose(long bytes, int world) {
    return nanos(AllReduceAlgorithm.ONE_SHOT, bytes, world)
            <= nanos(AllReduceAlgorithm.TWO_SHOT, bytes, world)
        ? AllReduceAlgorithm.ONE_SHOT
        : AllReduceAlgorithm.TWO_SHOT;
  }
}
