package org.gatun.backend.suite;

import java.util.List;

/**
 * A run in a few lines: counts per lane and op, what failed and how to repeat it, what was skipped.
 */
public final class TerminalTable {
  private static final int MOST_CHANGES = 40;

  private TerminalTable() {}

  /** The lines. */
  public static String of(SuiteResult result) {
    StringBuilder s = new StringBuilder();
    line(s, "%-14s %-16s %6s %6s %8s  %s", "lane", "op", "pass", "fail", "skipped", "worst error");
    result
        .cells()
        .forEach(
            (key, c) ->
                line(
                    s,
                    "%-14s %-16s %6d %6d %8d  %.0f %% of tolerance",
                    key.get(0),
                    key.get(1),
                    c.pass,
                    c.fail,
                    c.refused,
                    100 * c.worst));
    for (SuiteRow r : result.rows()) {
      if (r.result().status() == OpSuite.Status.FAIL) {
        line(s, "FAIL %s %s: %s", r.lane(), r.result().caseId(), r.result().detail());
        line(s, "     replay: %s", result.replay(r));
      }
    }
    for (Gate.Outcome g : result.gates()) {
      gate(s, g);
    }
    for (SuiteResult.Ratio r : result.ratios()) {
      line(
          s,
          "time %-14s %-16s %.2f × the other build (%.2f … %.2f, %d cases; not judged)",
          r.lane(),
          r.op(),
          r.ratio(),
          r.lowest(),
          r.highest(),
          r.cases());
    }
    result
        .skips()
        .forEach((why, what) -> line(s, "skipped %d (%s): %s", what.size(), brief(what), why));
    line(
        s,
        "%d passed, %d failed, %d skipped; %d counters rose; %s",
        result.count(OpSuite.Status.PASS),
        result.count(OpSuite.Status.FAIL),
        result.count(OpSuite.Status.REFUSED),
        result.gates().stream()
            .flatMap(g -> g.changes().stream())
            .filter(Gate.Change::worse)
            .count(),
        result.what());
    return s.toString();
  }

  private static void gate(StringBuilder s, Gate.Outcome g) {
    if (!g.skipped().isEmpty()) {
      return; // among the skips
    }
    List<Gate.Change> worse = g.changes().stream().filter(Gate.Change::worse).toList();
    line(
        s,
        "gate %-14s %d kernels × cases beside their baselines (%s): %d counters rose, %d fell",
        g.lane(),
        g.compared(),
        g.tool(),
        worse.size(),
        g.changes().size() - worse.size());
    List<String> failures = g.failures();
    failures.stream().limit(MOST_CHANGES).forEach(c -> line(s, "FAIL %s %s", g.lane(), c));
    if (failures.size() > MOST_CHANGES) {
      line(s, "     … and %d more in the report", failures.size() - MOST_CHANGES);
    }
    if (g.stale()) {
      line(
          s,
          "     baselines of %s are old (%d counters fell, %d cases or kernels are new%s, %d are gone): ci/regress --update-baselines",
          g.lane(),
          g.changes().size(),
          g.unknown().size(),
          g.unknown().isEmpty() ? "" : ": " + brief(g.unknown()),
          g.gone().size());
      g.changes().stream().limit(5).forEach(c -> line(s, "     fell: %s", c));
    }
  }

  private static String brief(List<String> what) {
    return String.join(", ", what.subList(0, Math.min(3, what.size())))
        + (what.size() > 3 ? ", …" : "");
  }

  private static void line(StringBuilder s, String format, Object... args) {
    s.append(String.format(format, args)).append('\n');
  }
}
