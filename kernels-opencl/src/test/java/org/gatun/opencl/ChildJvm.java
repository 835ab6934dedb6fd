package org.gatun.opencl;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * Runs a main class in a JVM of its own: which OpenCL library a process has is decided once, and
 * signals are a process's own.
 *
 * @param exit its exit code
 * @param output standard output and standard error, together
 */
record ChildJvm(int exit, String output) {

  /**
   * Runs it to its end.
   *
   * @param dir where its output goes
   * @param environment variables beside ours
   * @param flags of the JVM
   * @param main name of the main class
   */
  static ChildJvm run(
      Path dir, Map<String, String> environment, List<String> flags, String main, String... args)
      throws IOException, InterruptedException {
    Path output = Files.createTempFile(dir, "output", "");
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(
        List.of(
            "--add-modules",
            "jdk.incubator.vector",
            "--enable-native-access=ALL-UNNAMED",
            "-XX:ErrorFile=" + dir.resolve("hs_err.log")));
    command.addAll(flags);
    command.add("-cp");
    command.add(
        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")));
    command.add(main);
    command.addAll(List.of(args));
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().putAll(environment);
    Process p = builder.redirectErrorStream(true).redirectOutput(output.toFile()).start();
    try {
      assertThat(p.waitFor(600, TimeUnit.SECONDS)).as("ends within ten minutes").isTrue();
    } finally {
      p.destroyForcibly().waitFor();
    }
    return new ChildJvm(p.exitValue(), Files.readString(output));
  }

  /** Lines without the JVM's own remarks. */
  List<String> lines() {
    return output.lines().filter(l -> !l.startsWith("WARNING")).toList();
  }
}
