package org.gatun.goldens;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Path;
import java.util.List;
import org.gatun.attention.KvCodec;
import org.gatun.backend.BackendProvider;
import org.gatun.backend.Backends;
import org.gatun.generate.Engine;
import org.gatun.generate.EngineOptions;
import org.gatun.generate.Session;
import org.gatun.generate.golden.GoldenFiles;
import org.gatun.generate.golden.GreedyText;
import org.gatun.generate.golden.TeacherForced;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The default model against llama.cpp, on every backend that is fast enough and here. */
class RealModelTest {

  static List<String> backends() {
    List<String> fast =
        Backends.all().stream()
            .filter(p -> p.order() >= 0 && p.probe().usable())
            .map(BackendProvider::name)
            .toList();
    return fast.isEmpty() ? List.of("none") : fast;
  }

  @ParameterizedTest
  @MethodSource("backends")
  void beginningOfGreedyText(String backend) {
    greedy(backend, 3, 12);
  }

  @Tag("slow")
  @ParameterizedTest
  @MethodSource("backends")
  void greedyText(String backend) {
    greedy(backend, 10, 64);
  }

  @Tag("slow")
  @ParameterizedTest
  @MethodSource("backends")
  void teacherForced(String backend) {
    TeacherForced golden = new TeacherForced();
    try (Engine engine = engine(backend, golden.length() + 8);
        Session session = engine.session()) {
      TeacherForced.Score score = golden.score(session);
      System.out.println(backend + ": " + score);
      assertThat(score.klHolds()).as(score.toString()).isTrue();
      assertThat(score.perplexityHolds()).as(score.toString()).isTrue();
    }
  }

  private static void greedy(String backend, int prompts, int tokens) {
    try (Engine engine = engine(backend, 128)) {
      GreedyText.Score score = new GreedyText().run(engine, prompts, tokens);
      System.out.println(
          backend + ": " + score.positions() + " greedy tokens, excused: " + score.excused());
      assertThat(score.wrong()).isEmpty();
      assertThat(score.excused().size())
          .isLessThanOrEqualTo((int) Math.ceil(GreedyText.EXCUSED_SHARE * score.positions()));
    }
  }

  private static Engine engine(String backend, int context) {
    assumeTrue(!backend.equals("none"), "only the reference backend is here, and it is too slow");
    return Engine.load(
        EngineOptions.of(model())
            .withBackend(backend, "", 0)
            .withContext(context, 1)
            .withKv(KvCodec.F16));
  }

  private static Path model() {
    Path file = GoldenFiles.realModel().orElse(null);
    assumeTrue(file != null, "the default model is not here: run `gatun models pull`");
    return file;
  }
}
