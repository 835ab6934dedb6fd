package org.gatun.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.gatun.generate.CancelToken;
import org.gatun.generate.Engine;
import org.gatun.generate.EngineOptions;
import org.gatun.generate.Request;
import org.gatun.generate.Session;
import org.gatun.generate.golden.GoldenFiles;
import org.gatun.generate.golden.GreedyText;
import org.gatun.generate.golden.TeacherForced;
import org.gatun.store.ModelStore;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * The real model: greedy text, with and without graph replay, against the JVM backend; text and
 * distribution against llama.cpp's goldens.
 */
class CudaModelTest {
  private static final int PROMPT = 32;
  private static final int TOKENS = 8;
  private static final String TEXT =
      "Once upon a time there was an old king who lived in a castle on a hill. He had three daughters, and the youngest"
          + " of them was the most beautiful of all the girls";

  @Test
  void greedyTextEqualsTheJvmBackends() {
    Gpu.require();
    Path model = ModelStore.defaultHome().resolve("models/gemma-3-270m-q4_k_m.gguf");
    Assumptions.assumeTrue(
        Files.isRegularFile(model), "the default model is not here: gatun models pull");
    int[] want = run(model, "jvm");
    assertThat(want).hasSize(TOKENS);
    for (String graphs : List.of("true", "false")) {
      System.setProperty(CudaProgram.GRAPHS, graphs);
      try {
        assertThat(run(model, "cuda")).as("graphs " + graphs).isEqualTo(want);
      } finally {
        System.clearProperty(CudaProgram.GRAPHS);
      }
    }
  }

  @Test
  @Tag("slow")
  void greedyTextIsLlamaCpps() {
    try (Engine e = engine(128)) {
      GreedyText.Score score = new GreedyText().run(e, 10, 16);
      System.out.println("cuda: " + score.positions() + " tokens, excused: " + score.excused());
      assertThat(score.wrong()).isEmpty();
      assertThat(score.holds()).as(score.toString()).isTrue();
    }
  }

  @Test
  @Tag("slow")
  void teacherForced() {
    TeacherForced golden = new TeacherForced();
    try (Engine e = engine(golden.length() + 8);
        Session s = e.session()) {
      TeacherForced.Score score = golden.score(s);
      System.out.println("cuda: " + score);
      assertThat(score.klHolds()).as(score.toString()).isTrue();
      assertThat(score.perplexityHolds()).as(score.toString()).isTrue();
    }
  }

  private static Engine engine(int context) {
    Gpu.require();
    Path model = GoldenFiles.realModel().orElse(null);
    Assumptions.assumeTrue(model != null, "the default model is not here: gatun models pull");
    return Engine.load(EngineOptions.of(model).withBackend("cuda", "", 0).withContext(context, 1));
  }

  private static int[] run(Path model, String backend) {
    Request greedy = new Request(TOKENS, 0, 0, 1, 0, 1, 0, List.of(), true);
    try (Engine e =
            Engine.load(EngineOptions.of(model).withBackend(backend, "", 0).withContext(128, 1));
        Session s = e.session()) {
      int[] prompt = Arrays.copyOf(e.tokenizer().encode(TEXT, true, false), PROMPT);
      return s.generate(prompt, greedy, piece -> {}, new CancelToken()).tokens();
    }
  }
}
