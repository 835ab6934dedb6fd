package org.gatun.backend.jvm;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The op suite on every vector width, each in a JVM of its own: the width is a constant of the
 * process.
 */
class JvmSuiteTest {
  @ParameterizedTest(name = "{0} bits")
  @ValueSource(ints = {128, 256, 512})
  void quick(int bits) throws Exception {
    suite("quick", bits);
  }

  @Tag("slow")
  @ParameterizedTest(name = "{0} bits")
  @ValueSource(ints = {128, 256, 512})
  void full(int bits) throws Exception {
    suite("full", bits);
  }

  private static void suite(String tier, int bits) throws Exception {
    Process p =
        new ProcessBuilder(
                List.of(
                    Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                    "--add-modules=jdk.incubator.vector",
                    "--enable-native-access=ALL-UNNAMED",
                    "-Xmx1g",
                    "-Dgatun.vector.bits=" + bits,
                    "-cp",
                    System.getProperty("java.class.path"),
                    JvmSuite.class.getName(),
                    tier))
            .redirectErrorStream(true)
            .start();
    String output = new String(p.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(p.waitFor()).as(output).isZero();
    assertThat(output).contains(bits + "-bit vectors");
  }
}
