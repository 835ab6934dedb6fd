package org.gatun.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.gatun.backend.BackendProvider;
import org.gatun.backend.Backends;
import org.gatun.backend.suite.OpSuite;
import org.gatun.backend.suite.SuiteOptions;
import org.gatun.backend.suite.SuiteReport;
import org.gatun.backend.suite.SuiteRow;
import org.gatun.backend.suite.SuiteRunner;
import org.gatun.graph.spec.CaseRequest;
import org.gatun.graph.spec.OpCase;
import org.gatun.graph.spec.OpSpec;
import org.gatun.graph.spec.OpSpecs;
import org.gatun.tensor.DType;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code gatun kernels}: holds every kernel of every backend to the float64 definitions. */
@Command(
    name = "kernels",
    description = "Test kernels against the float64 definitions, or measure them.",
    mixinStandardHelpOptions = true,
    subcommands = {
      KernelsCommand.Test.class,
      KernelsCommand.ListCases.class,
      AttentionBenchCommand.class
    })
final class KernelsCommand implements Runnable {
  /** A tier of the suite. */
  enum Tier {
    QUICK,
    FULL
  }

  @Override
  public void run() {
    picocli.CommandLine.usage(this, System.out);
  }

  /** Runs cases. */
  @Command(
      name = "test",
      description = "Run the registry's cases on backends.",
      mixinStandardHelpOptions = true,
      footer = {
        "",
        "Examples:",
        "  gatun kernels test --backend jvm --op matmul --format Q4_K",
        "  gatun kernels test --tier full --html report.html --xml report.xml"
      })
  static final class Test implements Callable<Integer> {
    @Option(
        names = "--backend",
        split = ",",
        description = "Backends to test (default: all that are there).")
    private List<String> backends = new ArrayList<>();

    @Option(names = "--op", description = "Only ops whose name contains this.")
    private @Nullable String op;

    @Option(names = "--format", split = ",", description = "Only these weight formats.")
    private List<DType> formats = new ArrayList<>();

    @Option(names = "--case", description = "Only the case of this id.")
    private @Nullable String caseId;

    @Option(
        names = "--tier",
        description = "quick or full (default: ${DEFAULT-VALUE}).",
        defaultValue = "quick")
    private Tier tier = Tier.QUICK;

    @Option(
        names = "--seed",
        description = "Of all random content (default: ${DEFAULT-VALUE}).",
        defaultValue = "42")
    private long seed;

    @Option(names = "--html", description = "Write one self-contained page.")
    private @Nullable Path html;

    @Option(names = "--xml", description = "Write JUnit XML.")
    private @Nullable Path xml;

    @Override
    public Integer call() throws IOException {
      List<BackendProvider> providers =
          backends.isEmpty()
              ? Backends.all().stream().filter(p -> !p.name().equals("reference")).toList()
              : backends.stream().map(Backends::named).toList();
      SuiteOptions options =
          new SuiteOptions(
              providers,
              op,
              formats.isEmpty() ? SuiteOptions.allFormats() : formats,
              caseId,
              tier == Tier.FULL,
              seed);
      int[] done = {0};
      List<SuiteRow> rows = new SuiteRunner(options, r -> progress(r, ++done[0])).run();
      if (rows.stream().noneMatch(r -> r.result().status() != OpSuite.Status.REFUSED)) {
        System.err.println(
            "gatun: no case ran; `gatun kernels list` shows the cases, `gatun devices` the backends");
      }
      SuiteReport report = new SuiteReport(rows, seed);
      System.out.print(report.table());
      write(report);
      return report.passed() ? 0 : 1;
    }

    private void write(SuiteReport report) throws IOException {
      for (Path p : new Path[] {html, xml}) {
        if (p != null && p.toAbsolutePath().getParent() != null) {
          Files.createDirectories(p.toAbsolutePath().getParent());
        }
      }
      if (html != null) {
        report.writeHtml(html);
      }
      if (xml != null) {
        report.writeXml(xml);
      }
    }

    private static void progress(SuiteRow r, int done) {
      if (r.result().status() == OpSuite.Status.FAIL) {
        System.err.println("gatun: FAIL " + r.backend() + " " + r.result().caseId());
      } else if (done % 200 == 0) {
        System.err.println("gatun: " + done + " cases");
      }
    }
  }

  /** Lists cases. */
  @Command(
      name = "list",
      description = "List the cases of a tier.",
      mixinStandardHelpOptions = true)
  static final class ListCases implements Callable<Integer> {
    @Option(
        names = "--tier",
        description = "quick or full (default: ${DEFAULT-VALUE}).",
        defaultValue = "quick")
    private Tier tier = Tier.QUICK;

    @Override
    public Integer call() {
      CaseRequest q =
          new CaseRequest(tier == Tier.FULL, SuiteOptions.DEFAULT_SEED, SuiteOptions.allFormats());
      for (OpSpec s : OpSpecs.all()) {
        for (OpCase c : s.cases(q)) {
          System.out.println(c.id());
        }
      }
      return 0;
    }
  }
}
