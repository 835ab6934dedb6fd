package org.gatun.backend.suite;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.regex.Pattern;

/**
 * One way to run cases: a backend on a device, perhaps under a checker. A lane is a process of its
 * own, since libraries and their settings are read once per process, and a kernel may take it down.
 *
 * @param name what users type after {@code --backend}
 * @param backend the provider that runs in it
 * @param properties system properties of the process; {@code {dir}} stands for its scratch folder
 * @param environment more environment; likewise
 * @param missing why the lane cannot run here, with the remedy; empty if it can
 * @param quick case ids (regular expressions) of the quick tier that this lane runs in its own
 *     quick tier, for lanes that are a thousand times slower; empty for no limit
 * @param full likewise in its full tier; empty for no limit and the full tier of other lanes
 */
public record Lane(
    String name,
    String backend,
    Map<String, String> properties,
    Map<String, String> environment,
    String missing,
    List<String> quick,
    List<String> full) {
  /** A backend as it is. */
  public static Lane of(String backend) {
    return new Lane(backend, backend, Map.of(), Map.of(), "", List.of(), List.of());
  }

  /** The same with one more environment variable. */
  public Lane withEnvironment(String key, String value) {
    Map<String, String> more = new java.util.TreeMap<>(environment);
    more.put(key, value);
    return new Lane(name, backend, properties, more, missing, quick, full);
  }

  /** The tier that this lane runs when {@code o} is asked for. */
  public SuiteOptions tier(SuiteOptions o) {
    return full.isEmpty() ? o : new SuiteOptions(o.op(), o.formats(), o.caseId(), false, o.seed());
  }

  /** Whether a case of that tier runs here. */
  public Predicate<String> limit(SuiteOptions o) {
    List<Pattern> patterns = (o.full() ? full : quick).stream().map(Pattern::compile).toList();
    return patterns.isEmpty() || o.caseId() != null
        ? id -> true
        : id -> patterns.stream().anyMatch(p -> p.matcher(id).matches());
  }

  /** A setting with the scratch folder in its place. */
  static String resolve(String value, Path dir) {
    return value.replace("{dir}", dir.toString());
  }
}
