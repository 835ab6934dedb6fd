package org.gatun.parallel.shm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.gatun.parallel.Communicator;
import org.gatun.parallel.CommunicatorException;
import org.gatun.parallel.Communicators;
import org.gatun.parallel.GroupSpec;
import org.gatun.parallel.ReduceType;
import org.gatun.parallel.Stage;
import org.junit.jupiter.api.Test;

/** Ranks, threads here, that are through their stages at very different times. */
class RendezvousTest {
  private static final Duration COLLECTIVE = Duration.ofMillis(600);
  private final Queue<String> notices = new ConcurrentLinkedQueue<>();

  private interface Body {
    void run(Communicator c) throws Exception;
  }

  private List<CompletableFuture<Void>> start(int world, Duration stage, Body body) {
    String job = UUID.randomUUID().toString();
    List<CompletableFuture<Void>> ranks = new ArrayList<>();
    for (int r = 0; r < world; r++) {
      GroupSpec spec =
          GroupSpec.of(r, world, job, "")
              .withTimeout(COLLECTIVE)
              .withStageTimeout(stage)
              .withOnWait(notices::add);
      CompletableFuture<Void> done = new CompletableFuture<>();
      Thread unused =
          Thread.ofPlatform()
              .daemon()
              .start(
                  () -> {
                    try (Communicator c = Communicators.open("threads", spec)) {
                      body.run(c);
                      done.complete(null);
                    } catch (Throwable e) {
                      done.completeExceptionally(e);
                    }
                  });
      ranks.add(done);
    }
    return ranks;
  }

  private static Throwable failure(CompletableFuture<Void> rank) {
    try {
      Void unused = rank.get(20, TimeUnit.SECONDS);
      throw new AssertionError("the rank did not fail");
    } catch (ExecutionException e) {
      return e.getCause();
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void aSlowRankIsWaitedForAndNamedMeanwhile() throws Exception {
    Duration stage = Duration.ofSeconds(8);
    for (CompletableFuture<Void> rank :
        start(
            3,
            stage,
            c -> {
              if (c.rank() == 1) {
                Thread.sleep(5 * COLLECTIVE.toMillis());
              }
              c.rendezvous(Stage.MODEL);
              float[] one = {c.rank()};
              c.allReduce(MemorySegment.ofArray(one), ReduceType.F32);
              assertThat(one[0]).isEqualTo(3);
            })) {
      rank.get(20, TimeUnit.SECONDS);
    }
    assertThat(notices).containsExactly("rank 1 is still loading the model; waiting: rank 0, 2");
  }

  @Test
  void theDeadlineOfACollectiveIsStillShort() throws Exception {
    List<CompletableFuture<Void>> ranks =
        start(
            2,
            Duration.ofSeconds(20),
            c -> {
              c.rendezvous(Stage.MODEL);
              if (c.rank() == 1) {
                Thread.sleep(4 * COLLECTIVE.toMillis());
              }
              c.barrier();
            });
    for (CompletableFuture<Void> rank : ranks) {
      assertThat(failure(rank))
          .isInstanceOf(CommunicatorException.class)
          .hasMessage("rank 1: did not arrive at barrier #2 within 600 ms (hung?)");
    }
  }

  @Test
  void aStageHasADeadlineToo() throws Exception {
    List<CompletableFuture<Void>> ranks =
        start(
            3,
            Duration.ofSeconds(1),
            c -> {
              if (c.rank() == 2) {
                Thread.sleep(3000);
              }
              c.rendezvous(Stage.PREFIX);
            });
    for (CompletableFuture<Void> rank : ranks) {
      assertThat(failure(rank))
          .hasMessage(
              "rank 2: is still reading the prefix 1000 ms after another rank was through (hung?"
                  + " GATUN_LOAD_SECONDS sets how long to wait); waiting: rank 0, 1");
    }
  }

  @Test
  void aRankThatFailsInItsStageEndsTheWait() throws Exception {
    CyclicBarrier started = new CyclicBarrier(2);
    List<CompletableFuture<Void>> ranks =
        start(
            2,
            Duration.ofMinutes(10),
            c -> {
              started.await();
              if (c.rank() == 1) {
                c.abort("has no memory for the weights");
                throw new IllegalStateException("no memory");
              }
              c.rendezvous(Stage.MODEL);
            });
    assertThat(failure(ranks.getFirst())).hasMessage("rank 1: has no memory for the weights");
    assertThatThrownBy(() -> ranks.get(1).get()).hasRootCauseMessage("no memory");
  }

  @Test
  void stagesMustBeTheSame() throws Exception {
    List<CompletableFuture<Void>> ranks =
        start(
            2,
            Duration.ofSeconds(20),
            c -> c.rendezvous(c.rank() == 0 ? Stage.MODEL : Stage.PREFIX));
    assertThat(failure(ranks.getFirst())).hasMessageContaining(" called rendezvous");
  }
}
