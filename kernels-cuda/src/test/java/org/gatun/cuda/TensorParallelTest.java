package org.gatun.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.ProcessBuilder.Redirect;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.gatun.backend.BackendException;
import org.gatun.bindings.NativeLibrary;
import org.gatun.generate.Engine;
import org.gatun.generate.EngineOptions;
import org.gatun.generate.golden.GoldenFiles;
import org.gatun.generate.golden.RanksBehindPrefix;
import org.gatun.generate.golden.RanksLogits;
import org.gatun.generate.golden.RanksText;
import org.gatun.model.SpeedModel;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Ranks that are threads of this process, a device each, give the single rank's text. */
class TensorParallelTest {
  private static final Path TINY = Path.of("../runtime/src/test/resources/goldens/tiny");
  private static final int TOKENS = 6;

  @BeforeEach
  void devices() {
    Gpu.requireSeveral(4);
  }

  static Stream<Arguments> models() {
    return Stream.of(
        Arguments.of("llama", 2, "true"),
        Arguments.of("llama", 4, "true"),
        Arguments.of("llama", 2, "false"),
        // One KV head, which all ranks share; the norm comes before the residual.
        Arguments.of("gemma3", 2, "true"),
        Arguments.of("qwen2", 2, "true"));
  }

  @ParameterizedTest(name = "{0}, {1} ranks, graphs {2}")
  @MethodSource("models")
  void greedyTextIsThatOfOneRank(String family, int ranks, String graphs) {
    Path model = TINY.resolve(family).resolve("model.gguf");
    System.setProperty(CudaProgram.GRAPHS, graphs);
    try {
      assertThat(run(model, ranks)).isEqualTo(run(model, 1));
    } finally {
      System.clearProperty(CudaProgram.GRAPHS);
    }
  }

  private static List<Integer> run(Path model, int ranks) {
    return RanksText.greedy("cuda", model, ranks, TOKENS);
  }

  @Test
  void moreRanksThanDevicesAreRefusedInOneLine() {
    Path model = TINY.resolve("llama/model.gguf");
    assertThatThrownBy(
            () ->
                Engine.load(
                    EngineOptions.of(model)
                        .withBackend("cuda", "0,1,2,77", 0)
                        .withContext(64, 1)
                        .withThreadRanks(4)))
        .isInstanceOf(BackendException.class)
        .hasMessageStartingWith("no CUDA device 77")
        .hasMessageNotContaining("\n");
  }

  @Test
  void theLauncherStartsRanksAsThreadsAndPrintsTheSameText() throws Exception {
    String whole = gatun("run", "--backend", "cuda");
    assertThat(gatun("launch", "--tp", "2", "--backend", "cuda", "--", "run"))
        .isEqualTo(whole)
        .isNotBlank();
    assertThat(gatun("launch", "--tp", "2", "--devices", "3,1", "--", "run", "--backend", "cuda"))
        .isEqualTo(whole);
  }

  /** Standard output of a command line in a process of its own. */
  private static String gatun(String... args) throws Exception {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("--add-modules", "jdk.incubator.vector"));
    command.addAll(List.of("--enable-native-access=ALL-UNNAMED", "-XX:TieredStopAtLevel=1"));
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), "org.gatun.cli.Main"));
    command.addAll(List.of(args));
    command.addAll(List.of("-m", TINY.resolve("llama/model.gguf").toString()));
    command.addAll(List.of("-p", "Once upon a time", "--raw", "--temp", "0", "-n", "5"));
    command.addAll(List.of("-c", "64", "--kv", "f32"));
    ProcessBuilder builder = new ProcessBuilder(command).redirectError(Redirect.INHERIT);
    NativeLibrary.Status cuda = NativeLibrary.CUDA.load();
    builder
        .environment()
        .put(
            NativeLibrary.CUDA.environmentVariable(),
            ((NativeLibrary.Status.Loaded) cuda).path().toString());
    Process p = builder.start();
    p.getOutputStream().close();
    String out = new String(p.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(p.waitFor()).as("exit code of %s", String.join(" ", args)).isZero();
    return out;
  }

  @Test
  void behindAPrefixRanksPruneAsOneRankDoes() {
    Path model = TINY.resolve("llama/model.gguf");
    assertThat(RanksBehindPrefix.of("cuda", model, 190, 0.5, 4, 2))
        .singleElement()
        .matches(RanksLogits.Difference::holds);
    assertThat(RanksBehindPrefix.of("cuda", model, 190, 0, 2, 4))
        .singleElement()
        .matches(RanksLogits.Difference::holds);
  }

  @Test
  @Tag("slow")
  void theRealModelAnswersAsOneRankDoes() {
    Path model = GoldenFiles.realModel().orElse(null);
    Assumptions.assumeTrue(model != null, "the default model is not here: gatun models pull");
    logitsAreThoseOfOneRank(model);
  }

  /** Two layers of the speed model's exact shape; 16,384 of its 128,256 ids. */
  @Test
  @Tag("slow")
  void theSpeedModelsShapeAnswersAsOneRankDoes(@TempDir Path dir) {
    Path model = dir.resolve("speed.gguf");
    SpeedModel.Q8_0.write(model, 2, 16_384);
    logitsAreThoseOfOneRank(model);
  }

  /** A step of three tokens and four of one: the virtual GPU takes long for each. */
  private static void logitsAreThoseOfOneRank(Path model) {
    assertThat(RanksLogits.of("cuda", model, 3, 2, 2, 4))
        .hasSize(2)
        .allMatch(RanksLogits.Difference::holds);
  }
}
