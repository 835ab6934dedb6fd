package org.gatun.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/** The command line in a process of its own, with a keyboard. */
final class GatunProcess implements AutoCloseable {
  private static final long PATIENCE_NANOS = TimeUnit.MINUTES.toNanos(5);

  private final Process process;
  private final Path out;
  private final Path err;

  /**
   * Starts it.
   *
   * @param dir where its output goes
   * @param jvm flags of the JVM
   */
  GatunProcess(Path dir, List<String> jvm, String... args) throws IOException {
    out = Files.createTempFile(dir, "out", "");
    err = Files.createTempFile(dir, "err", "");
    List<String> command = new ArrayList<>();
    // What a shell starts in the background ignores Ctrl-C, and so would all that it starts.
    command.addAll(List.of("env", "--default-signal=INT"));
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(
        List.of(
            "-Xmx512m",
            "--add-modules",
            "jdk.incubator.vector",
            "--enable-native-access=ALL-UNNAMED",
            "-XX:ErrorFile=" + dir.resolve("hs_err.log")));
    command.addAll(jvm);
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), Main.class.getName()));
    command.addAll(List.of(args));
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectOutput(out.toFile()).redirectError(err.toFile());
    builder.environment().put("GATUN_HOME", dir.resolve("home").toString());
    process = builder.start();
  }

  String out() {
    return read(out);
  }

  String err() {
    return read(err);
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  /** Types a line. */
  void type(String line) throws IOException {
    OutputStream keyboard = process.getOutputStream();
    keyboard.write((line + "\n").getBytes(StandardCharsets.UTF_8));
    keyboard.flush();
  }

  /** Ctrl-D. */
  void endInput() throws IOException {
    process.getOutputStream().close();
  }

  /** Ctrl-C. */
  void interrupt() throws IOException, InterruptedException {
    assertThat(new ProcessBuilder("kill", "-INT", "" + process.pid()).start().waitFor()).isZero();
  }

  /** Waits until something holds, as long as the process lives. */
  void await(BooleanSupplier condition) throws InterruptedException {
    long end = System.nanoTime() + PATIENCE_NANOS;
    while (!condition.getAsBoolean()) {
      assertThat(process.isAlive()).as(() -> "still running; " + err()).isTrue();
      assertThat(System.nanoTime()).as(() -> "in time; " + err()).isLessThan(end);
      Thread.sleep(20);
    }
  }

  /** Waits for its end and returns its exit code. */
  int code() throws InterruptedException {
    assertThat(process.waitFor(PATIENCE_NANOS, TimeUnit.NANOSECONDS)).as("ended").isTrue();
    return process.exitValue();
  }

  @Override
  public void close() {
    process.destroyForcibly();
  }
}
