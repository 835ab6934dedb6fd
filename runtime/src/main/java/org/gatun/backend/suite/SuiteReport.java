package org.gatun.backend.suite;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Writes a suite's rows as a terminal table, as JUnit XML and as one self-contained HTML page. */
public final class SuiteReport {
  private final List<SuiteRow> rows;
  private final long seed;

  /** A report of these rows. */
  public SuiteReport(List<SuiteRow> rows, long seed) {
    this.rows = List.copyOf(rows);
    this.seed = seed;
  }

  /** Counts per op and backend. */
  private static final class Cell {
    private int pass;
    private int fail;
    private int refused;
    private double worst;
    private String reason = "";
  }

  /** Whether no row failed. */
  public boolean passed() {
    return rows.stream().noneMatch(r -> r.result().status() == OpSuite.Status.FAIL);
  }

  /** A line per op and backend, failures with the command that replays them, and the totals. */
  public String table() {
    StringBuilder s = new StringBuilder();
    s.append(
        String.format(
            "%-12s %-16s %6s %6s %8s  %s%n",
            "backend", "op", "pass", "fail", "skipped", "worst error"));
    cells()
        .forEach(
            (key, c) ->
                s.append(
                    String.format(
                        "%-12s %-16s %6d %6d %8d  %.0f %% of tolerance%s%n",
                        key.get(0),
                        key.get(1),
                        c.pass,
                        c.fail,
                        c.refused,
                        100 * c.worst,
                        c.reason.isEmpty() ? "" : "  (" + c.reason + ")")));
    for (SuiteRow r : rows) {
      if (r.result().status() == OpSuite.Status.FAIL) {
        s.append("FAIL ")
            .append(r.backend())
            .append(' ')
            .append(r.result().caseId())
            .append(": ")
            .append(r.result().detail())
            .append('\n');
        s.append("     replay: ").append(replay(r)).append('\n');
      }
    }
    long pass = count(OpSuite.Status.PASS);
    s.append(
        String.format(
            "%d passed, %d failed, %d skipped%n",
            pass, count(OpSuite.Status.FAIL), count(OpSuite.Status.REFUSED)));
    return s.toString();
  }

  private String replay(SuiteRow r) {
    String id = r.smallest().isEmpty() ? r.result().caseId() : r.smallest();
    return "gatun kernels test --backend " + r.backend() + " --case '" + id + "' --seed " + seed;
  }

  private long count(OpSuite.Status s) {
    return rows.stream().filter(r -> r.result().status() == s).count();
  }

  private Map<List<String>, Cell> cells() {
    Map<List<String>, Cell> cells = new LinkedHashMap<>();
    for (SuiteRow r : rows) {
      Cell c = cells.computeIfAbsent(List.of(r.backend(), r.op()), k -> new Cell());
      switch (r.result().status()) {
        case PASS -> c.pass++;
        case FAIL -> c.fail++;
        case REFUSED -> {
          c.refused++;
          c.reason = r.result().detail();
        }
      }
      if (Double.isFinite(r.result().worst())) {
        c.worst = Math.max(c.worst, r.result().worst());
      }
    }
    return cells;
  }

  /** JUnit's XML: one test case per row; refusals are skips. */
  public void writeXml(Path file) throws IOException {
    StringBuilder s = new StringBuilder("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    s.append(
        "<testsuite name=\"gatun kernels\" tests=\"%d\" failures=\"%d\" skipped=\"%d\">%n"
            .formatted(rows.size(), count(OpSuite.Status.FAIL), count(OpSuite.Status.REFUSED)));
    for (SuiteRow r : rows) {
      s.append(
          "  <testcase classname=\"%s.%s\" name=\"%s\" time=\"%.4f\""
              .formatted(
                  escape(r.backend()),
                  escape(r.op()),
                  escape(r.result().caseId()),
                  r.nanos() / 1e9));
      s.append(
          switch (r.result().status()) {
            case PASS -> "/>\n";
            case FAIL -> "><failure message=\"" + escape(r.result().detail()) + "\"/></testcase>\n";
            case REFUSED ->
                "><skipped message=\"" + escape(r.result().detail()) + "\"/></testcase>\n";
          });
    }
    Files.writeString(file, s.append("</testsuite>\n"));
  }

  /** One page without scripts or outside resources, readable in light and dark. */
  public void writeHtml(Path file) throws IOException {
    List<String> body = new ArrayList<>();
    body.add("<h1>Kernel suite</h1>");
    body.add(
        "<p>%d passed, %d failed, %d skipped; seed %d</p>"
            .formatted(
                count(OpSuite.Status.PASS),
                count(OpSuite.Status.FAIL),
                count(OpSuite.Status.REFUSED),
                seed));
    body.add(
        "<table><tr><th>backend<th>op<th>pass<th>fail<th>skipped<th>worst error ÷ tolerance<th>why skipped</tr>");
    cells()
        .forEach(
            (key, c) ->
                body.add(
                    "<tr class=\"%s\"><td>%s<td>%s<td>%d<td>%d<td>%d<td><span class=\"bar\" style=\"width:%.0fpx\"></span> %.3f<td>%s</tr>"
                        .formatted(
                            c.fail > 0 ? "fail" : c.refused > 0 ? "skip" : "pass",
                            escape(key.get(0)),
                            escape(key.get(1)),
                            c.pass,
                            c.fail,
                            c.refused,
                            Math.min(100, 100 * c.worst),
                            c.worst,
                            escape(c.reason))));
    body.add("</table>");
    body.add(
        "<h2>All cases</h2><table><tr><th>backend<th>case<th>result<th>error ÷ tolerance<th>ms<th>detail</tr>");
    for (SuiteRow r : rows) {
      OpSuite.Result x = r.result();
      String detail =
          x.status() == OpSuite.Status.FAIL ? x.detail() + " — " + replay(r) : x.detail();
      body.add(
          "<tr class=\"%s\"><td>%s<td>%s<td>%s<td>%.3f<td>%.1f<td>%s</tr>"
              .formatted(
                  x.status() == OpSuite.Status.PASS
                      ? "pass"
                      : x.status() == OpSuite.Status.FAIL ? "fail" : "skip",
                  escape(r.backend()),
                  escape(x.caseId()),
                  x.status() == OpSuite.Status.REFUSED ? "SKIPPED" : x.status().name(),
                  x.worst(),
                  r.nanos() / 1e6,
                  escape(detail)));
    }
    body.add("</table>");
    Files.writeString(file, HEAD + String.join("\n", body) + "\n</html>\n");
  }

  private static String escape(String s) {
    return s.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("\"", "&quot;");
  }

  private static final String HEAD =
      """
      <!doctype html>
      <html lang="en">
      <meta charset="utf-8">
      <title>Kernel suite</title>
      <style>
        :root { color-scheme: light dark; --line: #8884; --pass: #2a7; --fail: #d33; --skip: #b80; }
        body { font: 15px/1.4 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }
        table { border-collapse: collapse; width: 100%; }
        th, td { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid var(--line); }
        td:nth-child(n+3) { font-variant-numeric: tabular-nums; }
        tr.pass td:first-child { border-left: 4px solid var(--pass); }
        tr.fail td:first-child { border-left: 4px solid var(--fail); }
        tr.skip td:first-child { border-left: 4px solid var(--skip); }
        .bar { display: inline-block; height: .7em; background: var(--pass); }
      </style>
      """;
}
