package org.gatun.backend.suite;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.Consumer;
import org.gatun.backend.Backend;
import org.gatun.backend.BackendException;
import org.gatun.backend.BackendOptions;
import org.gatun.backend.BackendProvider;
import org.gatun.graph.spec.CaseRequest;
import org.gatun.graph.spec.OpCase;
import org.gatun.graph.spec.OpSpec;
import org.gatun.graph.spec.OpSpecs;

/**
 * Runs the registry's cases on backends; a failing case is shrunk to the smallest failing shape of
 * its op.
 */
public final class SuiteRunner {
  private final SuiteOptions options;
  private final Consumer<SuiteRow> listener;

  /** A runner that tells {@code listener} about each row as it is known. */
  public SuiteRunner(SuiteOptions options, Consumer<SuiteRow> listener) {
    this.options = options;
    this.listener = listener;
  }

  /** Runs everything that was asked for. A backend that cannot be opened is one refused row. */
  public List<SuiteRow> run() {
    List<SuiteRow> rows = new ArrayList<>();
    for (BackendProvider p : options.backends()) {
      BackendProvider.Availability a = p.probe();
      if (!a.usable()) {
        rows.add(skip(p, a.description() + (a.remedy().isEmpty() ? "" : " → " + a.remedy())));
        continue;
      }
      try (Backend b = p.open(BackendOptions.DEFAULT)) {
        for (OpSpec spec : OpSpecs.all()) {
          runSpec(b, spec, rows);
        }
      } catch (BackendException e) {
        rows.add(skip(p, String.valueOf(e.getMessage())));
      }
    }
    return rows;
  }

  private SuiteRow skip(BackendProvider p, String why) {
    SuiteRow row =
        new SuiteRow(
            p.name(), "–", new OpSuite.Result("(backend)", OpSuite.Status.REFUSED, why, 0), 0, "");
    listener.accept(row);
    return row;
  }

  private void runSpec(Backend b, OpSpec spec, List<SuiteRow> rows) {
    String filter = options.op();
    if (options.caseId() == null && filter != null && !spec.name().contains(filter)) {
      return;
    }
    boolean all = options.full() || options.caseId() != null;
    String smallest = null;
    for (OpCase c : spec.cases(new CaseRequest(all, options.seed(), options.formats()))) {
      if (options.caseId() != null && !c.id().equals(options.caseId())) {
        continue;
      }
      long start = System.nanoTime();
      OpSuite.Result r = OpSuite.run(b, c);
      long nanos = System.nanoTime() - start;
      if (r.status() == OpSuite.Status.FAIL && smallest == null && options.caseId() == null) {
        smallest = shrink(b, spec, c);
      }
      boolean failed = r.status() == OpSuite.Status.FAIL;
      SuiteRow row =
          new SuiteRow(b.name(), spec.name(), r, nanos, failed && smallest != null ? smallest : "");
      rows.add(row);
      listener.accept(row);
    }
  }

  /**
   * The smallest case of the op that fails too: every shape and format of the full tier, smallest
   * first.
   */
  private String shrink(Backend b, OpSpec spec, OpCase failing) {
    return spec.cases(new CaseRequest(true, options.seed(), options.formats())).stream()
        .filter(c -> c.size() < failing.size())
        .sorted(Comparator.comparingLong(OpCase::size))
        .filter(c -> OpSuite.run(b, c).status() == OpSuite.Status.FAIL)
        .map(OpCase::id)
        .findFirst()
        .orElse(failing.id());
  }
}
