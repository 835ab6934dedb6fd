package org.gatun.parallel;

import java.time.Duration;
import java.util.function.Consumer;

/**
 * What a rank brings when it joins a group.
 *
 * @param rank this rank
 * @param worldSize number of ranks
 * @param job name that all ranks of this group share and no other running group has
 * @param identity what must be equal on all ranks (model hash, format, protocol): one line of at
 *     most {@value #MAX_IDENTITY_BYTES} UTF-8 bytes; a difference ends the group
 * @param deadlines how long to wait for the others
 * @param onFailure told once, from a watchdog thread, when the group fails while this rank may be
 *     busy elsewhere
 * @param onWait told, in one line, whom this rank has waited for long at the end of a {@link Stage}
 */
public record GroupSpec(
    int rank,
    int worldSize,
    String job,
    String identity,
    Deadlines deadlines,
    Consumer<CommunicatorException> onFailure,
    Consumer<String> onWait) {
  /** Upper bound of {@link #identity} in UTF-8 bytes. */
  public static final int MAX_IDENTITY_BYTES = 512;

  /** Checks ranges. */
  public GroupSpec {
    if (worldSize < 1 || worldSize > 1024 || rank < 0 || rank >= worldSize) {
      throw new IllegalArgumentException("no rank " + rank + " in a group of " + worldSize);
    }
  }

  /** A spec with the default deadlines. */
  public static GroupSpec of(int rank, int worldSize, String job, String identity) {
    return new GroupSpec(
        rank, worldSize, job, identity, Deadlines.DEFAULT, failure -> {}, line -> {});
  }

  /** The same with other deadlines. */
  public GroupSpec withDeadlines(Deadlines value) {
    return new GroupSpec(rank, worldSize, job, identity, value, onFailure, onWait);
  }

  /** The same with another deadline for collectives. */
  public GroupSpec withTimeout(Duration value) {
    return withDeadlines(deadlines.withCollective(value));
  }

  /** The same with another deadline for joining. */
  public GroupSpec withJoinTimeout(Duration value) {
    return withDeadlines(deadlines.withJoin(value));
  }

  /** The same with another deadline for stages. */
  public GroupSpec withStageTimeout(Duration value) {
    return withDeadlines(deadlines.withStage(value));
  }

  /** The same with another listener for failures. */
  public GroupSpec withOnFailure(Consumer<CommunicatorException> value) {
    return new GroupSpec(rank, worldSize, job, identity, deadlines, value, onWait);
  }

  /** The same with another listener for long waits. */
  public GroupSpec withOnWait(Consumer<String> value) {
    return new GroupSpec(rank, worldSize, job, identity, deadlines, onFailure, value);
  }
}
