package org.gatun.kernel;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.gatun.backend.suite.Lane;
import org.gatun.backend.suite.Regression;
import org.gatun.backend.suite.SuiteOptions;
import org.gatun.backend.suite.SuiteResult;
import org.jspecify.annotations.Nullable;

/**
 * Runs a {@link KernelSuite} in every lane that takes its files: results against the reference, the
 * checkers, the counters beside baselines. {@code gatun kernels test --kernels CLASS} is the same.
 */
public final class KernelRegression {
  private KernelRegression() {}

  /**
   * Runs a suite.
   *
   * @param suite a class with a public constructor without arguments, on the class path
   * @param scratch folder for logs, rows, {@code report.html} and {@code report.xml}
   * @param baselines folder of counters to compare with; null for none
   * @param device changes lanes before they run (the place of a driver, say)
   * @param log is told how it goes on
   */
  public static SuiteResult run(
      Class<? extends KernelSuite> suite,
      Path scratch,
      @Nullable Path baselines,
      UnaryOperator<Lane> device,
      Consumer<String> log)
      throws IOException, InterruptedException {
    SuiteResult result =
        new Regression(
                new Regression.Plan(
                    lanes(instance(suite.getName())).stream().map(device).toList(),
                    SuiteOptions.QUICK,
                    "org.gatun.cli.Main",
                    arguments(suite.getName(), null),
                    scratch,
                    1,
                    baselines,
                    null),
                log)
            .run();
    Regression.write(result, scratch.resolve("report.html"), scratch.resolve("report.xml"));
    return result;
  }

  /** What the command line's main is told to run a suite in one lane. */
  public static List<String> arguments(String suite, @Nullable String caseId) {
    List<String> args = new ArrayList<>(List.of("kernels", "test", "--kernels", suite));
    if (caseId != null) {
      args.addAll(List.of("--case", caseId));
    }
    args.add("--child");
    return args;
  }

  /**
   * Makes what a run counted the new baselines.
   *
   * @return a line per lane whose file changed
   */
  public static List<String> update(SuiteResult result, Path baselines) throws IOException {
    return Regression.update(result, baselines, true);
  }

  /** Lanes that take at least one file of the suite. */
  public static List<Lane> lanes(KernelSuite suite) {
    List<KernelCase> cases = suite.cases();
    return KernelHost.all().stream()
        .filter(
            h -> cases.stream().anyMatch(c -> h.takes(String.valueOf(c.source().getFileName()))))
        .flatMap(h -> h.lanes().stream())
        .toList();
  }

  /** A suite by its class's name. */
  public static KernelSuite instance(String className) {
    try {
      return Class.forName(className)
          .asSubclass(KernelSuite.class)
          .getDeclaredConstructor()
          .newInstance();
    } catch (ReflectiveOperationException | ClassCastException e) {
      throw new IllegalArgumentException(
          className + " is no KernelSuite with a public constructor on the class path: " + e, e);
    }
  }
}
