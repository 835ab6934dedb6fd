package org.gatun.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;

import java.io.IOException;
import java.io.OutputStream;
import java.lang.ProcessBuilder.Redirect;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.gatun.generate.golden.GoldenFiles;
import org.gatun.generate.golden.RanksBehindPrefix;
import org.gatun.generate.golden.RanksText;
import org.gatun.model.SpeedModel;
import org.gatun.prefix.PrefixFile;
import org.gatun.store.ModelStore;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** {@code gatun run} over JVM ranks, however they were started, prints what one rank prints. */
class RankProcessesTest {
  /** How ranks come to be. */
  enum Start {
    /** Threads of one process. */
    THREADS,
    /** Processes of our launcher, over shared memory. */
    PROCESSES,
    /** Processes of mpirun; on one host they talk over shared memory. */
    MPIRUN,
    /** Processes of mpirun that talk over MPI, as they do on several hosts. */
    MPI
  }

  private static final List<String> GREEDY = List.of("--temp", "0");
  private static final List<String> DRAWN =
      List.of("--temp", "1.2", "--top-k", "40", "--repeat-penalty", "1.2", "--seed", "7");

  /** Thread ranks have a test of their own, without processes. */
  @Test
  void tinyModelGreedyAndDrawn() throws Exception {
    String tiny = new RanksText.Case("llama", 2).model().toString();
    String drawn = text(Start.PROCESSES, 1, tiny, DRAWN, 8);
    assertThat(text(Start.PROCESSES, 2, tiny, DRAWN, 8)).isEqualTo(drawn).isNotBlank();
    if (hasMpirun()) {
      assertThat(text(Start.MPIRUN, 2, tiny, DRAWN, 8)).isEqualTo(drawn);
    }
    assertThat(text(Start.PROCESSES, 2, tiny, GREEDY, 8))
        .isEqualTo(text(Start.PROCESSES, 1, tiny, GREEDY, 8))
        .isNotEqualTo(drawn);
  }

  @Test
  void standardInputIsReadOnceForAllRanks() throws Exception {
    String tiny = new RanksText.Case("llama", 2).model().toString();
    List<String> converse = List.of("run", "-i", "-n", "5", "--temp", "0");
    List<String> piped = List.of("run", "-f", "-", "-n", "5", "--temp", "0", "--raw");
    String lines = output(Start.PROCESSES, 1, tiny, converse, "hello\nwell\n");
    assertThat(lines.lines()).hasSizeGreaterThanOrEqualTo(2);
    assertThat(output(Start.PROCESSES, 2, tiny, converse, "hello\nwell\n")).isEqualTo(lines);
    if (hasMpirun()) {
      assertThat(output(Start.MPI, 2, tiny, converse, "hello\nwell\n")).isEqualTo(lines);
      assertThat(output(Start.MPIRUN, 2, tiny, piped, "hello"))
          .isEqualTo(output(Start.PROCESSES, 1, tiny, piped, "hello"))
          .isNotBlank();
    }
  }

  @Test
  void behindAPrefixProcessesSayWhatOneDoes(@TempDir Path dir) throws Exception {
    Path tiny = new RanksText.Case("llama", 2).model();
    Path file = dir.resolve("doc.prefix");
    try (Arena arena = Arena.ofShared()) {
      PrefixFile.write(RanksBehindPrefix.build(tiny, 190, arena), file);
    }
    List<String> drawn =
        List.of(
            "run",
            "-p",
            "Once",
            "-n",
            "8",
            "-c",
            "256",
            "--temp",
            "1.2",
            "--seed",
            "7",
            "--prefix",
            file.toString());
    String one = output(Start.PROCESSES, 1, tiny.toString(), drawn, "");
    assertThat(output(Start.PROCESSES, 2, tiny.toString(), drawn, "")).isEqualTo(one).isNotBlank();
    if (hasMpirun()) {
      assertThat(output(Start.MPI, 2, tiny.toString(), drawn, "")).isEqualTo(one);
    }
  }

  static Stream<Arguments> ranks() {
    return Stream.of(Start.values())
        .flatMap(s -> Stream.of(2, 4).map(ranks -> Arguments.of(s, ranks)));
  }

  @ParameterizedTest
  @Tag("slow")
  @MethodSource("ranks")
  void realModel(Start how, int ranks) throws Exception {
    Path file = GoldenFiles.realModel().orElse(null);
    Assumptions.assumeTrue(file != null, "the default model is not here: run `gatun models pull`");
    for (List<String> sampling : List.of(GREEDY, DRAWN)) {
      assertThat(text(how, ranks, file.toString(), sampling, 24))
          .isEqualTo(text(how, 1, file.toString(), sampling, 24))
          .isNotBlank();
    }
    logitsAreOneRanks(how, ranks, file.toString());
  }

  /** The speed model's shape; it is written (1.3 GB) if no benchmark has done so. */
  @ParameterizedTest
  @Tag("slow")
  @MethodSource("ranks")
  void speedModel(Start how, int ranks) throws Exception {
    Path file = SpeedModel.Q8_0.ensure(ModelStore.defaultHome(), (what, done, total) -> {});
    assertThat(text(how, ranks, file.toString(), GREEDY, 8))
        .isEqualTo(text(how, 1, file.toString(), GREEDY, 8))
        .isNotBlank();
    logitsAreOneRanks(how, ranks, file.toString());
  }

  /** Whole logits of every position, teacher-forced: the perplexity of a text. */
  private static void logitsAreOneRanks(Start how, int ranks, String model) throws Exception {
    Path start = Files.createTempFile("gatun", ".txt");
    try {
      Files.writeString(
          start,
          """
          Alice was beginning to get very tired of sitting by her sister on the bank, and of having
          nothing to do.""");
      List<String> score = List.of("perplexity", "-f", start.toString());
      double whole = perplexity(output(how, 1, model, score, ""));
      assertThat(perplexity(output(how, ranks, model, score, "")))
          .isCloseTo(whole, withinPercentage(0.05));
    } finally {
      Files.delete(start);
    }
  }

  private static double perplexity(String line) {
    assertThat(line).matches("perplexity [0-9.]+ over [0-9]+ tokens\\s*");
    return Double.parseDouble(line.split(" ")[1]);
  }

  private static String text(Start how, int ranks, String model, List<String> sampling, int tokens)
      throws Exception {
    List<String> args = new ArrayList<>(List.of("run", "-p", "Once upon a time", "--raw"));
    args.addAll(List.of("-n", "" + tokens));
    args.addAll(sampling);
    return output(how, ranks, model, args, "");
  }

  private static String output(Start how, int ranks, String model, List<String> args, String input)
      throws Exception {
    List<String> command = new ArrayList<>();
    boolean mpi = (how == Start.MPIRUN || how == Start.MPI) && ranks > 1;
    if (mpi) {
      Assumptions.assumeTrue(hasMpirun(), "no mpirun");
      command.addAll(
          List.of("mpirun", "--oversubscribe", "--allow-run-as-root", "-np", "" + ranks));
      // Ranks may be more than cores.
      command.addAll(List.of("--mca", "mpi_yield_when_idle", "1"));
    }
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("--add-modules", "jdk.incubator.vector", "-Xlog:disable"));
    command.addAll(List.of("--enable-native-access=ALL-UNNAMED", "-XX:+UseSerialGC"));
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), Main.class.getName()));
    if (mpi) {
      command.addAll(List.of("launch", "--tp", "" + ranks));
      command.addAll(how == Start.MPI ? List.of("--comm", "mpi", "--") : List.of("--"));
    }
    command.addAll(args);
    command.addAll(List.of("--backend", "jvm", "-m", model, "--kv", "f32", "-t", "1"));
    command.addAll(args.contains("-c") ? List.of() : List.of("-c", "64"));
    if (ranks > 1 && !mpi) {
      command.addAll(List.of("--tp", "" + ranks));
    }
    ProcessBuilder b = new ProcessBuilder(command).redirectError(Redirect.INHERIT);
    b.environment().put("GATUN_RANKS", how == Start.THREADS ? "threads" : "processes");
    Process p = b.start();
    try (OutputStream in = p.getOutputStream()) {
      in.write(input.getBytes(StandardCharsets.UTF_8));
    }
    String out = new String(p.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(p.waitFor()).as("exit code of %s over %d", how, ranks).isZero();
    return out;
  }

  private static boolean hasMpirun() throws InterruptedException {
    try {
      return new ProcessBuilder("mpirun", "--version")
              .redirectOutput(Redirect.DISCARD)
              .start()
              .waitFor()
          == 0;
    } catch (IOException e) {
      return false;
    }
  }
}
