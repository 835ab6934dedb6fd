package org.gatun.backend.suite;

import static org.assertj.core.api.Assertions.assertThat;

import org.gatun.attention.KvCodec;
import org.gatun.backend.Backend;
import org.gatun.backend.BackendOptions;
import org.gatun.backend.Backends;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Plans whose choice is known, against dense attention under a mask written by hand. */
class FixedPlansTest {
  @ParameterizedTest
  @ValueSource(strings = {"reference", "jvm"})
  void equalMaskedDenseAttention(String backend) {
    try (Backend b = Backends.named(backend).open(new BackendOptions("", 2))) {
      assertThat(FixedPlans.run(b, KvCodec.values())).hasSize(9).allMatch(FixedPlans.Result::holds);
    }
  }
}
