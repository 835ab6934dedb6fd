package org.gatun.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class HeartbeatTest {
  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
  private final PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8);

  @Test
  void saysHowFarItIs() throws InterruptedException {
    try (Heartbeat h = new Heartbeat(out, Duration.ofMillis(1))) {
      h.begin("round 1 of 2, decode", 3);
      h.step();
      while (!text().contains("1 of 3")) {
        Thread.sleep(1);
      }
    }
    assertThat(text()).containsPattern("gatun: round 1 of 2, decode, 1 of 3 \\(\\d+ s\\)");
  }

  @Test
  void whatIsOverBeforeTheFirstBeatSaysNothing() {
    try (Heartbeat h = new Heartbeat(out, Duration.ofDays(1))) {
      h.begin("prefill", 1);
    }
    assertThat(text()).isEmpty();
  }

  private String text() {
    return bytes.toString(StandardCharsets.UTF_8);
  }
}
