package org.gatun.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Jazzer looks for inputs that reach new branches, in a process with a small heap. A finding is
 * kept in {@code target/fuzz/TARGET}; mended, it belongs into {@code src/test/resources/fuzz}.
 */
@Tag("slow")
class JazzerTest {
  private static final int RUNS = Integer.getInteger("gatun.fuzz.runs", 25_000);

  @TempDir Path dir;

  @ParameterizedTest
  @EnumSource
  @Timeout(value = 30, unit = TimeUnit.MINUTES)
  void findsNothing(FuzzTarget target) throws Exception {
    Path seeds = Files.createDirectory(dir.resolve("seeds"));
    int i = 0;
    for (byte[] seed : target.seeds()) {
      Files.write(
          seeds.resolve("" + i++), Arrays.copyOf(seed, Math.min(seed.length, target.header())));
    }
    Path corpus = Files.createDirectory(dir.resolve("corpus"));
    Path artifacts = Files.createDirectories(Path.of("target/fuzz", target.name()));
    Path log = dir.resolve("log");
    Process jazzer =
        new ProcessBuilder(command(target, artifacts, corpus, seeds))
            .redirectErrorStream(true)
            .redirectOutput(log.toFile())
            .start();
    int code;
    try {
      code = jazzer.waitFor();
    } finally {
      jazzer.destroyForcibly();
    }
    assertThat(code).as(() -> end(log)).isZero();
    assertThat(Files.readString(log)).contains("Done " + RUNS + " runs");
  }

  private static List<String> command(FuzzTarget target, Path artifacts, Path corpus, Path seeds) {
    List<String> command = new ArrayList<>();
    command.addAll(
        List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx512m",
            "-Xss1m",
            "-XX:+EnableDynamicAgentLoading",
            "--sun-misc-unsafe-memory-access=allow",
            "--enable-native-access=ALL-UNNAMED",
            "-Dgatun.fuzz.target=" + target.name(),
            "-cp",
            System.getProperty("java.class.path"),
            "com.code_intelligence.jazzer.Jazzer",
            "--target_class=" + JazzerEntry.class.getName(),
            "--instrumentation_includes=org.gatun.**",
            "--custom_hook_includes=org.gatun.**",
            // A tokenizer's patterns are compiled on purpose; what they may cost is bounded.
            "--disabled_hooks=com.code_intelligence.jazzer.sanitizers.RegexInjection",
            "--reproducer_path=" + artifacts));
    command.addAll(
        List.of(
            "-runs=" + RUNS,
            "-seed=1",
            "-timeout=300",
            "-rss_limit_mb=3000",
            "-max_len=" + Math.min(target.header(), 32_768),
            "-artifact_prefix=" + artifacts + "/",
            corpus.toString(),
            seeds.toString()));
    return command;
  }

  /** The end of what Jazzer printed, without its dictionary. */
  private static String end(Path log) {
    try {
      List<String> lines = Files.readAllLines(log);
      return String.join("\n", lines.subList(Math.max(0, lines.size() - 60), lines.size()));
    } catch (IOException e) {
      return e.toString();
    }
  }
}
