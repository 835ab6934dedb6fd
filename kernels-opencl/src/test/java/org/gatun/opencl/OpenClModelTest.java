package org.gatun.opencl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Path;
import org.gatun.attention.KvCodec;
import org.gatun.generate.Engine;
import org.gatun.generate.EngineOptions;
import org.gatun.generate.Session;
import org.gatun.generate.golden.GoldenFiles;
import org.gatun.generate.golden.GreedyText;
import org.gatun.generate.golden.TeacherForced;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The default model on an OpenCL device against llama.cpp's goldens. */
@Tag("slow")
class OpenClModelTest {

  @Test
  void greedyText() {
    try (Engine engine = engine(128)) {
      GreedyText.Score score = new GreedyText().run(engine, 10, 64);
      System.out.println("opencl: " + score.positions() + " tokens, excused: " + score.excused());
      assertThat(score.wrong()).isEmpty();
      assertThat(score.excused().size())
          .isLessThanOrEqualTo((int) Math.ceil(GreedyText.EXCUSED_SHARE * score.positions()));
    }
    assertThat(ClContext.liveObjects()).as("OpenCL objects after the engine closed").isZero();
  }

  @Test
  void teacherForced() {
    TeacherForced golden = new TeacherForced();
    try (Engine engine = engine(golden.length() + 8);
        Session session = engine.session()) {
      TeacherForced.Score score = golden.score(session);
      System.out.println("opencl: " + score);
      assertThat(score.klHolds()).as(score.toString()).isTrue();
      assertThat(score.perplexityHolds()).as(score.toString()).isTrue();
    }
  }

  private static Engine engine(int context) {
    TestDevice.assume();
    return Engine.load(
        EngineOptions.of(model())
            .withBackend("opencl", "", 0)
            .withContext(context, 1)
            .withKv(KvCodec.F16));
  }

  private static Path model() {
    Path file = GoldenFiles.realModel().orElse(null);
    assumeTrue(file != null, "the default model is not here: run `gatun models pull`");
    return file;
  }
}
