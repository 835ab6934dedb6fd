package org.gatun.parallel.shm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import org.gatun.parallel.Communicator;
import org.gatun.parallel.CommunicatorException;
import org.gatun.parallel.Communicators;
import org.gatun.parallel.GroupSpec;
import org.gatun.parallel.ReduceType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CollectivesTest {
  private static final long SMALL_SLOT = 4096;

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 8})
  void gatherScatterBroadcastBarrier(int world) throws Exception {
    AtomicInteger arrived = new AtomicInteger();
    Ranks.run(
        world,
        null,
        SMALL_SLOT,
        Duration.ofSeconds(30),
        c -> {
          for (int n : new int[] {1, 7, 1024, 3001}) {
            float[] own = new float[n];
            java.util.Arrays.fill(own, c.rank() + 1);
            float[] all = new float[n * world];
            c.allGather(MemorySegment.ofArray(own), MemorySegment.ofArray(all));
            for (int i = 0; i < all.length; i++) {
              assertThat(all[i]).isEqualTo(i / n + 1);
            }
            // Rank r contributes r + j to slice j.
            for (int i = 0; i < all.length; i++) {
              all[i] = c.rank() + i / n;
            }
            c.reduceScatter(MemorySegment.ofArray(all), MemorySegment.ofArray(own), ReduceType.F32);
            for (float v : own) {
              assertThat(v).isEqualTo(world * (world - 1) / 2f + world * c.rank());
            }
            int root = world - 1;
            java.util.Arrays.fill(own, c.rank() == root ? 42 : 0);
            c.broadcast(MemorySegment.ofArray(own), root);
            for (float v : own) {
              assertThat(v).isEqualTo(42);
            }
          }
          arrived.incrementAndGet();
          c.barrier();
          assertThat(arrived.get()).isEqualTo(world);
          return null;
        });
  }

  @Test
  void mixedCallsManyTimes() throws Exception {
    List<Double> sums =
        Ranks.run(
            4,
            c -> {
              double sum = 0;
              float[] v = new float[37];
              for (int i = 0; i < 2000; i++) {
                java.util.Arrays.fill(v, i + c.rank());
                c.allReduce(MemorySegment.ofArray(v), ReduceType.F32);
                assertThat(v[36]).isEqualTo(4f * i + 6);
                if (i % 7 == 0) {
                  c.barrier();
                }
                if (i % 5 == 0) {
                  c.broadcast(MemorySegment.ofArray(v), i % 4);
                }
                sum += v[0];
              }
              return sum;
            });
    assertThat(sums).allMatch(s -> s.equals(sums.getFirst()));
  }

  @Test
  void differentCallsAreAnErrorOnAllRanks() {
    assertThatThrownBy(
            () ->
                Ranks.run(
                    2,
                    c -> {
                      if (c.rank() == 0) {
                        c.barrier();
                      } else {
                        c.allReduce(MemorySegment.ofArray(new float[4]), ReduceType.F32);
                      }
                      c.barrier();
                      return null;
                    }))
        .isInstanceOf(CommunicatorException.class)
        .hasMessageContaining("called");
  }

  @Test
  void aRankThatLeavesIsNamed() {
    assertThatThrownBy(
            () ->
                Ranks.run(
                    3,
                    c -> {
                      if (c.rank() != 1) {
                        c.barrier();
                      }
                      return null;
                    }))
        .isInstanceOf(CommunicatorException.class)
        .hasMessageStartingWith("rank 1: left the group");
  }

  @Test
  void aRankThatHangsIsNamed() {
    assertThatThrownBy(
            () ->
                Ranks.run(
                    3,
                    null,
                    SMALL_SLOT,
                    Duration.ofMillis(300),
                    c -> {
                      if (c.rank() == 2) {
                        Thread.sleep(1500);
                      }
                      c.barrier();
                      return null;
                    }))
        .isInstanceOf(CommunicatorException.class)
        .hasMessageStartingWith("rank 2: did not arrive at barrier #1 within 300 ms");
  }

  @Test
  void abortReachesEveryRank() {
    assertThatThrownBy(
            () ->
                Ranks.run(
                    3,
                    c -> {
                      if (c.rank() == 1) {
                        c.abort("out of memory");
                        return null;
                      }
                      c.barrier();
                      return null;
                    }))
        .hasMessage("rank 1: out of memory");
  }

  @Test
  void identitiesMustAgree() {
    String job = UUID.randomUUID().toString();
    var other =
        CompletableFuture.supplyAsync(
            () -> {
              try (Communicator c = Communicators.open("threads", GroupSpec.of(0, 2, job, "A"))) {
                return "opened";
              } catch (CommunicatorException e) {
                return e.getMessage();
              }
            });
    assertThatThrownBy(() -> Communicators.open("threads", GroupSpec.of(1, 2, job, "B")))
        .hasMessage("rank 1: runs [B] but rank 0 runs [A]");
    assertThat(other.join()).isEqualTo("rank 1: runs [B] but rank 0 runs [A]");
  }

  @Test
  void aMissingRankIsNamed() {
    GroupSpec spec =
        GroupSpec.of(0, 2, UUID.randomUUID().toString(), "A")
            .withJoinTimeout(Duration.ofMillis(200));
    assertThatThrownBy(() -> Communicators.open("threads", spec))
        .hasMessageStartingWith("rank 1: did not join group");
  }

  @Test
  void unknownProviderListsTheKnown() {
    assertThatThrownBy(() -> Communicators.open("smoke", GroupSpec.of(0, 1, "j", "")))
        .hasMessageContaining("no communicator 'smoke'")
        .hasMessageContaining("shm")
        .hasMessageContaining("threads");
  }
}
