package org.gatun.opencl;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.gatun.attention.KvCodec;
import org.gatun.tensor.DType;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/**
 * All baseline kernels under Oclgrind's checks for data races, bounds, divergence, uninitialised
 * memory and API use: no report. A kernel with each fault shows that the check fires. How the
 * checked run differs from an ordinary one: {@link ClContext#CHECKED}.
 */
@Tag("slow")
class OclgrindTest {
  private static final Path LIBRARY = Path.of("/usr/lib/oclgrind/liboclgrind-rt.so");

  /** Case prefixes by suite: together they run every kernel, in every format it is built for. */
  private static final Map<String, List<String>> SUITES = suites();

  private static Map<String, List<String>> suites() {
    Map<String, List<String>> suites = new LinkedHashMap<>();
    suites.put(
        "elementwise", List.of("add", "rms_norm", "gated_act", "gather_rows", "rope", "embed"));
    suites.put("sample", List.of("sample"));
    for (DType t : DType.values()) {
      if (t.isWeight()) {
        String m = "matmul/" + t;
        suites.put(m, List.of(m + "/1x", m + "/3x", m + "/17x", "gated_" + m + "/GELU_TANH/1x"));
      }
    }
    suites.put("parts and bias", List.of("matmul/Q8_0/qkv_bias"));
    suites.put("gated", List.of("gated_matmul/Q8_0", "gated_matmul/Q6_K"));
    suites.put("gated, two formats", List.of("gated_matmul/Q4_K+Q6_K/1x"));
    suites.put("squeezed", List.of("attention_squeezed/h=2/1"));
    suites.put("block top-k", List.of("attention_blocktopk/h=2/1/d=32/k=2,0,1/F16"));
    suites.put("kv edits and masks", List.of("attention/tree", "attention/full", "attention/comp"));
    for (KvCodec c : KvCodec.values()) {
      suites.put("attention " + c, List.of("attention/h=8/2/d=128/w=20/cap=5.0/" + c));
    }
    return suites;
  }

  @TempDir Path dir;

  private record Outcome(int exit, String output, String reports) {}

  private Outcome oclgrind(String... args) throws IOException, InterruptedException {
    Assumptions.assumeTrue(
        Files.exists(LIBRARY), "no Oclgrind here (Debian: oclgrind); kernels were not checked");
    Path reports = dir.resolve("reports");
    Files.deleteIfExists(reports);
    ChildJvm child =
        ChildJvm.run(
            dir,
            Map.of(
                "OCLGRIND_DATA_RACES", "1",
                "OCLGRIND_UNINITIALIZED", "1",
                "OCLGRIND_NUM_THREADS", "1",
                "OCLGRIND_CHECK_API", "1",
                // Optimised IR has shuffles with undefined lanes, which crash Oclgrind 21.10.
                "OCLGRIND_BUILD_OPTIONS", "-cl-opt-disable",
                "OCLGRIND_LOG", reports.toString()),
            List.of("-Dgatun.library.opencl=" + LIBRARY, "-Dgatun.opencl.checked=true"),
            OclgrindRun.class.getName(),
            args);
    String log = Files.exists(reports) ? Files.readString(reports) : "";
    return new Outcome(child.exit(), child.output(), log);
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
                      Outcome o = oclgrind(args.toArray(String[]::new));
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
                      Outcome o = oclgrind("broken", kernel);
                      // API misuse is reported on standard error, all else in the log.
                      assertThat(o.reports() + o.output()).containsIgnoringCase(report);
                    })));
    return tests;
  }

  @Test
  void theCorrectedTwinHasNoReport() throws Exception {
    Outcome o = oclgrind("broken", "correct");
    assertThat(o.reports()).as(o.output()).isEmpty();
    assertThat(o.exit()).as(o.output()).isZero();
  }
}
