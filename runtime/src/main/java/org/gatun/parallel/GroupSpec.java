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
 * @param joinTimeout how long to wait for all ranks to join
 * @param timeout how long one collective waits for a rank that is alive but does not arrive
 * @param heartbeatTimeout how long a rank process may show no sign of life
 * @param onFailure told once, from a watchdog thread, when the group fails while this rank may be
 *     busy elsewhere
 */
public record GroupSpec(
    int rank,
    int worldSize,
    String job,
    String identity,
    Duration joinTimeout,
    Duration timeout,
    Duration heartbeatTimeout,
    Consumer<CommunicatorException> onFailure) {
  /** Upper bound of {@link #identity} in UTF-8 bytes. */
  public static final int MAX_IDENTITY_BYTES = 512;

  /** Checks ranges. */
  public GroupSpec {
    if (worldSize < 1 || worldSize > 1024 || rank < 0 || rank >= worldSize) {
      throw new IllegalArgumentException("no rank " + rank + " in a group of " + worldSize);
    }
  }

  /** A spec with the default deadlines: 10 minutes to join, 30 s to arrive, 4 s of silence. */
  public static GroupSpec of(int rank, int worldSize, String job, String identity) {
    return new GroupSpec(
        rank,
        worldSize,
        job,
        identity,
        Duration.ofMinutes(10),
        Duration.ofSeconds(30),
        Duration.ofSeconds(4),
        failure -> {});
  }

  /** The same with another deadline for collectives. */
  public GroupSpec withTimeout(Duration value) {
    return new GroupSpec(
        rank, worldSize, job, identity, joinTimeout, value, heartbeatTimeout, onFailure);
  }

  /** The same with another deadline for joining. */
  public GroupSpec withJoinTimeout(Duration value) {
    return new GroupSpec(
        rank, worldSize, job, identity, value, timeout, heartbeatTimeout, onFailure);
  }

  /** The same with another listener for failures. */
  public GroupSpec withOnFailure(Consumer<CommunicatorException> value) {
    return new GroupSpec(
        rank, worldSize, job, identity, joinTimeout, timeout, heartbeatTimeout, value);
  }
}
