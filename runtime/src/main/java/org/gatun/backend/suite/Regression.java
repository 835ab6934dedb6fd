package org.gatun.backend.suite;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Consumer;
import org.gatun.tensor.DType;
import org.jspecify.annotations.Nullable;

/** A whole run: lanes in processes of their own, several at a time, then the gate. */
public final class Regression {
  private static final int ROUNDS = 3;

  private final Plan plan;
  private final Consumer<String> log;

  /**
   * What to run.
   *
   * @param lanes in the order of the report
   * @param options which cases
   * @param mainClass the main of a lane's process; see {@link LaneProcess#run}
   * @param arguments how it is told what to run; the lane's name follows
   * @param scratch folder for logs and rows
   * @param jobs processes at a time
   * @param baselines folder of committed counters; null for no gate
   * @param otherLib folder of another build's jars, to compare times with; null for none
   */
  public record Plan(
      List<Lane> lanes,
      SuiteOptions options,
      String mainClass,
      List<String> arguments,
      Path scratch,
      int jobs,
      @Nullable Path baselines,
      @Nullable Path otherLib) {}

  /** What the command line's main is told to run these cases of the registry in one lane. */
  public static List<String> arguments(SuiteOptions o) {
    List<String> args = new ArrayList<>(List.of("kernels", "test"));
    args.addAll(List.of("--tier", o.full() ? "full" : "quick", "--seed", Long.toString(o.seed())));
    if (o.op() != null) {
      args.addAll(List.of("--op", o.op()));
    }
    if (o.caseId() != null) {
      args.addAll(List.of("--case", o.caseId()));
    }
    if (!o.formats().equals(SuiteOptions.allFormats())) {
      args.addAll(
          List.of("--format", String.join(",", o.formats().stream().map(DType::name).toList())));
    }
    args.add("--child");
    return args;
  }

  /** A run that tells {@code log} how it goes on. */
  public Regression(Plan plan, Consumer<String> log) {
    this.plan = plan;
    this.log = log;
  }

  /** Runs all lanes. */
  public SuiteResult run() throws IOException, InterruptedException {
    Map<String, List<SuiteRow>> rows = lanes();
    List<Gate.Outcome> gates = new ArrayList<>();
    Path baselines = plan.baselines();
    if (baselines != null) {
      for (Lane l : plan.lanes()) {
        List<SuiteRow> mine = rows.getOrDefault(l.name(), List.of());
        Baselines b = Baselines.read(baselines, l.name());
        if (b != null || mine.stream().anyMatch(r -> !r.evidence().kernels().isEmpty())) {
          gates.add(Gate.compare(b, l.name(), mine, plan.options().seed(), complete(mine)));
        }
      }
    }
    SuiteOptions o = plan.options();
    return new SuiteResult(
        rows.values().stream().flatMap(List::stream).toList(),
        gates,
        plan.otherLib() == null ? List.of() : ratios(plan.otherLib()),
        (o.full() ? "full" : "quick") + " tier, seed " + o.seed(),
        o.seed());
  }

  private boolean complete(List<SuiteRow> rows) {
    return plan.options().unfiltered() && ran(rows);
  }

  /** Whether the lane ran to its end. */
  private static boolean ran(List<SuiteRow> rows) {
    return rows.stream().noneMatch(r -> r.result().caseId().startsWith("("));
  }

  /**
   * Makes what a run counted the new baselines. Lanes that did not run, or were not watched, keep
   * theirs.
   *
   * @param folder of the baselines
   * @param complete whether cases with baselines that did not run are gone
   * @return a line per lane whose file changed
   */
  public static List<String> update(SuiteResult result, Path folder, boolean complete)
      throws IOException {
    List<String> changed = new ArrayList<>();
    for (Gate.Outcome g : result.gates()) {
      List<SuiteRow> rows = result.rows().stream().filter(r -> r.lane().equals(g.lane())).toList();
      Baselines now = Baselines.of(rows, result.seed());
      if (!now.cases().isEmpty() && now.write(folder, g.lane(), complete && ran(rows))) {
        long worse = g.changes().stream().filter(Gate.Change::worse).count();
        changed.add(
            g.lane()
                + " ("
                + now.tool()
                + "): "
                + (g.skipped().isEmpty()
                    ? "%d counters rose, %d fell, %d cases or kernels new, %d gone"
                        .formatted(
                            worse, g.changes().size() - worse, g.unknown().size(), g.gone().size())
                    : "made anew (" + g.skipped() + ")"));
      }
    }
    return changed;
  }

  private Map<String, List<SuiteRow>> lanes() throws IOException, InterruptedException {
    Map<String, Future<List<SuiteRow>>> running = new LinkedHashMap<>();
    Map<String, List<SuiteRow>> rows = new LinkedHashMap<>();
    try (ExecutorService pool = Executors.newFixedThreadPool(plan.jobs())) {
      for (Lane l : plan.lanes()) {
        running.put(l.name(), pool.submit(() -> lane(l)));
      }
      for (var e : running.entrySet()) {
        rows.put(e.getKey(), e.getValue().get());
      }
    } catch (ExecutionException e) {
      if (e.getCause() instanceof IOException io) {
        throw io;
      }
      throw new IllegalStateException(e.getCause());
    }
    return rows;
  }

  private List<SuiteRow> lane(Lane l) throws IOException, InterruptedException {
    long start = System.nanoTime();
    List<SuiteRow> rows = process("lanes").run(l, plan.mainClass(), arguments(l));
    log.accept(
        "%s: %d cases, %.0f s".formatted(l.name(), rows.size(), (System.nanoTime() - start) / 1e9));
    return rows;
  }

  private List<String> arguments(Lane l) {
    List<String> args = new ArrayList<>(plan.arguments());
    args.add(l.name());
    return args;
  }

  private LaneProcess process(String folder) {
    return new LaneProcess(plan.scratch().resolve(folder), Duration.ofMinutes(3));
  }

  /**
   * Rounds of this build and the other in turn, one process at a time, on lanes without a witness.
   */
  private List<SuiteResult.Ratio> ratios(Path otherLib) throws IOException, InterruptedException {
    List<SuiteResult.Ratio> all = new ArrayList<>();
    for (Lane l : plan.lanes()) {
      if (!l.missing().isEmpty() || !l.environment().isEmpty()) {
        continue; // a simulator's time says nothing
      }
      Map<String, List<double[]>> byOp = new LinkedHashMap<>();
      for (int round = 0; round < ROUNDS; round++) {
        Map<String, SuiteRow> mine =
            timed(process("this-" + round).run(l, plan.mainClass(), arguments(l)));
        Map<String, SuiteRow> other =
            timed(
                process("other-" + round)
                    .on(otherLib.resolve("*").toString())
                    .run(l, plan.mainClass(), arguments(l)));
        Map<String, List<Double>> ratios = new LinkedHashMap<>();
        mine.forEach(
            (id, r) -> {
              SuiteRow o = other.get(id);
              if (o != null) {
                ratios
                    .computeIfAbsent(r.op(), k -> new ArrayList<>())
                    .add((double) r.result().nanos() / o.result().nanos());
              }
            });
        ratios.forEach(
            (op, x) ->
                byOp.computeIfAbsent(op, k -> new ArrayList<>())
                    .add(new double[] {median(x.stream().mapToDouble(d -> d)), x.size()}));
      }
      byOp.forEach(
          (op, x) ->
              all.add(
                  new SuiteResult.Ratio(
                      l.name(),
                      op,
                      median(x.stream().mapToDouble(d -> d[0])),
                      x.stream().mapToDouble(d -> d[0]).min().orElseThrow(),
                      x.stream().mapToDouble(d -> d[0]).max().orElseThrow(),
                      (int) x.getFirst()[1])));
    }
    return all;
  }

  private static Map<String, SuiteRow> timed(List<SuiteRow> rows) {
    Map<String, SuiteRow> by = new LinkedHashMap<>();
    for (SuiteRow r : rows) {
      if (r.result().nanos() > 0) {
        by.put(r.result().caseId(), r);
      }
    }
    return by;
  }

  private static double median(java.util.stream.DoubleStream values) {
    double[] x = values.toArray();
    Arrays.sort(x);
    return x.length % 2 == 1 ? x[x.length / 2] : (x[x.length / 2 - 1] + x[x.length / 2]) / 2;
  }

  /** Writes page and XML where they are wanted. */
  public static void write(SuiteResult result, @Nullable Path html, @Nullable Path xml)
      throws IOException {
    for (Path p : new Path[] {html, xml}) {
      if (p != null && p.toAbsolutePath().getParent() != null) {
        Files.createDirectories(p.toAbsolutePath().getParent());
      }
    }
    if (html != null) {
      HtmlReport.write(result, html);
    }
    if (xml != null) {
      JUnitXml.write(result, xml);
    }
  }
}
