package org.gatun.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Path;
import org.gatun.generate.golden.GoldenFiles;
import org.gatun.generate.golden.RanksLogits;
import org.gatun.generate.golden.RanksText;
import org.gatun.model.SpeedModel;
import org.gatun.store.ModelStore;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Logits of JVM ranks that are threads of this process, teacher-forced, are those of one rank. */
class RanksLogitsTest {
  private static void check(Path model, int prompt, int tokens) {
    assertThat(RanksLogits.of("jvm", model, prompt, tokens, 2, 4))
        .hasSize(2)
        .allMatch(RanksLogits.Difference::holds);
  }

  @Test
  void tinyModel() {
    check(new RanksText.Case("llama", 1).model(), 6, 6);
  }

  @Test
  @Tag("slow")
  void realModel() {
    Path file = GoldenFiles.realModel().orElse(null);
    assumeTrue(file != null, "the default model is not here: run `gatun models pull`");
    check(file, 8, 12);
  }

  @Test
  @Tag("slow")
  void speedModel() {
    check(SpeedModel.Q8_0.ensure(ModelStore.defaultHome(), (what, done, total) -> {}), 8, 8);
  }
}
