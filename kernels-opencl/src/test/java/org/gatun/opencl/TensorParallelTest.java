package org.gatun.opencl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Path;
import org.gatun.generate.golden.GoldenFiles;
import org.gatun.generate.golden.RanksBehindPrefix;
import org.gatun.generate.golden.RanksLogits;
import org.gatun.generate.golden.RanksText;
import org.gatun.model.SpeedModel;
import org.gatun.store.ModelStore;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** OpenCL ranks that are threads of this process give the single rank's text. */
class TensorParallelTest {
  private static final int TOKENS = 8;

  @BeforeEach
  void device() {
    TestDevice.assume();
  }

  @ParameterizedTest
  @MethodSource("org.gatun.generate.golden.RanksText#families")
  void greedyTextIsThatOfOneRank(RanksText.Case c) {
    assumeTrue(!c.family().equals("qwen2"), "the tiny qwen2 has heads of 8, OpenCL wants 16s");
    assertThat(RanksText.greedy("opencl", c.model(), c.ranks(), TOKENS))
        .isEqualTo(RanksText.greedy("opencl", c.model(), 1, TOKENS))
        .hasSize(TOKENS);
    assertThat(ClContext.liveObjects()).as("OpenCL objects after the engine closed").isZero();
  }

  @Test
  void behindAPrefixRanksPruneAsOneRankDoes() {
    Path model = new RanksText.Case("llama", 2).model();
    assertThat(RanksBehindPrefix.of("opencl", model, 190, 0.5, 6, 2))
        .singleElement()
        .matches(RanksLogits.Difference::holds);
    assertThat(RanksBehindPrefix.of("opencl", model, 190, 0, 6, 4))
        .singleElement()
        .matches(RanksLogits.Difference::holds);
    assertThat(ClContext.liveObjects()).as("OpenCL objects after the engine closed").isZero();
  }

  @Test
  @Tag("slow")
  void theRealModelAnswersAsOneRankDoes() {
    Path file = GoldenFiles.realModel().orElse(null);
    assumeTrue(file != null, "the default model is not here: run `gatun models pull`");
    logitsAreThoseOfOneRank(file, 12);
  }

  @Test
  @Tag("slow")
  void theSpeedModelAnswersAsOneRankDoes() {
    logitsAreThoseOfOneRank(
        SpeedModel.Q8_0.ensure(ModelStore.defaultHome(), (what, done, total) -> {}), 8);
  }

  private static void logitsAreThoseOfOneRank(Path model, int tokens) {
    assertThat(RanksLogits.of("opencl", model, 8, tokens, 2, 4))
        .hasSize(2)
        .allMatch(RanksLogits.Difference::holds);
  }
}
