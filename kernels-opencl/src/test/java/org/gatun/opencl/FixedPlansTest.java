package org.gatun.opencl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.List;
import org.gatun.attention.KvCodec;
import org.gatun.backend.Backend;
import org.gatun.backend.suite.FixedPlans;
import org.gatun.bindings.NativeLibrary;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Plans whose choice is known, against dense attention under a mask written by hand. */
class FixedPlansTest {
  @AfterEach
  void restore() {
    System.clearProperty("gatun.opencl.tiles");
  }

  @ParameterizedTest
  @ValueSource(strings = {"cpu", "gpu"})
  void equalMaskedDenseAttention(String tiles) {
    assumeTrue(ClRuntime.load() instanceof NativeLibrary.Status.Loaded, "no OpenCL loader");
    List<ClDevice> devices = ClDevice.all();
    assumeTrue(!devices.isEmpty(), "no OpenCL device");
    System.setProperty("gatun.opencl.tiles", tiles);
    try (Backend b = new OpenClBackend(devices.getFirst())) {
      assertThat(FixedPlans.run(b, KvCodec.F16)).hasSize(3).allMatch(FixedPlans.Result::holds);
    }
    assertThat(ClContext.liveObjects()).as("live OpenCL objects").isZero();
  }
}
