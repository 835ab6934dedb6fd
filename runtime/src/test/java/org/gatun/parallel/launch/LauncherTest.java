package org.gatun.parallel.launch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.util.List;
import org.junit.jupiter.api.Test;

class LauncherTest {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  private int run(int ranks, String input, String script) throws Exception {
    Launcher.Plan plan =
        new Launcher.Plan(List.of("bash", "-c", script), ranks, 0, ranks, List.of(), true, "job-1");
    return new Launcher(plan)
        .run(
            new ByteArrayInputStream(input.getBytes()), new PrintStream(out), new PrintStream(err));
  }

  @Test
  void onlyRankZerosOutputPassesAndLogsAreMarked() throws Exception {
    String script =
        "echo \"out $GATUN_RANK of $GATUN_WORLD_SIZE in $GATUN_JOB\"; echo log $GATUN_RANK >&2";
    assertThat(run(3, "", script)).isZero();
    assertThat(out).hasToString("out 0 of 3 in job-1\n");
    assertThat(err.toString().lines())
        .containsExactlyInAnyOrder("[0] log 0", "[1] log 1", "[2] log 2");
  }

  @Test
  void inputGoesToAllRanks() throws Exception {
    assertThat(run(2, "hello\n", "read line; echo got $line >&2")).isZero();
    assertThat(err.toString().lines()).containsExactlyInAnyOrder("[0] got hello", "[1] got hello");
  }

  @Test
  void theFirstFailingCodeIsReturnedAndTheOthersEnd() throws Exception {
    long start = System.nanoTime();
    // exec: the signal goes to the sleeping process itself.
    assertThat(run(3, "", "[ $GATUN_RANK = 1 ] && exit 7; exec sleep 60")).isEqualTo(7);
    assertThat(System.nanoTime() - start).isLessThan(10_000_000_000L);
    assertThat(err.toString()).contains("gatun: rank 1 failed with code 7; ending the others");
  }

  @Test
  void aKilledRankIsNamed() throws Exception {
    assertThat(run(2, "", "[ $GATUN_RANK = 0 ] && kill -9 $$; exec sleep 60")).isEqualTo(137);
    assertThat(err.toString()).contains("gatun: rank 0 was killed by signal 9");
  }

  @Test
  void aRankWhoseLauncherIsGoneEndsAndSaysSo() throws Exception {
    Process launcher = new ProcessBuilder("sleep", "60").start();
    ProcessBuilder builder =
        new ProcessBuilder(
            java.nio.file.Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-cp",
            System.getProperty("java.class.path"),
            Guarded.class.getName());
    builder.environment().put("GATUN_LAUNCHER_PID", "" + launcher.pid());
    Process rank = builder.start();
    try {
      assertThat(rank.inputReader().readLine()).isEqualTo("ready");
      launcher.destroyForcibly().waitFor();
      assertThat(rank.waitFor(5, java.util.concurrent.TimeUnit.SECONDS)).isTrue();
      assertThat(rank.exitValue()).isEqualTo(1);
      assertThat(rank.errorReader().readLine())
          .isEqualTo(
              "gatun: the launcher (process " + launcher.pid() + ") is gone; this rank ends");
    } finally {
      rank.destroyForcibly();
      launcher.destroyForcibly();
    }
  }

  /** A rank that would work for a minute. */
  static final class Guarded {
    public static void main(String[] args) throws InterruptedException {
      RankGuard.install();
      System.out.println("ready");
      System.out.flush();
      Thread.sleep(60_000);
    }
  }

  @Test
  void ranksGetTheirOwnCores() throws Exception {
    List<Integer> cores = Cores.allowed();
    org.junit.jupiter.api.Assumptions.assumeTrue(cores.size() >= 2, "one core only");
    assertThat(run(2, "", "taskset -cp $$ >&2")).isZero();
    assertThat(err.toString().lines().map(l -> l.replaceAll(".*: ", "")).distinct()).hasSize(2);
  }

  @Test
  void coresAreSharedEvenly() {
    assertThat(Cores.parse("0-3,8,10-11")).containsExactly(0, 1, 2, 3, 8, 10, 11);
    assertThat(Cores.share(List.of(0, 1, 2, 3), 1, 2)).containsExactly(2, 3);
    assertThat(Cores.share(List.of(0), 1, 2)).isEmpty();
  }

  @Test
  void devicesMustFitTheRanks() {
    assertThatThrownBy(() -> new Launcher.Plan(List.of("x"), 2, 0, 2, List.of("0"), true, ""))
        .hasMessage("1 devices are given for 2 ranks on this host");
  }
}
