package org.gatun.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Path;
import org.gatun.attention.AttentionPlan;
import org.gatun.generate.golden.GoldenFiles;
import org.gatun.generate.golden.RanksLogits;
import org.gatun.generate.golden.RanksText;
import org.gatun.graph.GraphException;
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

  /** Three of five pages a row: each rank chooses for its own KV head. */
  @Test
  void ranksChoosePagesAsOneRankDoes() {
    Path model = new RanksText.Case("llama", 1).model();
    AttentionPlan plan = new AttentionPlan.BlockTopK(3, 1, 1);
    assertThat(RanksLogits.of("jvm", model, plan, 300, 6, 2))
        .hasSize(1)
        .allMatch(RanksLogits.Difference::holds);
    assertThat(RanksLogits.cost(model, plan, 300)).isGreaterThan(0.01);
  }

  @Test
  void ranksThatShareKvHeadsDoNotChoosePages() {
    Path model = new RanksText.Case("llama", 1).model();
    assertThatThrownBy(
            () -> RanksLogits.of("jvm", model, new AttentionPlan.BlockTopK(3, 1, 1), 300, 6, 4))
        .isInstanceOf(GraphException.class)
        .hasMessage(
            "block top-k cannot run on 4 ranks with 2 KV heads per layer: ranks that share one"
                + " would choose pages apart from each other; use at most 2 ranks or --attention"
                + " dense");
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
