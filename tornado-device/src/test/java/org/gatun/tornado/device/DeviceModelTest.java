package org.gatun.tornado.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Path;
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
import org.junit.jupiter.api.Test;

/** The default model on TornadoVM's first device against llama.cpp's goldens. */
@Tag("slow")
class DeviceModelTest {
  @Test
  void greedyText() {
    try (Engine engine = engine(128)) {
      GreedyText.Score score = new GreedyText().run(engine, 10, 64);
      System.out.println("tornado: " + score.positions() + " tokens, excused: " + score.excused());
      assertThat(score.wrong()).isEmpty();
      assertThat(score.excused().size())
          .isLessThanOrEqualTo((int) Math.ceil(GreedyText.EXCUSED_SHARE * score.positions()));
    }
  }

  @Test
  void teacherForced() {
    TeacherForced golden = new TeacherForced();
    try (Engine engine = engine(golden.length() + 8);
        Session session = engine.session()) {
      TeacherForced.Score score = golden.score(session);
      System.out.println("tornado: " + score);
      assertThat(score.klHolds()).as(score.toString()).isTrue();
      assertThat(score.perplexityHolds()).as(score.toString()).isTrue();
    }
  }

  private static Engine engine(int context) {
    BackendProvider.Availability a = Backends.named("tornado").probe();
    assumeTrue(a.usable(), a.description());
    return Engine.load(
        EngineOptions.of(model())
            .withBackend("tornado", "", 0)
            .withContext(context, 1)
            .withKv(KvCodec.F16));
  }

  private static Path model() {
    Path file = GoldenFiles.realModel().orElse(null);
    assumeTrue(file != null, "the default model is not here: run `gatun models pull`");
    return file;
  }
}
