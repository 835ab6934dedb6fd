package org.gatun.backend.suite;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * All that a run found.
 *
 * @param rows of all lanes
 * @param gates a verdict per lane that has a witness, or whose gate was asked for
 * @param ratios time beside another build, per lane and op; empty without one
 * @param what tier and seed, for people
 * @param seed of all random content
 */
public record SuiteResult(
    List<SuiteRow> rows, List<Gate.Outcome> gates, List<Ratio> ratios, String what, long seed) {

  /**
   * Time of a lane's op beside another build's: reported, never judged.
   *
   * @param ratio median over the cases of this build's time ÷ the other's
   * @param lowest and {@code highest} of the rounds' medians
   */
  public record Ratio(
      String lane, String op, double ratio, double lowest, double highest, int cases) {}

  /** Counts per lane and op. */
  public static final class Cell {
    /** Cases that passed. */
    public int pass;

    /** Cases that failed. */
    public int fail;

    /** Cases that could not run. */
    public int refused;

    /** The largest error ÷ tolerance. */
    public double worst;
  }

  /** Whether no row and no gate failed. */
  public boolean passed() {
    return count(OpSuite.Status.FAIL) == 0 && gates.stream().noneMatch(Gate.Outcome::failed);
  }

  /** Rows of this status. */
  public long count(OpSuite.Status s) {
    return rows.stream().filter(r -> r.result().status() == s).count();
  }

  /** Counts by lane and op, in the order of the rows. */
  public Map<List<String>, Cell> cells() {
    Map<List<String>, Cell> cells = new LinkedHashMap<>();
    for (SuiteRow r : rows) {
      Cell c = cells.computeIfAbsent(List.of(r.lane(), r.op()), k -> new Cell());
      switch (r.result().status()) {
        case PASS -> c.pass++;
        case FAIL -> c.fail++;
        case REFUSED -> c.refused++;
      }
      if (Double.isFinite(r.result().worst())) {
        c.worst = Math.max(c.worst, r.result().worst());
      }
    }
    return cells;
  }

  /** Why rows were skipped, and which: nothing is left out silently. */
  public Map<String, List<String>> skips() {
    Map<String, List<String>> why = new TreeMap<>();
    for (SuiteRow r : rows) {
      if (r.result().status() == OpSuite.Status.REFUSED) {
        why.computeIfAbsent(brief(r.result().detail()), k -> new java.util.ArrayList<>())
            .add(r.lane() + " " + r.result().caseId());
      }
    }
    for (Gate.Outcome g : gates) {
      if (!g.skipped().isEmpty()) {
        why.computeIfAbsent(g.skipped(), k -> new java.util.ArrayList<>())
            .add("counters of " + g.lane());
      }
    }
    return why;
  }

  /** A reason without the shape that it was met with, so that like goes with like. */
  private static String brief(String reason) {
    int shape = reason.indexOf(": [");
    return shape < 0 ? reason : reason.substring(0, shape);
  }

  /** The command that runs a failed row alone. */
  public String replay(SuiteRow r) {
    String id = r.smallest().isEmpty() ? r.result().caseId() : r.smallest();
    return "gatun kernels test --backend " + r.lane() + " --case '" + id + "' --seed " + seed;
  }
}
