package org.gatun.parallel;

import java.time.Duration;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;

/**
 * A rank's wait for the others at the end of a stage: now and then it says whom it waits for, at
 * the deadline it blames them. Of the ranks that wait the first alone speaks.
 */
public final class StageWait {
  private static final Duration FIRST_NOTICE = Duration.ofSeconds(5);

  private final Stage stage;
  private final int rank;
  private final int world;
  private final Duration limit;
  private final Consumer<String> notice;
  private long noticeAfter;

  /** The wait of {@code spec}'s rank; its limit and listener are the spec's. */
  public StageWait(Stage stage, GroupSpec spec) {
    this.stage = stage;
    this.rank = spec.rank();
    this.world = spec.worldSize();
    this.limit = spec.deadlines().stage();
    this.notice = spec.onWait();
    noticeAfter = Math.min(FIRST_NOTICE.toNanos(), limit.toNanos() / 4);
  }

  /** How long the stage of one rank may take longer than that of another. */
  public Duration limit() {
    return limit;
  }

  /**
   * Tells who is missing if that is due: after 5 s, after 10, then whenever the wait has doubled.
   */
  public void look(long waitedNanos, IntPredicate arrived) {
    if (waitedNanos < noticeAfter) {
      return;
    }
    noticeAfter = waitedNanos + Math.max(waitedNanos, FIRST_NOTICE.toNanos());
    List<Integer> missing = missing(arrived);
    List<Integer> waiting = waiting(arrived);
    if (!missing.isEmpty() && !waiting.isEmpty() && waiting.getFirst() == rank) {
      boolean one = missing.size() == 1;
      notice.accept(
          (one ? "rank " : "ranks ")
              + MissingRanks.text(missing)
              + (one ? " is still " : " are still ")
              + stage.doing()
              + "; waiting: rank "
              + MissingRanks.text(waiting));
    }
  }

  /** What to throw at the deadline. */
  public CommunicatorException late(IntPredicate arrived) {
    List<Integer> missing = missing(arrived);
    if (missing.isEmpty()) {
      return new CommunicatorException(
          -1, "all ranks waited " + limit.toMillis() + " ms for each other: messages are lost");
    }
    return MissingRanks.failure(
        missing,
        "is still "
            + stage.doing()
            + " "
            + limit.toMillis()
            + " ms after another rank was through (hung? GATUN_LOAD_SECONDS sets how long to wait)",
        waiting(arrived));
  }

  private List<Integer> missing(IntPredicate arrived) {
    return waiting(arrived.negate());
  }

  private List<Integer> waiting(IntPredicate arrived) {
    return IntStream.range(0, world).filter(arrived).boxed().toList();
  }
}
