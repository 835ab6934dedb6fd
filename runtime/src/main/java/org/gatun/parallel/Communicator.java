package org.gatun.parallel;

import java.lang.foreign.MemorySegment;

/**
 * One rank's end of a group of ranks that call the same collectives in the same order.
 *
 * <p>Segments may be native or heap, of any alignment. A communicator belongs to one thread at a
 * time. Sums are formed in f32 and rounded once; results are bitwise identical on every rank. Any
 * failure (a rank that died, hangs, left, or called another collective) throws {@link
 * CommunicatorException} on all ranks and leaves the group unusable.
 */
public interface Communicator extends AutoCloseable {
  /** This rank, in {@code [0, worldSize)}. */
  int rank();

  /** Number of ranks in the group. */
  int worldSize();

  /** Replaces {@code buffer} on every rank by the elementwise sum over ranks. */
  void allReduce(MemorySegment buffer, ReduceType type);

  /**
   * Concatenates every rank's {@code send} in rank order into {@code receive}.
   *
   * @param receive {@code worldSize × send.byteSize()} bytes
   */
  void allGather(MemorySegment send, MemorySegment receive);

  /**
   * Sums {@code send} over ranks; this rank receives the slice of the sum with its own index.
   *
   * @param send {@code worldSize × receive.byteSize()} bytes
   */
  void reduceScatter(MemorySegment send, MemorySegment receive, ReduceType type);

  /** Copies {@code buffer} of rank {@code root} to every rank. */
  void broadcast(MemorySegment buffer, int root);

  /** Returns once every rank has called it. */
  void barrier();

  /**
   * Returns once every rank is through this stage. Unlike a barrier's, the deadline is long ({@link
   * Deadlines#stage}): ranks load at the pace of their disks. A rank that dies ends the wait as
   * soon as it would end a collective.
   */
  void rendezvous(Stage stage);

  /** How long a collective waits for a rank that is alive but does not arrive. */
  default java.time.Duration timeout() {
    return java.time.Duration.ofSeconds(30);
  }

  /** Ends the whole group: every rank's current or next collective throws, naming this rank. */
  void abort(String cause);

  /** Leaves the group; a peer that still waits for this rank gets an error. Idempotent. */
  @Override
  void close();
}
