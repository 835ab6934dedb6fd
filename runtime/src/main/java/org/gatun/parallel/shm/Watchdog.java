package org.gatun.parallel.shm;

import java.util.function.Consumer;
import org.gatun.parallel.CommunicatorException;
import org.gatun.parallel.GroupSpec;

/**
 * Shows that this process lives and notices peers that do not: a process that is gone, or one whose
 * heartbeat stands still. Silence is counted in own ticks, so a pause of the whole machine is not
 * taken for a peer's death.
 */
final class Watchdog implements AutoCloseable {
  private static final long PERIOD_MILLIS = 100;

  private final Region region;
  private final int rank;
  private final long silenceLimit;
  private final Consumer<CommunicatorException> onFailure;
  private final long[] lastBeat;
  private final long[] silence;
  private final Thread thread;
  private volatile boolean stopped;

  Watchdog(Region region, GroupSpec spec) {
    this.region = region;
    this.rank = spec.rank();
    this.silenceLimit = Math.max(2, spec.deadlines().heartbeat().toMillis() / PERIOD_MILLIS);
    this.onFailure = spec.onFailure();
    this.lastBeat = new long[region.world()];
    this.silence = new long[region.world()];
    this.thread = Thread.ofPlatform().daemon().name("gatun-watchdog").unstarted(this::watch);
  }

  void start() {
    thread.start();
  }

  @Override
  public void close() {
    stopped = true;
    thread.interrupt();
  }

  private void watch() {
    while (!stopped) {
      region.beat(rank);
      for (int r = 0; r < region.world() && !region.hasFailed(); r++) {
        if (r != rank) {
          check(r);
        }
      }
      CommunicatorException failure = region.failure();
      if (failure != null) {
        if (!stopped) {
          onFailure.accept(failure);
        }
        return;
      }
      Region.pause(PERIOD_MILLIS);
    }
  }

  private void check(int peer) {
    int state = region.state(peer);
    if (state != Region.JOINED && state != Region.MAPPED) {
      return;
    }
    long beat = region.heartbeat(peer);
    if (beat != lastBeat[peer]) {
      lastBeat[peer] = beat;
      silence[peer] = 0;
    } else {
      silence[peer]++;
    }
    String who = "process " + region.pid(peer);
    boolean sameNamespace = region.namespace(peer) == region.namespace(rank);
    if (sameNamespace && !Processes.alive(region.pid(peer))) {
      // It may have left properly between the two looks.
      if (region.state(peer) != Region.LEFT) {
        region.fail(peer, who + " died");
      }
    } else if (silence[peer] > silenceLimit) {
      region.fail(
          peer, who + " shows no sign of life for " + silence[peer] * PERIOD_MILLIS + " ms");
    }
  }
}
