package org.gatun.bindings;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.TreeMap;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is committed is what jextract makes of the headers. */
@Tag("slow")
class RegenerationTest {
  @Test
  void committedBindingsEqualRegeneratedOnes(@TempDir Path dir) throws Exception {
    Path log = dir.resolve("log");
    int exit =
        new ProcessBuilder("./generate", "--offline", dir.resolve("out").toString())
            .redirectErrorStream(true)
            .redirectOutput(log.toFile())
            .start()
            .waitFor();
    // 3: jextract or a header is missing; the script says which.
    Assumptions.assumeTrue(exit != 3, () -> "bindings not compared: " + read(log));
    assertThat(exit).as(read(log)).isZero();
    assertThat(tree(dir.resolve("out"))).isEqualTo(tree(Path.of("src/main/java")));
  }

  private static TreeMap<String, String> tree(Path root) throws IOException {
    var files = new TreeMap<String, String>();
    try (var walk = Files.walk(root)) {
      walk.filter(f -> root.relativize(f).startsWith("org/gatun/bindings"))
          .filter(f -> root.relativize(f).getNameCount() == 5 && Files.isRegularFile(f))
          .forEach(f -> files.put(root.relativize(f).toString(), read(f)));
    }
    assertThat(files).isNotEmpty();
    return files;
  }

  private static String read(Path file) {
    try {
      return Files.readString(file).strip();
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }
}
