package org.gatun.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.gatun.generate.golden.RanksText;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Rank processes of which one takes long to load: the other waits for it, and notices if it dies,
 * hangs or loses its launcher.
 */
class LoadingRanksTest {
  private static final Path SHARED_MEMORY = Path.of("/dev/shm");
  private static final long A_MINUTE = 60_000;
  private final String job = "load-" + UUID.randomUUID();
  private final Process[] ranks = new Process[2];

  @BeforeEach
  void needsSharedMemory() {
    Assumptions.assumeTrue(Files.isWritable(SHARED_MEMORY), "no writable /dev/shm");
  }

  @AfterEach
  void nothingStays() throws Exception {
    for (Process p : ranks) {
      p.destroyForcibly().waitFor();
    }
    try (Stream<Path> files = Files.list(SHARED_MEMORY)) {
      assertThat(files.filter(f -> f.getFileName().toString().contains(job))).isEmpty();
    }
  }

  @Test
  void aRankThatLoadsLongerThanACollectiveWaitsIsWaitedFor() throws Exception {
    start(new long[] {1, 7000}, Map.of("GATUN_COLLECTIVE_SECONDS", "3"));
    List<String> first = ranks[0].errorReader().readAllLines();
    List<String> second = ranks[1].errorReader().readAllLines();
    for (Process p : ranks) {
      assertThat(p.waitFor(30, TimeUnit.SECONDS)).isTrue();
      assertThat(p.exitValue()).as("%s %s", first, second).isZero();
    }
    assertThat(first)
        .first()
        .isEqualTo("gatun: rank 1 is still loading the model; waiting: rank 0");
    assertThat(first.getLast()).startsWith("TEXT ");
    assertThat(second).containsExactly(first.getLast());
  }

  @Test
  void aRankThatLoadsForeverIsNamedAtTheDeadline() throws Exception {
    start(new long[] {1, A_MINUTE}, Map.of("GATUN_LOAD_SECONDS", "2"));
    // One throws it, the other is told by its watchdog in the middle of its work.
    for (Process p : ranks) {
      assertThat(p.waitFor(10, TimeUnit.SECONDS)).as("a rank ended").isTrue();
      assertThat(p.exitValue()).isEqualTo(1);
      assertThat(p.errorReader().lines())
          .anyMatch(
              l ->
                  l.contains(
                      "rank 1: is still loading the model 2000 ms after another rank was through"));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void theOtherRankEndsAndNamesTheDeadOne(int victim) throws Exception {
    start(new long[] {A_MINUTE, A_MINUTE}, Map.of());
    end(victim, "KILL", "gatun: rank %d: process %d died");
  }

  @Test
  void aRankThatIsStoppedIsNamed() throws Exception {
    start(new long[] {A_MINUTE, A_MINUTE}, Map.of());
    end(1, "STOP", "gatun: rank %d: process %d shows no sign of life");
  }

  /** Rank 0 has loaded and waits: the other's death is told by what it throws, too. */
  @Test
  void aRankThatDiesWhileTheOtherWaitsForItIsNamed() throws Exception {
    start(new long[] {1, A_MINUTE}, Map.of());
    Thread.sleep(500);
    signal("KILL", ranks[1]);
    assertThat(ranks[0].waitFor(5, TimeUnit.SECONDS)).as("the other rank ended").isTrue();
    assertThat(ranks[0].exitValue()).isEqualTo(1);
    assertThat(ranks[0].errorReader().lines().filter(l -> l.contains("rank 1")))
        .singleElement()
        .asString()
        .contains("rank 1: process " + ranks[1].pid() + " died");
  }

  @Test
  void ranksWhoseLauncherIsGoneEndWhileOneLoads() throws Exception {
    Process launcher = new ProcessBuilder("sleep", "60").start();
    try {
      start(new long[] {1, A_MINUTE}, Map.of("GATUN_LAUNCHER_PID", "" + launcher.pid()));
      launcher.destroyForcibly().waitFor();
      for (Process p : ranks) {
        assertThat(p.waitFor(5, TimeUnit.SECONDS)).as("a rank ended").isTrue();
        assertThat(p.exitValue()).isEqualTo(1);
        assertThat(p.errorReader().readAllLines())
            .contains(
                "gatun: the launcher (process " + launcher.pid() + ") is gone; this rank ends");
      }
    } finally {
      launcher.destroyForcibly();
    }
  }

  private void end(int victim, String signal, String line) throws Exception {
    signal(signal, ranks[victim]);
    Process other = ranks[1 - victim];
    // Death is seen at once, silence after 4 s; then 0.8 s of grace for a rank to end by itself.
    assertThat(other.waitFor(10, TimeUnit.SECONDS)).as("the other rank ended").isTrue();
    assertThat(other.exitValue()).isEqualTo(1);
    assertThat(other.errorReader().readAllLines())
        .singleElement()
        .asString()
        .startsWith(line.formatted(victim, ranks[victim].pid()));
  }

  private static void signal(String name, Process p) throws Exception {
    assertThat(new ProcessBuilder("kill", "-" + name, "" + p.pid()).start().waitFor()).isZero();
  }

  /** Starts both; returns when their weights are read and they are held up so long. */
  private void start(long[] millis, Map<String, String> environment) throws IOException {
    for (int r = 0; r < ranks.length; r++) {
      ranks[r] = start(r, millis[r], environment);
    }
    for (Process p : ranks) {
      String first = p.errorReader().readLine();
      // The JVM's own remark on incubator modules.
      boolean remark = first != null && first.startsWith("WARNING");
      assertThat(remark ? p.errorReader().readLine() : first).isEqualTo("LOADING");
    }
  }

  private Process start(int rank, long millis, Map<String, String> environment) throws IOException {
    ProcessBuilder b =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "--add-modules",
            "jdk.incubator.vector",
            "--enable-native-access=ALL-UNNAMED",
            "-Xlog:disable",
            "-XX:+UseSerialGC",
            "-cp",
            System.getProperty("java.class.path"),
            LoadingRank.class.getName(),
            new RanksText.Case("llama", 2).model().toString(),
            "" + millis);
    b.environment().put("GATUN_RANK", "" + rank);
    b.environment().put("GATUN_WORLD_SIZE", "2");
    b.environment().put("GATUN_LOCAL_RANK", "" + rank);
    b.environment().put("GATUN_LOCAL_SIZE", "2");
    b.environment().put("GATUN_JOB", job);
    b.environment().remove("GATUN_SHM_DIR");
    b.environment().putAll(environment);
    return b.redirectOutput(ProcessBuilder.Redirect.DISCARD).start();
  }
}
