package org.gatun.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import org.gatun.generate.golden.PlansText;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Attention plans in a whole model on the device: a prefix clustered from the device's own pages,
 * sessions behind it, and block top-k; each against dense attention and against the JVM backend.
 */
class PlansOnAModelTest {
  @BeforeEach
  void device() {
    Gpu.require();
  }

  @Test
  void aPrefixFromTheDevicesPagesAnswersAsTheDocumentDoes() {
    PlansText.withPrefix(
        "cuda",
        p -> {
          assertThat(PlansText.behind("cuda", p, 0)).isEqualTo(PlansText.dense("cuda"));
          assertThat(PlansText.behind("cuda", p, 0.5)).isEqualTo(PlansText.behind("jvm", p, 0.5));
        });
  }

  @Test
  void blockTopKWithRoomForAllIsDense() {
    assertThat(PlansText.blockTopK("cuda", 8)).isEqualTo(PlansText.dense("cuda"));
  }
}
