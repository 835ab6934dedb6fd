package org.gatun.parallel.shm;

import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.gatun.parallel.CommunicatorException;
import org.gatun.parallel.GroupSpec;

/** The handshake: nobody computes before all ranks are there and agree on what they run. */
final class Membership {
  private Membership() {}

  static void join(Region region, GroupSpec spec, long pid, long namespace) {
    region.setCores(spec.rank(), Processes.cores());
    if (!region.join(spec.rank(), pid, namespace, spec.identity())) {
      throw failed(region, spec.rank(), "was started twice in group " + spec.job());
    }
  }

  /** Waits for all ranks, then compares identities. */
  static void agree(Region region, GroupSpec spec) {
    await(region, spec, () -> region.allReached(Region.JOINED));
    String first = region.identity(0);
    for (int r = 1; r < region.world(); r++) {
      String other = region.identity(r);
      if (!other.equals(first)) {
        throw failed(region, r, "runs [" + other + "] but rank 0 runs [" + first + "]");
      }
    }
  }

  static void await(Region region, GroupSpec spec, BooleanSupplier done) {
    long start = System.nanoTime();
    while (!done.getAsBoolean()) {
      CommunicatorException failure = region.failure();
      if (failure != null) {
        throw failure;
      }
      if (System.nanoTime() - start > spec.deadlines().join().toNanos()) {
        List<Integer> missing = missing(region);
        throw failed(
            region,
            missing.isEmpty() ? 0 : missing.getFirst(),
            "did not join group "
                + spec.job()
                + " in "
                + spec.deadlines().join().toSeconds()
                + " s; missing ranks "
                + missing);
      }
      Region.pause(2);
      if (Thread.currentThread().isInterrupted()) {
        throw failed(region, spec.rank(), "was interrupted while the group formed");
      }
    }
  }

  static CommunicatorException failed(Region region, int rank, String cause) {
    region.fail(rank, cause);
    CommunicatorException failure = region.failure();
    return failure != null ? failure : new CommunicatorException(rank, cause);
  }

  private static List<Integer> missing(Region region) {
    List<Integer> ranks = new ArrayList<>();
    for (int r = 0; r < region.world(); r++) {
      if (region.state(r) < Region.JOINED) {
        ranks.add(r);
      }
    }
    return ranks;
  }
}
