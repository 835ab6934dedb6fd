package org.gatun.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Generation on a tiny random Llama: what sessions promise, whatever the backend. */
@Timeout(60)
class EngineTest {
  private static final int CONTEXT = 96;

  private static Path model() {
    try {
      return Path.of(EngineTest.class.getResource("/goldens/tiny/llama/model.gguf").toURI());
    } catch (URISyntaxException e) {
      throw new AssertionError(e);
    }
  }

  private static Engine engine(int sessions) {
    return Engine.load(
        EngineOptions.of(model())
            .withBackend("reference", "", 0)
            .withContext(CONTEXT, sessions)
            .withChunk(16));
  }

  private static int[] ids(int n) {
    int[] ids = new int[n];
    for (int i = 0; i < n; i++) {
      ids[i] = 20 + i * 7 % 200;
    }
    return ids;
  }

  private static Generation run(Session s, int[] prompt, Request r) {
    return s.generate(prompt, r, piece -> {}, new CancelToken());
  }

  private static Request ignoringEnd(int n, float temperature, long seed) {
    return new Request(n, temperature, 0, 1, 0, 1, seed, List.of(), true);
  }

  @Test
  void resultsDoNotDependOnBatching() {
    List<Generation> alone = new ArrayList<>();
    try (Engine e = engine(1)) {
      for (int i = 0; i < 4; i++) {
        try (Session s = e.session()) {
          alone.add(run(s, ids(5 + 9 * i), ignoringEnd(12, 0.9f, i)));
        }
      }
    }
    try (Engine e = engine(4)) {
      List<CompletableFuture<Generation>> together = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        int n = i;
        together.add(
            CompletableFuture.supplyAsync(
                () -> {
                  try (Session s = e.session()) {
                    return run(s, ids(5 + 9 * n), ignoringEnd(12, 0.9f, n));
                  }
                }));
      }
      for (int i = 0; i < 4; i++) {
        assertThat(together.get(i).join().tokens()).isEqualTo(alone.get(i).tokens());
      }
    }
  }

  @Test
  void aPromptOverTheContextIsRefusedWithBothNumbers() {
    try (Engine e = engine(1);
        Session s = e.session()) {
      assertThatThrownBy(() -> run(s, ids(CONTEXT + 1), Request.greedy(1)))
          .isInstanceOf(GenerationException.class)
          .hasMessageContaining("97")
          .hasMessageContaining("96")
          .hasMessageContaining("--ctx-size");
      assertThat(run(s, ids(3), ignoringEnd(2, 0, 0)).tokens()).hasSize(2);
    }
  }

  @Test
  void theEndOfTheContextFinishesWithLength() {
    try (Engine e = engine(1);
        Session s = e.session()) {
      Generation g = run(s, ids(90), ignoringEnd(-1, 0, 0));
      assertThat(g.finish()).isEqualTo(FinishReason.LENGTH);
      assertThat(g.tokens()).hasSize(CONTEXT - 90 + 1);
      Generation again = run(s, ids(90), ignoringEnd(-1, 0, 0));
      assertThat(again.tokens()).isEqualTo(g.tokens());
    }
  }

  @Test
  void aLongerPromptReadsOnlyWhatIsNew() {
    try (Engine e = engine(2);
        Session s = e.session();
        Session fresh = e.session()) {
      run(s, ids(20), ignoringEnd(4, 0, 0));
      Generation g = run(s, ids(30), ignoringEnd(4, 0, 0));
      assertThat(g.promptTokens()).isEqualTo(10);
      assertThat(g.tokens()).isEqualTo(run(fresh, ids(30), ignoringEnd(4, 0, 0)).tokens());
    }
  }

  @Test
  void forksGoTheirOwnWay() {
    try (Engine e = engine(3);
        Session a = e.session()) {
      run(a, ids(20), ignoringEnd(3, 0, 0));
      try (Session b = a.fork()) {
        Generation left = run(a, ids(25), ignoringEnd(6, 0, 0));
        Generation right = run(b, ids(25), ignoringEnd(6, 0, 0));
        assertThat(right.tokens()).isEqualTo(left.tokens());
      }
    }
  }

  @Test
  void cancellationKeepsWhatWasGeneratedAndTheSession() {
    try (Engine e = engine(1);
        Session s = e.session()) {
      CancelToken cancel = new CancelToken();
      int[] pieces = {0};
      Generation g =
          s.generate(
              ids(10),
              ignoringEnd(50, 0, 0),
              piece -> {
                if (++pieces[0] == 3) {
                  cancel.cancel();
                }
              },
              cancel);
      assertThat(g.finish()).isEqualTo(FinishReason.CANCELLED);
      assertThat(g.tokens().length).isBetween(3, 49);
      assertThat(run(s, ids(10), ignoringEnd(2, 0, 0)).tokens()).hasSize(2);
    }
  }

  @Test
  void aStopStringEndsTheTextBeforeIt() {
    try (Engine e = engine(1);
        Session s = e.session()) {
      String whole = run(s, ids(10), ignoringEnd(30, 0, 0)).text();
      int middle = whole.offsetByCodePoints(0, whole.codePointCount(0, whole.length()) / 2);
      String stop = whole.substring(middle, whole.offsetByCodePoints(middle, 3));
      StringBuilder streamed = new StringBuilder();
      Generation g =
          s.generate(
              ids(10),
              new Request(30, 0, 0, 1, 0, 1, 0, List.of(stop), true),
              streamed::append,
              new CancelToken());
      assertThat(g.finish()).isEqualTo(FinishReason.STOP);
      assertThat(g.text()).isEqualTo(whole.substring(0, whole.indexOf(stop)));
      assertThat(streamed.toString()).isEqualTo(g.text());
    }
  }

  @Test
  void theSeedDecidesWhatIsDrawn() {
    try (Engine e = engine(1);
        Session s = e.session()) {
      int[] a = run(s, ids(8), ignoringEnd(20, 1, 1)).tokens();
      assertThat(run(s, ids(8), ignoringEnd(20, 1, 1)).tokens()).isEqualTo(a);
      assertThat(run(s, ids(8), ignoringEnd(20, 1, 2)).tokens()).isNotEqualTo(a);
    }
  }

  @Test
  void aRepetitionPenaltyChangesWhatRepeats() {
    try (Engine e = engine(1);
        Session s = e.session()) {
      Request plain = ignoringEnd(30, 0, 0);
      Request penalty = new Request(30, 0, 0, 1, 0, 50, 0, List.of(), true);
      long repeats =
          30 - java.util.Arrays.stream(run(s, ids(8), plain).tokens()).distinct().count();
      long fewer =
          30 - java.util.Arrays.stream(run(s, ids(8), penalty).tokens()).distinct().count();
      assertThat(fewer).isLessThanOrEqualTo(repeats);
      assertThat(fewer).isZero();
    }
  }

  @Test
  void closingAStreamEndsTheGeneration() {
    try (Engine e = engine(1);
        Session s = e.session()) {
      try (Stream<String> pieces = s.stream("hello", ignoringEnd(60, 0, 0))) {
        assertThat(pieces.limit(3).toList()).hasSize(3);
      }
      assertThat(run(s, ids(4), ignoringEnd(2, 0, 0)).tokens()).hasSize(2);
    }
  }

  @Test
  void scoringSeesTheLogitsOfEveryRow() {
    try (Engine e = engine(1);
        Session s = e.session()) {
      List<Integer> rows = new ArrayList<>();
      s.score(
          ids(40),
          (i, logits) -> {
            rows.add(i);
            assertThat(logits.byteSize()).isEqualTo(4L * e.vocabulary());
          });
      assertThat(rows).hasSize(40).isSorted();
    }
  }

  @Test
  void aTokenOutsideTheVocabularyIsRefused() {
    try (Engine e = engine(1);
        Session s = e.session()) {
      assertThatThrownBy(() -> run(s, new int[] {1, 1 << 30}, Request.greedy(1)))
          .isInstanceOf(GenerationException.class)
          .hasMessageContaining("vocabulary");
    }
  }

  @Test
  void closingTheEngineEndsItsThreads() throws Exception {
    Engine e = engine(2);
    Session s = e.session();
    CompletableFuture<Object> running =
        CompletableFuture.supplyAsync(
            () -> {
              try {
                return run(s, ids(10), ignoringEnd(80, 0, 0));
              } catch (RuntimeException x) {
                return x;
              }
            });
    Thread.sleep(50);
    e.close();
    e.close();
    running.get(10, TimeUnit.SECONDS);
    assertThat(Thread.getAllStackTraces().keySet())
        .noneMatch(t -> t.getName().startsWith("gatun-step") && t.isAlive());
    s.close();
  }

  @Test
  void aBackendThatIsNotThereIsNamed() {
    assertThatThrownBy(() -> Engine.load(EngineOptions.of(model()).withBackend("abacus", "", 0)))
        .hasMessageContaining("abacus")
        .hasMessageContaining("reference");
  }
}
