package org.gatun.parallel;

import java.util.Optional;

/** A way for ranks to talk, found by {@link java.util.ServiceLoader}. */
public interface CommunicatorProvider {
  /** Short name as users type it: {@code shm}, {@code mpi}, {@code nccl}. */
  String name();

  /** Why this provider cannot be used here, with the remedy; empty if it can. */
  Optional<String> whyNot();

  /**
   * Joins the group; returns once all ranks have joined and agree on size and identity.
   *
   * @throws CommunicatorException if they do not, or not in time
   */
  Communicator open(GroupSpec spec);
}
