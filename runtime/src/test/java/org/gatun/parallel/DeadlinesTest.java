package org.gatun.parallel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DeadlinesTest {
  @Test
  void theEnvironmentSetsThem() {
    assertThat(Deadlines.of(Map.of("GATUN_LOAD_SECONDS", ""))).isEqualTo(Deadlines.DEFAULT);
    assertThat(
            Deadlines.of(
                Map.of(
                    "GATUN_JOIN_SECONDS",
                    "1",
                    "GATUN_LOAD_SECONDS",
                    "7200",
                    "GATUN_COLLECTIVE_SECONDS",
                    "5")))
        .isEqualTo(
            Deadlines.DEFAULT
                .withJoin(Duration.ofSeconds(1))
                .withStage(Duration.ofHours(2))
                .withCollective(Duration.ofSeconds(5)));
  }

  @ParameterizedTest
  @ValueSource(strings = {"0", "-1", "2m", "1.5", "99999999"})
  void whatIsNoNumberOfSecondsIsRefused(String text) {
    assertThatThrownBy(() -> Deadlines.of(Map.of("GATUN_LOAD_SECONDS", text)))
        .isInstanceOf(CommunicatorException.class)
        .hasMessageStartingWith("GATUN_LOAD_SECONDS=" + text);
  }
}
