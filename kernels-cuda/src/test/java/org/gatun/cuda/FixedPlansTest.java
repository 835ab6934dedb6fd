package org.gatun.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import org.gatun.attention.KvCodec;
import org.gatun.backend.Backend;
import org.gatun.backend.BackendOptions;
import org.gatun.backend.Backends;
import org.gatun.backend.suite.FixedPlans;
import org.junit.jupiter.api.Test;

/** Plans whose choice is known, against dense attention under a mask written by hand. */
class FixedPlansTest {
  @Test
  void equalMaskedDenseAttention() {
    Gpu.require();
    try (Backend b = Backends.named("cuda").open(BackendOptions.DEFAULT)) {
      assertThat(FixedPlans.run(b, KvCodec.F16, KvCodec.INT8))
          .hasSize(6)
          .allMatch(FixedPlans.Result::holds);
    }
  }
}
