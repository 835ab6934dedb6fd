package org.gatun.backend.suite;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * The performance gate without a clock: what a lane counted beside its baselines, exactly. A
 * counter that rose fails; one that fell asks for new baselines.
 */
public final class Gate {
  /** Counters that are no sums: they say nothing over several kernels. */
  private static final List<String> NOT_SUMS =
      List.of("ptxas.", "shared_static", "shared_dynamic", "local_bytes");

  private Gate() {}

  /**
   * One counter that is not what it was.
   *
   * @param kernel its name, or "all kernels" where a case runs others than before
   */
  public record Change(String caseId, String kernel, String counter, long was, long is) {
    /** Whether more is done than before. */
    public boolean worse() {
      return is > was;
    }

    @Override
    public String toString() {
      return "%s %s: %s %,d → %,d (%s)".formatted(caseId, kernel, counter, was, is, percent());
    }

    /** The change as a share. */
    public String percent() {
      return was == 0 ? "new" : "%+.2f %%".formatted(100.0 * (is - was) / was);
    }
  }

  /**
   * What became of a lane's gate.
   *
   * @param compared kernels × cases that have baselines and ran
   * @param unknown cases without baselines
   * @param gone cases with baselines that did not run, though the run was complete
   * @param uncounted cases with baselines that passed, and of which nothing was counted
   * @param skipped why nothing was compared; empty if it was
   */
  public record Outcome(
      String lane,
      String tool,
      int compared,
      List<Change> changes,
      List<String> unknown,
      List<String> gone,
      List<String> uncounted,
      String skipped) {
    /** Whether some counter rose, or was not there to be compared. */
    public boolean failed() {
      return !failures().isEmpty();
    }

    /** A line per reason to fail. */
    public List<String> failures() {
      List<String> all = new ArrayList<>();
      changes.stream().filter(Change::worse).forEach(c -> all.add(c.toString()));
      if (!uncounted.isEmpty()) {
        all.add(
            "nothing was counted in %d cases that have baselines (%s, …): an old virtual GPU or Oclgrind? Delete build/ and run again"
                .formatted(uncounted.size(), uncounted.getFirst()));
      }
      return all;
    }

    /** Whether the baselines no longer say what is. */
    public boolean stale() {
      return !failed() && !(changes.isEmpty() && unknown.isEmpty() && gone.isEmpty());
    }
  }

  /**
   * Compares.
   *
   * @param baselines of the lane; null if there are none
   * @param rows of the lane; those that fail are not compared, since they fail already
   * @param complete whether every case of the tier ran
   */
  public static Outcome compare(
      @Nullable Baselines baselines,
      String lane,
      List<SuiteRow> rows,
      long seed,
      boolean complete) {
    Baselines now = Baselines.of(rows, seed);
    if (now.tool().isEmpty()) {
      return skipped(lane, "", "nothing watched the kernels");
    }
    if (baselines == null) {
      return skipped(lane, now.tool(), "no baselines");
    }
    if (!baselines.tool().equals(now.tool())) {
      return skipped(
          lane, now.tool(), "baselines are of " + baselines.tool() + "; this is " + now.tool());
    }
    if (baselines.seed() != seed) {
      return skipped(lane, now.tool(), "baselines are of seed " + baselines.seed());
    }
    List<Change> changes = new ArrayList<>();
    List<String> unknown = new ArrayList<>();
    int compared = 0;
    for (var c : now.cases().entrySet()) {
      var was = baselines.cases().get(c.getKey());
      if (was == null) {
        unknown.add(c.getKey());
        continue;
      }
      compared += c.getValue().size();
      if (was.keySet().equals(c.getValue().keySet())) {
        c.getValue()
            .forEach(
                (k, v) -> diff(c.getKey(), k, was.getOrDefault(k, new TreeMap<>()), v, changes));
      } else {
        diff(c.getKey(), "all kernels", sum(was), sum(c.getValue()), changes);
        unknown.add(c.getKey() + " (kernels " + was.keySet() + " → " + c.getValue().keySet() + ")");
      }
    }
    TreeSet<String> gone = new TreeSet<>(complete ? baselines.cases().keySet() : List.of());
    rows.forEach(r -> gone.remove(r.result().caseId()));
    TreeSet<String> uncounted = new TreeSet<>();
    for (SuiteRow r : rows) {
      String id = r.result().caseId();
      if (r.result().status() == OpSuite.Status.PASS
          && baselines.cases().containsKey(id)
          && !now.cases().containsKey(id)) {
        uncounted.add(id);
      }
    }
    return new Outcome(
        lane,
        now.tool(),
        compared,
        changes,
        unknown,
        List.copyOf(gone),
        List.copyOf(uncounted),
        "");
  }

  private static Outcome skipped(String lane, String tool, String why) {
    return new Outcome(lane, tool, 0, List.of(), List.of(), List.of(), List.of(), why);
  }

  private static SortedMap<String, Long> sum(SortedMap<String, SortedMap<String, Long>> kernels) {
    SortedMap<String, Long> sum = new TreeMap<>();
    for (Map<String, Long> values : kernels.values()) {
      values.forEach(
          (name, v) -> {
            if (NOT_SUMS.stream().noneMatch(name::startsWith)) {
              sum.merge(name, v, Long::sum);
            }
          });
    }
    return sum;
  }

  private static void diff(
      String id, String kernel, Map<String, Long> was, Map<String, Long> is, List<Change> out) {
    TreeSet<String> names = new TreeSet<>(was.keySet());
    names.addAll(is.keySet());
    for (String n : names) {
      long a = was.getOrDefault(n, 0L);
      long b = is.getOrDefault(n, 0L);
      if (a != b) {
        out.add(new Change(id, kernel, n, a, b));
      }
    }
  }
}
