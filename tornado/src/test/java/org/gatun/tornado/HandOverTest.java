package org.gatun.tornado;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.gatun.backend.BackendException;
import org.gatun.backend.Backends;
import org.gatun.backend.Progress;
import org.gatun.generate.Engine;
import org.gatun.generate.EngineOptions;
import org.gatun.generate.golden.GoldenFiles;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A backend that fails at start hands over to the next, with one line. */
class HandOverTest {
  private static final Path MODEL = GoldenFiles.tiny("llama").folder().resolve("model.gguf");

  @BeforeEach
  void switchOn() {
    System.setProperty(FailingProvider.SWITCH, "true");
  }

  @AfterEach
  void switchOff() {
    System.clearProperty(FailingProvider.SWITCH);
  }

  @Test
  void autoGoesOnAndSaysSo() {
    List<String> lines = new ArrayList<>();
    String next = Backends.auto().get(1).name();
    try (Engine engine =
        Engine.load(EngineOptions.of(MODEL).withReports(Progress.NONE, lines::add))) {
      assertThat(engine.backend()).isEqualTo(next);
    }
    assertThat(lines)
        .containsExactly(
            "backend failing does not start, "
                + next
                + " takes over: the driver is gone; install it again");
  }

  @Test
  void aBackendAskedForByNameIsNotReplaced() {
    List<String> lines = new ArrayList<>();
    EngineOptions options =
        EngineOptions.of(MODEL)
            .withBackend("failing", "", 0)
            .withReports(Progress.NONE, lines::add);
    assertThatThrownBy(() -> Engine.load(options).close())
        .isInstanceOf(BackendException.class)
        .hasMessageContaining("the driver is gone");
    assertThat(lines).isEmpty();
  }
}
