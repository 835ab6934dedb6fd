package org.gatun.generate;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.gatun.attention.KvCodec;
import org.gatun.generate.golden.RanksText;
import org.gatun.graph.Sampling;
import org.gatun.parallel.CountingCommunicator;
import org.gatun.parallel.CountingCommunicator.Call;
import org.gatun.parallel.shm.Ranks;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Ranks that share a vocabulary draw what one rank draws, and exchange candidates for it. */
class DistributedSamplingTest {
  private static final RanksText.Case LLAMA = new RanksText.Case("llama", 2);
  private static final Request GREEDY = request(0, 0, 1, 0, 1);
  private static final Request TOP_K = request(1.3f, 40, 1, 0, 1);
  private static final Request EVERY_FILTER = request(1.5f, 60, 0.95f, 0.01f, 1);
  private static final Request GREEDY_PENALTY = request(0, 0, 1, 0, 1.3f);
  private static final Request PENALTY = request(1.2f, 40, 0.9f, 0, 1.2f);
  private static final Request RAISED = request(0.9f, 40, 1, 0, 0.8f);
  private static final Request WHOLE = request(1, 0, 0.9f, 0, 1);
  private static final Request WIDE = request(1, Sampling.CANDIDATES + 1, 1, 0.01f, 1);

  private static Request request(
      float temperature, int topK, float topP, float minP, float penalty) {
    return new Request(10, temperature, topK, topP, minP, penalty, 77, List.of(), true);
  }

  static Stream<Arguments> requests() {
    return Stream.of(GREEDY, TOP_K, EVERY_FILTER, GREEDY_PENALTY, PENALTY, RAISED, WHOLE, WIDE)
        .flatMap(r -> Stream.of(2, 4).map(t -> Arguments.of(r, t)));
  }

  @ParameterizedTest
  @MethodSource("requests")
  void textIsThatOfOneRank(Request request, int ranks) {
    assertThat(RanksText.ids("jvm", LLAMA.model(), ranks, request))
        .isEqualTo(RanksText.ids("jvm", LLAMA.model(), 1, request));
  }

  @Test
  void seedsDiffer() {
    assertThat(RanksText.ids("jvm", LLAMA.model(), 1, TOP_K))
        .isNotEqualTo(RanksText.ids("jvm", LLAMA.model(), 1, GREEDY));
  }

  /** Collectives of each decoded token as rank 0 makes them. */
  private static List<Call> decodeCalls(int world, Request request) throws Exception {
    int tokens = request.maxTokens();
    List<List<Call>> all =
        Ranks.run(
            world,
            c -> {
              CountingCommunicator counted = new CountingCommunicator(c);
              EngineOptions options =
                  EngineOptions.of(LLAMA.model())
                      .withBackend("jvm", "", 1)
                      .withContext(64, 1)
                      .withKv(KvCodec.F32)
                      .withGroup(identity -> counted);
              try (Engine e = Engine.load(options);
                  Session s = e.session()) {
                int[] prompt = {1, 2, 3};
                counted.take();
                s.generate(prompt, request, piece -> {}, new CancelToken());
                List<Call> calls = counted.take();
                assertThat(calls.size() % tokens).isZero();
                int each = calls.size() / tokens;
                // The first token comes with the prompt's step; those after it are alike.
                List<Call> last = calls.subList(calls.size() - each, calls.size());
                assertThat(calls.subList(each, 2 * each)).isEqualTo(last);
                return List.copyOf(last);
              }
            });
    assertThat(all).allMatch(all.getFirst()::equals);
    return all.getFirst();
  }

  /** The specification's table: two all-reduces of M × d per layer, 8 × k × M for the draw. */
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 4})
  void bytesAndMessagesPerStepAreTheSpecifications(int world) throws Exception {
    int[] shape = shape();
    int layers = shape[0];
    int width = shape[1];
    int vocabulary = shape[2];
    List<Call> calls = decodeCalls(world, TOP_K);
    if (world == 1) {
      assertThat(calls).isEmpty();
      return;
    }
    List<Call> sums = calls.stream().filter(c -> c.name().equals("all_reduce")).toList();
    // One more than the table's: the embedding is split by vocabulary too.
    assertThat(sums).hasSize(2 * layers + 1).containsOnly(new Call("all_reduce", 4L * width));
    int pairs = Math.min(Sampling.CANDIDATES, vocabulary / world);
    assertThat(calls.subList(sums.size(), calls.size()))
        .containsExactly(new Call("all_gather", 8L * pairs));
    assertThat(calls.stream().mapToLong(c -> c.ringBytes(world)).sum())
        .isEqualTo(
            (2L * layers + 1) * 2 * (world - 1) * 4 * width / world + (world - 1) * 8L * pairs);
    assertThat(calls.stream().mapToInt(c -> c.ringMessages(world)).sum())
        .isEqualTo((2 * layers + 1) * 2 * (world - 1) + (world - 1));
  }

  @Test
  void logitsTravelWholeOnlyWhereTheyMust() throws Exception {
    List<Call> candidates = decodeCalls(2, TOP_K);
    int vocabulary = shape()[2];
    for (Request r : List.of(GREEDY, EVERY_FILTER, GREEDY_PENALTY, PENALTY)) {
      assertThat(decodeCalls(2, r)).as("%s", r).isEqualTo(candidates);
    }
    for (Request r : List.of(RAISED, WHOLE, WIDE)) {
      assertThat(decodeCalls(2, r))
          .as("%s", r)
          .hasSize(candidates.size() + 1)
          .contains(new Call("all_gather", 4L * vocabulary / 2));
    }
  }

  /** Layers, width and vocabulary of the model. */
  private static int[] shape() {
    try (Engine e =
        Engine.load(EngineOptions.of(LLAMA.model()).withBackend("jvm", "", 1).withContext(8, 1))) {
      return new int[] {
        e.model().graph().kv().size(), e.model().config().embedding(), e.vocabulary()
      };
    }
  }

  @Test
  void scoresNeedAllLogits() {
    assertThat(scores(2)).isEqualTo(scores(1));
  }

  private static List<Long> scores(int ranks) {
    EngineOptions options =
        EngineOptions.of(LLAMA.model())
            .withBackend("jvm", "", 1)
            .withContext(64, 1)
            .withThreadRanks(ranks);
    try (Engine e = Engine.load(options);
        Session s = e.session()) {
      Long[] best = new Long[4];
      s.score(
          new int[] {5, 9, 2, 30},
          (i, logits) -> {
            float[] x = logits.toArray(java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED);
            double sum = 0;
            for (float v : x) {
              sum += Math.exp(v);
            }
            best[i] = Math.round(1e3 * Math.log(sum));
          });
      return Arrays.asList(best);
    }
  }
}
