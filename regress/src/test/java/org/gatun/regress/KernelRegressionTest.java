package org.gatun.regress;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.gatun.backend.Backends;
import org.gatun.backend.suite.Lane;
import org.gatun.backend.suite.OpSuite;
import org.gatun.backend.suite.Regression;
import org.gatun.backend.suite.SuiteOptions;
import org.gatun.backend.suite.SuiteResult;
import org.gatun.backend.suite.SuiteRow;
import org.gatun.tensor.DType;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.DynamicContainer;
import org.junit.jupiter.api.DynamicNode;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestFactory;

/**
 * The kernel suite as JUnit tests, a row each: {@code ci/regress --junit} runs it with its filters
 * as system properties ({@code gatun.regress.tier}, {@code .lanes}, {@code .op}, {@code .formats},
 * {@code .seed}).
 */
@Tag("regress")
class KernelRegressionTest {
  private static String property(String name, String otherwise) {
    String v = System.getProperty("gatun.regress." + name, "");
    return v.isEmpty() ? otherwise : v;
  }

  @TestFactory
  Stream<DynamicNode> lanes() throws Exception {
    String formats = property("formats", "");
    SuiteOptions options =
        new SuiteOptions(
            property("op", "").isEmpty() ? null : property("op", ""),
            formats.isEmpty()
                ? SuiteOptions.allFormats()
                : Stream.of(formats.split(",")).map(DType::valueOf).toList(),
            null,
            property("tier", "quick").toLowerCase(Locale.ROOT).equals("full"),
            Long.parseLong(property("seed", "" + SuiteOptions.DEFAULT_SEED)));
    List<String> wanted = List.of(property("lanes", "jvm,opencl,opencl-gpu,cuda").split(","));
    List<Lane> lanes =
        Backends.all().stream()
            .flatMap(p -> p.lanes().stream())
            .filter(l -> wanted.contains(l.name()))
            .map(Devices::here)
            .toList();
    SuiteResult r = new Regression(plan(lanes, options), line -> {}).run();
    return lanes.stream()
        .map(
            l ->
                DynamicContainer.dynamicContainer(
                    l.name(),
                    r.rows().stream()
                        .filter(row -> row.lane().equals(l.name()))
                        .map(row -> test(row, r))));
  }

  private static Regression.Plan plan(List<Lane> lanes, SuiteOptions o) {
    return new Regression.Plan(
        lanes,
        o,
        "org.gatun.cli.Main",
        Regression.arguments(o),
        Path.of("target/regress"),
        2,
        Devices.ROOT.resolve("ci/baselines"),
        null);
  }

  private static DynamicTest test(SuiteRow row, SuiteResult all) {
    return DynamicTest.dynamicTest(
        row.result().caseId(),
        () -> {
          Assumptions.assumeTrue(
              row.result().status() != OpSuite.Status.REFUSED, row.result().detail());
          assertThat(row.result().status())
              .as(row.result().detail() + "; replay: " + all.replay(row))
              .isEqualTo(OpSuite.Status.PASS);
        });
  }
}
