package org.gatun.model.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HexFormat;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.gatun.model.Model;
import org.gatun.model.ModelFormatException;
import org.gatun.model.gguf.GgufFile;
import org.gatun.model.safetensors.SafetensorsFile;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Damaged model files either open or give a {@link ModelFormatException} of one line: no other
 * error, no hang, no allocation out of proportion to the file.
 */
class ModelFileFuzzTest {
  private static final Path TINY = Path.of("src/test/resources/goldens/tiny");

  /** Many times what the undamaged files need (under 4 MiB). */
  private static final long MAX_ALLOCATION = 64L << 20;

  /** What is damaged, and how it is opened. */
  enum Target {
    GGUF_HEADER("llama", "model.gguf", 16_384),
    GGUF_MODEL("gemma3", "model.gguf", 1000),
    SAFETENSORS_HEADER("qwen2", "model-00001-of-00003.safetensors", 1000),
    FOLDER_CONFIG("llama", "config.json", 1000),
    FOLDER_INDEX("llama", "model.safetensors.index.json", 3000),
    FOLDER_SHARD("llama", "model-00002-of-00002.safetensors", 1000);

    final String family;
    final String file;
    final int header;

    Target(String family, String file, int header) {
      this.family = family;
      this.file = file;
      this.header = header;
    }

    AutoCloseable open(Path folder) {
      return switch (this) {
        case GGUF_HEADER -> GgufFile.open(folder.resolve(file));
        case GGUF_MODEL -> Model.open(folder.resolve(file));
        case SAFETENSORS_HEADER -> SafetensorsFile.open(folder.resolve(file));
        case FOLDER_CONFIG, FOLDER_INDEX, FOLDER_SHARD -> Model.open(folder);
      };
    }
  }

  @TempDir Path dir;

  @ParameterizedTest
  @EnumSource
  @Timeout(value = 2, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
  void quick(Target target) throws Exception {
    fuzz(target, 600);
  }

  @ParameterizedTest
  @EnumSource
  @Tag("slow")
  @Timeout(value = 20, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
  void all(Target target) throws Exception {
    fuzz(target, 25_000);
  }

  private void fuzz(Target target, int inputs) throws Exception {
    Path folder = copy(TINY.resolve(target.family));
    Path victim = folder.resolve(target.file);
    byte[] base = Files.readAllBytes(victim);
    int opened = 0;
    for (int seed = -1; seed < inputs; seed++) {
      // Seed -1: the undamaged file must open, or nothing else here means anything.
      byte[] damaged = seed < 0 ? base : new Mutator(seed).mutate(base, target.header);
      write(victim, damaged);
      long before = allocatedBytes();
      String outcome = outcome(target, folder);
      long allocated = allocatedBytes() - before;
      assertThat(outcome)
          .as("%s, seed %d, begins %s", target, seed, beginning(damaged))
          .doesNotContain("\n")
          .matches(o -> o.equals("opened") || o.startsWith("refused: "));
      assertThat(allocated)
          .as("bytes allocated, %s, seed %d", target, seed)
          .isLessThan(MAX_ALLOCATION);
      assertThat(seed >= 0 || outcome.equals("opened")).as("undamaged: %s", outcome).isTrue();
      opened += outcome.equals("opened") ? 1 : 0;
    }
    // Neither all nor none: the damage reaches the reader, and is not always fatal.
    assertThat(opened).isBetween(1, inputs - 1);
  }

  private static String outcome(Target target, Path folder) {
    try (AutoCloseable model = target.open(folder)) {
      return "opened";
    } catch (ModelFormatException e) {
      return "refused: " + e.getMessage();
    } catch (Throwable e) {
      java.io.StringWriter trace = new java.io.StringWriter();
      e.printStackTrace(new java.io.PrintWriter(trace));
      return trace.toString();
    }
  }

  /** In place; a new file for every input would cost more than opening it. */
  private static void write(Path path, byte[] bytes) throws IOException {
    try (var out = Files.newByteChannel(path, StandardOpenOption.WRITE)) {
      out.truncate(bytes.length);
      out.write(ByteBuffer.wrap(bytes));
    }
  }

  /**
   * Of this thread. By reflection: the tests compile in a module that does not read jdk.management.
   */
  private static long allocatedBytes() throws ReflectiveOperationException {
    return (long)
        Class.forName("com.sun.management.ThreadMXBean")
            .getMethod("getCurrentThreadAllocatedBytes")
            .invoke(ManagementFactory.getThreadMXBean());
  }

  private static String beginning(byte[] bytes) {
    return HexFormat.of().formatHex(bytes, 0, Math.min(bytes.length, 256));
  }

  private Path copy(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      for (Path f : files.toList()) {
        Files.copy(f, dir.resolve(f.getFileName().toString()));
      }
    }
    return dir;
  }
}
