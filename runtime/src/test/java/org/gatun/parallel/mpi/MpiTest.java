package org.gatun.parallel.mpi;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.gatun.bindings.NativeLibrary;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Real processes under mpirun. */
class MpiTest {
  @BeforeEach
  void needsMpi() throws Exception {
    Assumptions.assumeTrue(NativeLibrary.MPI.isAvailable(), "no Open MPI library");
    boolean launcher;
    try {
      launcher = new ProcessBuilder("mpirun", "--version").start().waitFor() == 0;
    } catch (java.io.IOException e) {
      launcher = false;
    }
    Assumptions.assumeTrue(launcher, "no mpirun");
  }

  @Test
  void collectives() throws Exception {
    Outcome o = mpirun(2, "all");
    assertThat(o.code()).as(o.text()).isZero();
    assertThat(o.text()).contains("OK 0", "OK 1");
  }

  @Test
  void anotherModelIsRefused() throws Exception {
    Outcome o = mpirun(2, "mismatch");
    assertThat(o.code()).isNotZero();
    assertThat(o.text()).contains("FAILED rank 1: runs [model 1] but rank 0 runs [model 0]");
  }

  @Test
  void aHungRankIsNamed() throws Exception {
    Outcome o = mpirun(2, "hang");
    assertThat(o.code()).isNotZero();
    assertThat(o.failures())
        .containsExactly(
            "gatun: rank 1: did not arrive at all-reduce #1 within 2000 ms (hung or stopped?);"
                + " waiting: rank 0");
    assertThat(o.alive()).isEmpty();
  }

  @Test
  void aStoppedRankIsNamedByOneOfThoseThatWait() throws Exception {
    Outcome o = mpirun(3, "stop");
    assertThat(o.code()).isNotZero();
    assertThat(o.failures())
        .containsExactly(
            "gatun: rank 1: did not arrive at all-reduce #2 within 2000 ms (hung or stopped?);"
                + " waiting: rank 0, 2");
    assertThat(o.alive()).isEmpty();
  }

  @Test
  void aRankThatIsOnlyLateIsWaitedFor() throws Exception {
    Outcome o = mpirun(3, "late");
    assertThat(o.code()).as(o.text()).isZero();
    assertThat(o.text()).contains("OK 0", "OK 1", "OK 2");
  }

  @Test
  void aDeathEndsTheJobWithItsCode() throws Exception {
    assertThat(mpirun(2, "die").code()).isEqualTo(7);
  }

  @Test
  void aRankThatDoesNotJoinIsNamed() throws Exception {
    Outcome o = mpirun(3, "absent");
    assertThat(o.code()).isNotZero();
    assertThat(o.failures())
        .containsExactly(
            "gatun: rank 1: did not join the group of 3 ranks within 3 s; waiting: rank 0, 2");
    assertThat(o.alive()).isEmpty();
  }

  @Test
  void aRankThatLoadsLongerThanACollectiveWaitsIsWaitedFor() throws Exception {
    Outcome o = mpirun(3, "slow");
    assertThat(o.code()).as(o.text()).isZero();
    assertThat(o.text()).contains("OK 0", "OK 1", "OK 2");
    assertThat(o.text().lines().filter(l -> l.startsWith("WAITS ")))
        .containsExactly("WAITS rank 1 is still loading the model; waiting: rank 0, 2");
  }

  @Test
  void aRankThatNeverLoadsIsNamed() throws Exception {
    Outcome o = mpirun(2, "stuck");
    assertThat(o.code()).isNotZero();
    assertThat(o.failures())
        .singleElement()
        .asString()
        .startsWith("gatun: rank 1: is still loading the model 2000 ms after")
        .endsWith("waiting: rank 0");
    assertThat(o.alive()).isEmpty();
  }

  @Test
  void aDeathWhileOthersWaitForALoadEndsTheJob() throws Exception {
    Outcome o = mpirun(3, "crash");
    assertThat(o.code()).isEqualTo(7);
    assertThat(o.alive()).isEmpty();
  }

  private record Outcome(int code, String text) {
    List<String> failures() {
      return text.lines().filter(l -> l.startsWith("gatun: ")).toList();
    }

    /** Ranks that stay: mpirun may return a moment before the system has ended them. */
    List<Long> alive() throws InterruptedException {
      for (int i = 0; i < 100 && !present().isEmpty(); i++) {
        Thread.sleep(100);
      }
      return present();
    }

    private List<Long> present() {
      return text.lines()
          .filter(l -> l.startsWith("PID "))
          .map(l -> Long.valueOf(l.substring(4)))
          .filter(pid -> ProcessHandle.of(pid).isPresent())
          .toList();
    }
  }

  private static Outcome mpirun(int ranks, String scenario) throws Exception {
    List<String> command =
        new ArrayList<>(
            List.of("mpirun", "--oversubscribe", "--allow-run-as-root", "-np", "" + ranks));
    command.addAll(
        List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "--add-modules",
            "jdk.incubator.vector",
            "--enable-native-access=ALL-UNNAMED",
            "-XX:+UseSerialGC",
            "-Xmx128m",
            "-cp",
            System.getProperty("java.class.path"),
            MpiRank.class.getName(),
            scenario));
    Process p = new ProcessBuilder(command).redirectErrorStream(true).start();
    String text = new String(p.getInputStream().readAllBytes());
    assertThat(p.waitFor(60, TimeUnit.SECONDS)).isTrue();
    return new Outcome(p.exitValue(), text);
  }
}
