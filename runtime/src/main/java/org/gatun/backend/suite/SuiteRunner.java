package org.gatun.backend.suite;

import java.util.Comparator;
import java.util.function.Predicate;
import org.gatun.backend.Backend;
import org.gatun.backend.BackendException;
import org.gatun.backend.BackendOptions;
import org.gatun.backend.BackendProvider;
import org.gatun.backend.Evidence;
import org.gatun.backend.Witness;
import org.gatun.graph.spec.CaseRequest;
import org.gatun.graph.spec.OpCase;
import org.gatun.graph.spec.OpSpec;
import org.gatun.graph.spec.OpSpecs;
import org.jspecify.annotations.Nullable;

/**
 * Runs the registry's cases on one backend in this process; a failing case is shrunk to the
 * smallest failing shape of its op. Where the device has a witness, its evidence goes with each
 * row, and a finding of severity error fails the row.
 */
public final class SuiteRunner {
  /** Is told what happens, as it happens. */
  public interface Listener {
    /** A case begins. */
    default void begin(String op, String caseId) {}

    /** A case has ended. */
    void row(SuiteRow row);
  }

  private final BackendProvider provider;
  private final String lane;
  private final SuiteOptions options;
  private final Predicate<String> limit;
  private final Listener listener;
  private @Nullable Backend backend;

  /** A runner of the cases that {@code options} want and {@code limit} lets through. */
  public SuiteRunner(
      BackendProvider provider,
      String lane,
      SuiteOptions options,
      Predicate<String> limit,
      Listener listener) {
    this.provider = provider;
    this.lane = lane;
    this.options = options;
    this.limit = limit;
    this.listener = listener;
  }

  /** Runs everything that was asked for. A backend that cannot be opened is one refused row. */
  public void run() {
    BackendProvider.Availability a = provider.probe();
    if (!a.usable()) {
      skip(a.description() + (a.remedy().isEmpty() ? "" : " → " + a.remedy()));
      return;
    }
    try {
      for (OpSpec spec : OpSpecs.all()) {
        if (options.wantsOp(spec.name())) {
          run(spec);
        }
      }
    } catch (BackendException e) {
      skip(String.valueOf(e.getMessage()));
    } finally {
      reopen();
    }
  }

  private void skip(String why) {
    listener.row(
        SuiteRow.bare(lane, "–", new OpSuite.Result("(backend)", OpSuite.Status.REFUSED, why, 0)));
  }

  private void run(OpSpec spec) {
    String smallest = null;
    for (OpCase c : spec.cases(options.request())) {
      if (!options.wantsCase(c.id()) || !limit.test(c.id())) {
        continue;
      }
      listener.begin(spec.name(), c.id());
      long start = System.nanoTime();
      Judged j = judge(c);
      long nanos = System.nanoTime() - start;
      boolean failed = j.result.status() == OpSuite.Status.FAIL;
      if (failed && smallest == null && options.caseId() == null) {
        smallest = shrink(spec, c);
      }
      listener.row(
          new SuiteRow(
              lane,
              spec.name(),
              j.result,
              nanos,
              failed && smallest != null ? smallest : "",
              j.evidence,
              LowerBound.of(c)));
    }
  }

  private record Judged(OpSuite.Result result, Evidence evidence) {}

  private Judged judge(OpCase c) {
    Backend b = open();
    Witness w = b.witness();
    if (w != null) {
      w.begin();
    }
    OpSuite.Result r = OpSuite.run(b, c);
    Evidence e = w == null ? Evidence.NONE : w.end();
    r = withFindings(r, e);
    if (r.status() == OpSuite.Status.FAIL) {
      reopen(); // a device that failed once fails for good
    }
    return new Judged(r, e);
  }

  /** The result with what the checkers found: right numbers from a race are no pass. */
  public static OpSuite.Result withFindings(OpSuite.Result r, Evidence e) {
    String errors =
        String.join(
            "; ",
            e.findings().stream()
                .filter(Evidence.Finding::error)
                .map(f -> f.id() + ": " + f.text())
                .toList());
    if (errors.isEmpty()) {
      return r;
    }
    String detail = r.status() == OpSuite.Status.PASS ? errors : r.detail() + "; " + errors;
    return new OpSuite.Result(r.caseId(), OpSuite.Status.FAIL, detail, r.worst(), r.nanos());
  }

  private Backend open() {
    Backend b = backend;
    return b != null ? b : (backend = provider.open(BackendOptions.DEFAULT));
  }

  private void reopen() {
    if (backend != null) {
      try {
        backend.close();
      } catch (BackendException e) {
        // It failed before, and the row says so.
        System.getLogger("org.gatun.suite").log(System.Logger.Level.DEBUG, e.getMessage());
      }
      backend = null;
    }
  }

  /**
   * The smallest case of the op that fails too: every shape and format of the full tier, smallest
   * first.
   */
  private String shrink(OpSpec spec, OpCase failing) {
    return spec.cases(new CaseRequest(true, options.seed(), options.formats())).stream()
        .filter(c -> c.size() < failing.size())
        .sorted(Comparator.comparingLong(OpCase::size))
        .filter(c -> judge(c).result.status() == OpSuite.Status.FAIL)
        .map(OpCase::id)
        .findFirst()
        .orElse(failing.id());
  }
}
