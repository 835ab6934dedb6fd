package org.gatun.parallel.shm;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Real processes: long runs, and every way in which a rank can fail its group. */
class SharedMemoryProcessTest {
  private final String job = "test-" + UUID.randomUUID();
  private final List<Process> processes = new ArrayList<>();
  private Path directory = Path.of("/dev/shm");

  @BeforeEach
  void needsSharedMemory() {
    Assumptions.assumeTrue(Files.isWritable(directory), "no writable /dev/shm");
  }

  @AfterEach
  void nothingStays() throws Exception {
    for (Process p : processes) {
      p.destroyForcibly().waitFor();
    }
    try (Stream<Path> files = Files.list(directory)) {
      assertThat(files.filter(f -> f.getFileName().toString().contains(job))).isEmpty();
    }
  }

  @Test
  void severalHundredRepetitionsBetweenTwoProcesses() throws Exception {
    run("all", 2, 500);
  }

  @Test
  @Tag("slow")
  void tenThousandRepetitionsBetweenTwoProcesses() throws Exception {
    run("all", 2, 10_000);
  }

  @Test
  @Tag("slow")
  void moreRanksThanCores() throws Exception {
    run("all", 5, 300);
  }

  @Test
  void killedWhileOthersWait() throws Exception {
    Process first = start(0, 2, "A", "idle-last", 5);
    Process second = start(1, 2, "A", "idle-last", 5);
    expectReady(first, second);
    second.destroyForcibly();
    assertThat(failure(first)).contains("rank 1: process " + second.pid() + " died");
  }

  @Test
  void killedInTheMiddleOfReductions() throws Exception {
    Process first = start(0, 2, "A", "all", 1_000_000_000);
    Process second = start(1, 2, "A", "all", 1_000_000_000);
    expectReady(first, second);
    Thread.sleep(300);
    first.destroyForcibly();
    assertThat(failure(second)).contains("rank 0: process " + first.pid() + " died");
  }

  @Test
  void killedBeforeAllJoined() throws Exception {
    Process first = start(0, 3, "A", "all", 1);
    Process second = start(1, 3, "A", "all", 1);
    awaitFile();
    Thread.sleep(800);
    first.destroyForcibly();
    assertThat(failure(second)).contains("rank 0: process " + first.pid() + " died");
  }

  @Test
  void stoppedProcessIsNamed() throws Exception {
    Process first = start(0, 2, "A", "all", 1_000_000_000);
    Process second = start(1, 2, "A", "all", 1_000_000_000);
    expectReady(first, second);
    assertThat(new ProcessBuilder("kill", "-STOP", "" + second.pid()).start().waitFor()).isZero();
    assertThat(failure(first)).contains("rank 1: ").containsAnyOf("no sign of life", "hung");
  }

  @Test
  void hangingRankIsNamed() throws Exception {
    Process first = start(0, 2, "A", "idle-last", 5);
    Process second = start(1, 2, "A", "idle-last", 5);
    expectReady(first, second);
    assertThat(failure(first)).contains("rank 1: did not arrive at all-reduce #1");
  }

  @Test
  void anotherModelIsRefused() throws Exception {
    Process first = start(0, 2, "model A", "all", 1);
    Process second = start(1, 2, "model B", "all", 1);
    String expected = "FAILED rank 1: runs [model B] but rank 0 runs [model A]";
    assertThat(failure(first)).isEqualTo(expected);
    assertThat(failure(second)).isEqualTo(expected);
  }

  @Test
  void anotherWorldSizeIsRefused() throws Exception {
    Process first = start(0, 2, "A", "all", 1);
    Process second = start(1, 3, "A", "all", 1);
    String expected = "FAILED rank 1: was started for 3 ranks, rank 0 for 2";
    assertThat(failure(first)).isEqualTo(expected);
    assertThat(failure(second)).isEqualTo(expected);
  }

  @Test
  void aFullMountIsNamed() throws Exception {
    Path mount = Files.createTempDirectory("gatun-full");
    Process mounting =
        new ProcessBuilder("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", mount.toString())
            .redirectErrorStream(true)
            .start();
    Assumptions.assumeTrue(mounting.waitFor() == 0, "cannot mount a small tmpfs here");
    try {
      directory = mount;
      Process first = start(0, 2, "A", "all", 1);
      Process second = start(1, 2, "A", "all", 1);
      assertThat(failure(first)).startsWith("FAILED rank 0: " + mount + " has no room for 1.0 MiB");
      assertThat(failure(second)).startsWith("FAILED rank 0: " + mount + " has no room");
      nothingStays();
    } finally {
      directory = Path.of("/dev/shm");
      new ProcessBuilder("umount", mount.toString()).start().waitFor();
      Files.delete(mount);
    }
  }

  private void run(String scenario, int world, int repetitions) throws Exception {
    List<Process> ranks = new ArrayList<>();
    for (int r = 0; r < world; r++) {
      ranks.add(start(r, world, "A", scenario, repetitions));
    }
    String first = null;
    for (Process p : ranks) {
      List<String> lines = p.inputReader().readAllLines();
      assertThat(p.waitFor(120, TimeUnit.SECONDS)).isTrue();
      assertThat(p.exitValue()).as(lines.toString()).isZero();
      assertThat(lines.getLast()).startsWith("SUM ");
      first = first == null ? lines.getLast() : first;
      assertThat(lines.getLast()).isEqualTo(first);
    }
  }

  private Process start(int rank, int world, String identity, String scenario, int repetitions)
      throws IOException {
    Process p =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--add-modules",
                "jdk.incubator.vector",
                "--enable-native-access=ALL-UNNAMED",
                "-XX:+UseSerialGC",
                "-Xmx64m",
                "-cp",
                System.getProperty("java.class.path"),
                ShmRank.class.getName(),
                "" + rank,
                "" + world,
                job,
                identity,
                directory.toString(),
                scenario,
                "" + repetitions)
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    processes.add(p);
    return p;
  }

  private static void expectReady(Process... ranks) throws IOException {
    for (Process p : ranks) {
      assertThat(p.inputReader().readLine()).isEqualTo("READY");
    }
  }

  private void awaitFile() throws Exception {
    for (int i = 0; i < 1000; i++) {
      if (Files.exists(directory.resolve("gatun-" + job))) {
        return;
      }
      Thread.sleep(10);
    }
    throw new AssertionError("rank 0 created no file");
  }

  /** The last line of a rank that must end by itself within five seconds of now. */
  private static String failure(Process p) throws Exception {
    BufferedReader out = p.inputReader();
    assertThat(p.waitFor(8, TimeUnit.SECONDS)).as("rank ended").isTrue();
    assertThat(p.exitValue()).isEqualTo(3);
    List<String> lines = out.readAllLines();
    assertThat(lines).isNotEmpty();
    return lines.getLast();
  }
}
