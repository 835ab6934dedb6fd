package org.gatun.backend.suite;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.gatun.json.Json;
import org.gatun.json.JsonException;
import org.gatun.json.JsonObject;
import org.jspecify.annotations.Nullable;

/**
 * Committed counters of a lane: a JSON file with one line per case and kernel, so that a change of
 * one kernel is a change of few lines.
 *
 * @param tool what the counters depend on; those of another tool are not compared
 * @param seed of the cases
 * @param cases by case id, then by kernel, then by counter
 */
public record Baselines(
    String tool, long seed, SortedMap<String, SortedMap<String, SortedMap<String, Long>>> cases) {

  /** The file of a lane. */
  public static Path file(Path folder, String lane) {
    return folder.resolve(lane + ".json");
  }

  /** Reads a lane's file; null if there is none. */
  public static @Nullable Baselines read(Path folder, String lane) throws IOException {
    Path file = file(folder, lane);
    if (!Files.exists(file)) {
      return null;
    }
    JsonObject all = Json.readObject(file);
    Baselines b = new Baselines(all.string("tool"), all.integer("seed"), new TreeMap<>());
    for (JsonObject row : all.objects("rows")) {
      b.cases
          .computeIfAbsent(row.string("case"), c -> new TreeMap<>())
          .put(row.string("kernel"), values(row));
    }
    return b;
  }

  private static SortedMap<String, Long> values(JsonObject row) throws JsonException {
    SortedMap<String, Long> values = new TreeMap<>();
    for (String name : row.names()) {
      if (!name.equals("case") && !name.equals("kernel")) {
        values.put(name, row.integer(name));
      }
    }
    return values;
  }

  /** What rows of one lane counted, as baselines. */
  static Baselines of(List<SuiteRow> rows, long seed) {
    String tool =
        rows.stream()
            .map(r -> r.evidence().tool())
            .filter(t -> !t.isEmpty())
            .findFirst()
            .orElse("");
    Baselines b = new Baselines(tool, seed, new TreeMap<>());
    for (SuiteRow r : rows) {
      if (r.result().status() == OpSuite.Status.PASS && GateCases.contains(r)) {
        SortedMap<String, SortedMap<String, Long>> kernels = new TreeMap<>();
        r.evidence().kernels().forEach(k -> kernels.put(k.kernel(), k.values()));
        if (!kernels.isEmpty()) {
          b.cases.put(r.result().caseId(), kernels);
        }
      }
    }
    return b;
  }

  /**
   * Writes a lane's file. Cases that did not run keep their lines, unless the tool has changed or
   * the run was complete.
   *
   * @return whether the file changed
   */
  boolean write(Path folder, String lane, boolean complete) throws IOException {
    Baselines old = read(folder, lane);
    SortedMap<String, SortedMap<String, SortedMap<String, Long>>> all = new TreeMap<>();
    if (old != null && !complete && old.tool.equals(tool)) {
      all.putAll(old.cases);
    }
    all.putAll(cases);
    List<String> lines = new ArrayList<>();
    all.forEach(
        (id, kernels) ->
            kernels.forEach(
                (kernel, values) -> {
                  Map<String, Object> row = new LinkedHashMap<>();
                  row.put("case", id);
                  row.put("kernel", kernel);
                  row.putAll(values);
                  lines.add(Json.write(row));
                }));
    String text =
        "{\"tool\":%s,\"seed\":%d,\"rows\":[\n%s\n]}\n"
            .formatted(Json.write(tool), seed, String.join(",\n", lines));
    Path file = file(folder, lane);
    if (Files.exists(file) && Files.readString(file).equals(text)) {
      return false;
    }
    Files.createDirectories(folder);
    Files.writeString(file, text);
    return true;
  }
}
