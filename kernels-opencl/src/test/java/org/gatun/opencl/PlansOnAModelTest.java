package org.gatun.opencl;

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
    TestDevice.assume();
  }

  @Test
  void aPrefixFromTheDevicesPagesAnswersAsTheDocumentDoes() {
    PlansText.withPrefix(
        "opencl",
        p -> {
          assertThat(PlansText.behind("opencl", p, 0)).isEqualTo(PlansText.dense("opencl"));
          assertThat(PlansText.behind("opencl", p, 0.5)).isEqualTo(PlansText.behind("jvm", p, 0.5));
        });
    assertThat(ClContext.liveObjects()).as("OpenCL objects after the engine closed").isZero();
  }

  @Test
  void blockTopKWithRoomForAllIsDense() {
    assertThat(PlansText.blockTopK("opencl", 8)).isEqualTo(PlansText.dense("opencl"));
  }
}
