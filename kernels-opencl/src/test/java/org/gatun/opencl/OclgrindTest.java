package org.gatun.opencl;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/**
 * All baseline kernels under Oclgrind's checks for data races, bounds, divergence and API use, and
 * some for uninitialised memory: no report. A kernel with each fault shows that the check fires.
 */
@Tag("slow")
class OclgrindTest {
  private static final Path LIBRARY = Path.of("/usr/lib/oclgrind/liboclgrind-rt.so");

  /** Cases whose kernels together cover every source file; K-quants stand for their kin. */
  private static final Map<String, List<String>> SUITES =
      Map.of(
          "elementwise", List.of("add", "rms_norm", "gated_act", "gather_rows", "rope", "sample"),
          "embed", List.of("embed"),
          "matmul", List.of("matmul/F32", "matmul/F16", "matmul/Q8_0/1x", "matmul/Q5_1/3x"),
          "matmul_k", List.of("matmul/Q4_K/3x", "matmul/Q6_K/3x", "matmul/Q3_K/1x"),
          "gated", List.of("gated_matmul/Q8_0/GELU_TANH"),
          "attention", List.of("attention/tree", "attention/full_mask", "attention/compacted"));

  @TempDir Path dir;

  private record Outcome(int exit, String output, String reports) {}

  /**
   * Suites under the check for uninitialised memory too. Elsewhere Oclgrind 21.10 reports values
   * that are written (vectors passed to functions, selected vectors); why is not settled for each,
   * so those suites run without it and count as not checked for it.
   */
  private static final List<String> UNINITIALISED = List.of("embed");

  private Outcome oclgrind(boolean uninitialised, String... args)
      throws IOException, InterruptedException {
    Assumptions.assumeTrue(
        Files.exists(LIBRARY), "no Oclgrind here (Debian: oclgrind); kernels were not checked");
    Path reports = dir.resolve("reports");
    Path output = dir.resolve("output");
    Files.deleteIfExists(reports);
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(
        List.of(
            "--add-modules",
            "jdk.incubator.vector",
            "--enable-native-access=ALL-UNNAMED",
            "-Dgatun.library.opencl=" + LIBRARY,
            "-Dgatun.opencl.checked=true",
            "-cp",
            System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
            OclgrindRun.class.getName()));
    command.addAll(List.of(args));
    ProcessBuilder builder = new ProcessBuilder(command);
    if (uninitialised) {
      builder.environment().put("OCLGRIND_UNINITIALIZED", "1");
    }
    builder
        .environment()
        .putAll(
            Map.of(
                "OCLGRIND_DATA_RACES", "1",
                "OCLGRIND_NUM_THREADS", "1",
                "OCLGRIND_CHECK_API", "1",
                // Optimised IR has shuffles with undefined lanes, which crash Oclgrind 21.10.
                "OCLGRIND_BUILD_OPTIONS", "-cl-opt-disable",
                "OCLGRIND_LOG", reports.toString()));
    Process p = builder.redirectErrorStream(true).redirectOutput(output.toFile()).start();
    assertThat(p.waitFor(600, TimeUnit.SECONDS)).as("ends within ten minutes").isTrue();
    String log = Files.exists(reports) ? Files.readString(reports) : "";
    return new Outcome(p.exitValue(), Files.readString(output), log);
  }

  @TestFactory
  List<DynamicTest> noReports() {
    List<DynamicTest> tests = new ArrayList<>();
    SUITES.forEach(
        (name, prefixes) -> {
          for (String tiles : List.of("cpu", "gpu")) {
            List<String> args = new ArrayList<>(List.of("suite", tiles));
            args.addAll(prefixes);
            tests.add(
                DynamicTest.dynamicTest(
                    name + ", " + tiles + " tiles",
                    () -> {
                      Outcome o =
                          oclgrind(UNINITIALISED.contains(name), args.toArray(String[]::new));
                      assertThat(o.reports()).as(o.output()).isEmpty();
                      assertThat(o.output()).doesNotContain("OpenCL runtime error");
                      assertThat(o.exit()).as(o.output()).isZero();
                    }));
          }
        });
    return tests;
  }

  @TestFactory
  List<DynamicTest> everyCheckFires() {
    Map<String, String> expected =
        Map.of(
            "race", "data race at local memory",
            "global_race", "data race at global memory",
            "uninitialised", "Uninitialized",
            "out_of_bounds", "Invalid write",
            "divergence", "divergence",
            "api", "OpenCL runtime error detected");
    List<DynamicTest> tests = new ArrayList<>();
    expected.forEach(
        (kernel, report) ->
            tests.add(
                DynamicTest.dynamicTest(
                    kernel,
                    () -> {
                      Outcome o = oclgrind(true, "broken", kernel);
                      // API misuse is reported on standard error, all else in the log.
                      assertThat(o.reports() + o.output()).containsIgnoringCase(report);
                    })));
    return tests;
  }

  @Test
  void theCorrectedTwinHasNoReport() throws Exception {
    Outcome o = oclgrind(true, "broken", "correct");
    assertThat(o.reports()).as(o.output()).isEmpty();
    assertThat(o.exit()).as(o.output()).isZero();
  }
}
