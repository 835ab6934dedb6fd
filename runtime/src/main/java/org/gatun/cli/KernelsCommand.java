package org.gatun.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.gatun.backend.suite.Lane;
import org.gatun.backend.suite.OpSuite;
import org.gatun.backend.suite.Regression;
import org.gatun.backend.suite.SuiteOptions;
import org.gatun.backend.suite.SuiteResult;
import org.gatun.backend.suite.TerminalTable;
import org.gatun.graph.spec.CaseRequest;
import org.gatun.graph.spec.OpCase;
import org.gatun.graph.spec.OpSpec;
import org.gatun.graph.spec.OpSpecs;
import org.gatun.kernel.KernelRegression;
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
      description = "Run the registry's cases in lanes: backends on devices, some under checkers.",
      mixinStandardHelpOptions = true,
      footer = {
        "",
        "Examples:",
        "  gatun kernels test --backend jvm --op matmul --format Q4_K",
        "  gatun kernels test --tier full --html report.html --xml report.xml",
        "  gatun kernels test --kernels examples.NaiveGemm     # kernels of your own"
      })
  static final class Test implements Callable<Integer> {
    @Option(
        names = "--backend",
        split = ",",
        description = "Lanes to run, such as jvm, opencl, oclgrind, cuda (default: all).")
    private List<String> lanes = new ArrayList<>();

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

    @Option(
        names = "--jobs",
        description = "Lanes at a time (default: ${DEFAULT-VALUE}).",
        defaultValue = "2")
    private int jobs;

    @Option(names = "--scratch", description = "Folder for logs (default: a temporary one).")
    private @Nullable Path scratch;

    @Option(names = "--baselines", description = "Folder of counters to compare with, exactly.")
    private @Nullable Path baselines;

    @Option(names = "--update-baselines", description = "Make what was counted the baselines.")
    private boolean update;

    @Option(names = "--kernels", description = "Run this KernelSuite instead of the registry.")
    private @Nullable String kernels;

    @Option(
        names = "--beside",
        description = "Folder of another build's jars: report times beside it.")
    private @Nullable Path beside;

    @Option(names = "--child", hidden = true, description = "Run this lane in this process.")
    private @Nullable String child;

    @Option(names = "--rows", hidden = true, description = "Where a lane's process puts its rows.")
    private @Nullable Path rows;

    /** An op or case that does not exist would run nothing and pass. */
    private static void checkNames(SuiteOptions o) {
      List<String> ops = OpSpecs.all().stream().map(OpSpec::name).toList();
      String op = o.op();
      if (op != null && ops.stream().noneMatch(n -> n.contains(op))) {
        throw new UsageException("no op '" + op + "'; there are " + String.join(", ", ops));
      }
      String id = o.caseId();
      CaseRequest all = new CaseRequest(true, o.seed(), o.formats());
      if (id != null
          && OpSpecs.all().stream()
              .flatMap(s -> s.cases(all).stream())
              .noneMatch(c -> c.id().equals(id))) {
        throw new UsageException(
            "no case '" + id + "' in these formats; `gatun kernels list --tier full` names all");
      }
    }

    @Override
    public Integer call() throws IOException, InterruptedException {
      SuiteOptions options =
          new SuiteOptions(
              op,
              formats.isEmpty() ? SuiteOptions.allFormats() : formats,
              caseId,
              tier == Tier.FULL,
              seed);
      if (kernels == null && child == null) {
        checkNames(options);
      }
      List<Lane> all =
          kernels == null
              ? Lanes.all()
              : KernelRegression.lanes(KernelRegression.instance(kernels));
      if (child != null && rows != null) {
        Lanes.run(Lanes.named(all, child), options, kernels, rows);
        return 0;
      }
      Path folder = scratch == null ? Files.createTempDirectory("gatun-kernels") : scratch;
      Regression regression =
          new Regression(
              new Regression.Plan(
                  lanes.isEmpty() ? all : lanes.stream().map(n -> Lanes.named(all, n)).toList(),
                  options,
                  Main.class.getName(),
                  kernels == null
                      ? Regression.arguments(options)
                      : KernelRegression.arguments(kernels, caseId),
                  folder,
                  jobs,
                  baselines,
                  beside),
              line -> System.err.println("gatun: " + line));
      SuiteResult result = regression.run();
      if (result.rows().stream().allMatch(r -> r.result().status() == OpSuite.Status.REFUSED)) {
        System.err.println(
            "gatun: no case ran; `gatun kernels list` shows the cases, `gatun devices` the backends");
      }
      System.out.print(TerminalTable.of(result));
      Regression.write(result, html, xml);
      if (update) {
        if (result.count(OpSuite.Status.FAIL) > 0) {
          System.err.println("gatun: baselines are not updated while cases fail");
          return 1;
        }
        if (baselines == null) {
          throw new UsageException("--update-baselines needs --baselines FOLDER");
        }
        Regression.update(result, baselines, options.unfiltered())
            .forEach(l -> System.out.println("baselines: " + l));
        return 0;
      }
      return result.passed() ? 0 : 1;
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
