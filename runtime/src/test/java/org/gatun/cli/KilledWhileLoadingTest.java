package org.gatun.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.gatun.generate.golden.RanksText;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A rank process that dies, or hangs, while both read their weights. */
class KilledWhileLoadingTest {
  private static final Path SHARED_MEMORY = Path.of("/dev/shm");
  private final String job = "load-" + UUID.randomUUID();

  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void theOtherRankEndsAndNamesTheDeadOne(int victim) throws Exception {
    Assumptions.assumeTrue(Files.isWritable(SHARED_MEMORY), "no writable /dev/shm");
    end(victim, "KILL", "gatun: rank %d: process %d died");
  }

  @Test
  void aRankThatIsStoppedIsNamed() throws Exception {
    Assumptions.assumeTrue(Files.isWritable(SHARED_MEMORY), "no writable /dev/shm");
    end(1, "STOP", "gatun: rank %d: process %d shows no sign of life");
  }

  private void end(int victim, String signal, String line) throws Exception {
    Process[] ranks = {start(0), start(1)};
    try {
      for (Process p : ranks) {
        String first = p.errorReader().readLine();
        // The JVM's own remark on incubator modules.
        boolean remark = first != null && first.startsWith("WARNING");
        assertThat(remark ? p.errorReader().readLine() : first).isEqualTo("LOADING");
      }
      Process other = ranks[1 - victim];
      int sent =
          new ProcessBuilder("kill", "-" + signal, "" + ranks[victim].pid()).start().waitFor();
      assertThat(sent).isZero();
      // Death is seen at once, silence after 4 s; then 0.8 s of grace for a rank to end by itself.
      assertThat(other.waitFor(10, TimeUnit.SECONDS)).as("the other rank ended").isTrue();
      assertThat(other.exitValue()).isEqualTo(1);
      List<String> lines = other.errorReader().readAllLines();
      assertThat(lines)
          .singleElement()
          .asString()
          .startsWith(line.formatted(victim, ranks[victim].pid()));
    } finally {
      for (Process p : ranks) {
        p.destroyForcibly().waitFor();
      }
    }
    try (Stream<Path> files = Files.list(SHARED_MEMORY)) {
      assertThat(files.filter(f -> f.getFileName().toString().contains(job))).isEmpty();
    }
  }

  private Process start(int rank) throws IOException {
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
            new RanksText.Case("llama", 2).model().toString());
    b.environment().put("GATUN_RANK", "" + rank);
    b.environment().put("GATUN_WORLD_SIZE", "2");
    b.environment().put("GATUN_LOCAL_RANK", "" + rank);
    b.environment().put("GATUN_LOCAL_SIZE", "2");
    b.environment().put("GATUN_JOB", job);
    b.environment().remove("GATUN_SHM_DIR");
    return b.redirectOutput(ProcessBuilder.Redirect.DISCARD).start();
  }
}
