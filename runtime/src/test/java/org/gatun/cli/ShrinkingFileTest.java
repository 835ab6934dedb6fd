package org.gatun.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Mapped files that become shorter while kernels run: a clear error, of the model file and of the
 * copy of its weights that the JVM backend keeps. In a process of its own, for what is tested is
 * that it does not die of a signal.
 */
@EnabledOnOs(OS.LINUX)
class ShrinkingFileTest {
  private static final Path TINY = Path.of("src/test/resources/goldens/tiny");

  @TempDir Path dir;

  @ParameterizedTest
  @CsvSource({
    // Few tokens: kernels are interpreted. Many: they are compiled.
    "model, jvm, gemma3, 10",
    "model, jvm, gemma3, 4000",
    "model, reference, gemma3, 300",
    "repacked weights, jvm, gemma3, 10",
    "repacked weights, jvm, gemma3, 4000"
  })
  void endsWithAClearError(String what, String backend, String family, int after) throws Exception {
    Path model = Files.copy(TINY.resolve(family).resolve("model.gguf"), dir.resolve("m.gguf"));
    try (GatunProcess gatun =
        new GatunProcess(
            dir,
            List.of("-Xbatch"),
            "run",
            "-m",
            model.toString(),
            "--backend",
            backend,
            "--raw",
            "-p",
            "hello",
            "-n",
            "-1",
            "-c",
            "60000",
            "--temp",
            "0")) {
      gatun.await(() -> gatun.out().length() > after);
      Path shrinking = what.equals("model") ? model : repacked();
      assertThat(shrinking.toFile().setWritable(true)).isTrue();
      try (FileChannel file = FileChannel.open(shrinking, StandardOpenOption.WRITE)) {
        file.truncate(4096);
      }
      assertThat(gatun.code()).as(gatun.err()).isEqualTo(1);
      assertThat(gatun.err().lines().toList())
          .last()
          .asString()
          .startsWith("gatun: " + shrinking)
          .contains("shrank from", "to 4096 bytes while in use", "start again");
      assertThat(gatun.err()).doesNotContain("\tat ");
      assertThat(dir.resolve("hs_err.log")).doesNotExist();
    }
  }

  private Path repacked() throws IOException {
    try (Stream<Path> files = Files.list(dir.resolve("home/repack"))) {
      return files.filter(f -> !f.toString().endsWith(".lock")).findFirst().orElseThrow();
    }
  }
}
