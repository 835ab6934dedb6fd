package org.gatun.backend.suite;

import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.gatun.backend.Evidence;
import org.gatun.json.Json;
import org.gatun.json.JsonException;
import org.gatun.json.JsonObject;
import org.jspecify.annotations.Nullable;

/**
 * Rows on disk, a JSON object per line, written as they become known: when a kernel takes its
 * process down, all rows before it and the name of its case are there.
 */
public final class RowFile implements AutoCloseable {
  private final BufferedWriter out;

  /** Appends to a file. */
  public RowFile(Path file) throws IOException {
    out = Files.newBufferedWriter(file, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
  }

  /**
   * What a file holds.
   *
   * @param rows the finished cases
   * @param running the id of a case that began and never ended; null if none
   * @param runningOp its op
   */
  public record Content(
      List<SuiteRow> rows, @Nullable String running, @Nullable String runningOp) {}

  /** Notes that a case begins. */
  public void begin(String op, String caseId) {
    line(Map.of("begin", caseId, "op", op));
  }

  /** Notes a finished case. */
  public void add(SuiteRow r) {
    Map<String, @Nullable Object> m = new LinkedHashMap<>();
    m.put("lane", r.lane());
    m.put("op", r.op());
    m.put("case", r.result().caseId());
    m.put("status", r.result().status().name());
    m.put("detail", r.result().detail());
    m.put("worst", r.result().worst());
    m.put("nanos", r.nanos());
    m.put("steps_nanos", r.result().nanos());
    m.put("smallest", r.smallest());
    m.put("bytes", r.bound().bytes());
    m.put("flops", r.bound().flops());
    m.put("tool", r.evidence().tool());
    m.put(
        "findings",
        r.evidence().findings().stream()
            .map(f -> Map.of("id", f.id(), "error", f.error(), "text", f.text()))
            .toList());
    m.put(
        "kernels",
        r.evidence().kernels().stream()
            .map(k -> Map.of("kernel", k.kernel(), "values", k.values()))
            .toList());
    line(m);
  }

  private void line(Map<String, ? extends @Nullable Object> m) {
    try {
      out.write(Json.write(m));
      out.newLine();
      out.flush();
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  @Override
  public void close() throws IOException {
    out.close();
  }

  /** Reads a file; a last line that was cut off counts as not written. */
  public static Content read(Path file) throws IOException {
    List<SuiteRow> rows = new ArrayList<>();
    String running = null;
    String op = null;
    for (String line : Files.exists(file) ? Files.readAllLines(file) : List.<String>of()) {
      JsonObject o;
      try {
        o = Json.readObject(line);
      } catch (JsonException cut) {
        break;
      }
      if (o.has("begin")) {
        running = o.string("begin");
        op = o.string("op");
      } else {
        rows.add(row(o));
        running = null;
      }
    }
    return new Content(rows, running, op);
  }

  private static SuiteRow row(JsonObject o) throws JsonException {
    List<Evidence.Finding> findings = new ArrayList<>();
    for (JsonObject f : o.objects("findings")) {
      findings.add(new Evidence.Finding(f.string("id"), f.bool("error", true), f.string("text")));
    }
    List<Evidence.Counters> kernels = new ArrayList<>();
    for (JsonObject k : o.objects("kernels")) {
      TreeMap<String, Long> values = new TreeMap<>();
      JsonObject v = k.object("values");
      for (String name : v.names()) {
        values.put(name, v.integer(name));
      }
      kernels.add(new Evidence.Counters(k.string("kernel"), values));
    }
    return new SuiteRow(
        o.string("lane"),
        o.string("op"),
        new OpSuite.Result(
            o.string("case"),
            OpSuite.Status.valueOf(o.string("status")),
            o.string("detail"),
            o.number("worst", Double.NaN),
            o.integer("steps_nanos")),
        o.integer("nanos"),
        o.string("smallest"),
        new Evidence(o.string("tool"), findings, kernels),
        new LowerBound(o.number("bytes"), o.number("flops")));
  }
}
