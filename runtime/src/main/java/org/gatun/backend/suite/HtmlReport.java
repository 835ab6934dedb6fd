package org.gatun.backend.suite;

import static org.gatun.backend.suite.JUnitXml.escape;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.gatun.backend.Evidence;

/** One page without scripts or outside resources, readable in light and dark. */
public final class HtmlReport {
  private final SuiteResult result;
  private final StringBuilder s = new StringBuilder();

  private HtmlReport(SuiteResult result) {
    this.result = result;
  }

  /** Writes the page. */
  public static void write(SuiteResult result, Path file) throws IOException {
    HtmlReport r = new HtmlReport(result);
    r.page();
    Files.writeString(file, r.s);
  }

  private void page() throws IOException {
    try (InputStream in = HtmlReport.class.getResourceAsStream("report.css")) {
      String css = in == null ? "" : new String(in.readAllBytes(), StandardCharsets.UTF_8);
      s.append("<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n")
          .append("<meta name=\"viewport\" content=\"width=device-width\">\n")
          .append("<title>Kernel regression</title>\n<style>\n")
          .append(css)
          .append("</style>\n");
    }
    head();
    failures();
    matrix();
    gates();
    List<Roofline.Point> points = Roofline.points(result.rows());
    if (!points.isEmpty()) {
      h2("Roofline (model of an H100 from counters, not a measurement)");
      s.append(Roofline.svg(points));
      s.append(
          "<p class=\"note\">Small shapes of tests: they show how kernels stand to one another, not how fast a model runs.</p>");
    }
    counters();
    findings();
    ratios();
    skips();
    cases();
    s.append("</html>\n");
  }

  private void head() {
    long fail = result.count(OpSuite.Status.FAIL);
    long worse = changes().filter(Gate.Change::worse).count();
    s.append("<h1>Kernel regression</h1>\n<div class=\"tiles\">");
    tile("pass", result.count(OpSuite.Status.PASS), "passed");
    tile(fail > 0 ? "fail" : "", fail, "failed");
    tile("skip", result.count(OpSuite.Status.REFUSED), "skipped");
    tile(worse > 0 ? "fail" : "", worse, "counters rose");
    s.append("</div>\n<p class=\"note\">").append(escape(result.what())).append("</p>\n");
  }

  private java.util.stream.Stream<Gate.Change> changes() {
    return result.gates().stream().flatMap(g -> g.changes().stream());
  }

  private void tile(String kind, long n, String what) {
    s.append("<div class=\"tile %s\"><b>%,d</b><span>%s</span></div>".formatted(kind, n, what));
  }

  private void failures() {
    List<SuiteRow> bad =
        result.rows().stream().filter(r -> r.result().status() == OpSuite.Status.FAIL).toList();
    if (bad.isEmpty()) {
      return;
    }
    h2("Failures");
    table("lane", "case", "what", "replay the smallest");
    for (SuiteRow r : bad) {
      row(
          "fail",
          escape(r.lane()),
          escape(r.result().caseId()),
          escape(r.result().detail()),
          "<code>" + escape(result.replay(r)) + "</code>");
    }
    end();
  }

  private void matrix() {
    Set<String> lanes = new LinkedHashSet<>();
    Set<String> ops = new LinkedHashSet<>();
    Map<List<String>, SuiteResult.Cell> cells = result.cells();
    cells.keySet().forEach(k -> lanes.add(k.get(0)));
    cells.keySet().stream().map(k -> k.get(1)).filter(o -> !o.equals("–")).forEach(ops::add);
    h2("Correctness: cases that passed, and the worst error as a share of its tolerance");
    s.append("<div class=\"wide\"><table class=\"matrix\"><tr><th>op");
    lanes.forEach(l -> s.append("<th>").append(escape(l)));
    s.append("</tr>\n");
    for (String op : ops) {
      s.append("<tr><td>").append(escape(op));
      for (String lane : lanes) {
        SuiteResult.Cell c = cells.get(List.of(lane, op));
        if (c == null) {
          s.append("<td class=\"none\">–");
        } else {
          s.append(
              "<td class=\"%s\"><b>%d</b>%s%s%s"
                  .formatted(
                      c.fail > 0 ? "fail" : c.pass == 0 ? "skip" : "pass",
                      c.pass,
                      c.fail > 0 ? ", " + c.fail + " failed" : "",
                      c.refused > 0 ? ", " + c.refused + " skipped" : "",
                      c.pass + c.fail == 0
                          ? ""
                          : " <span class=\"bar\"><i style=\"width:%.0f%%\"></i></span> %.0f %%"
                              .formatted(Math.min(100, 100 * c.worst), 100 * c.worst)));
        }
      }
      s.append("</tr>\n");
    }
    end();
  }

  private void gates() {
    if (result.gates().isEmpty()) {
      return;
    }
    h2("Counters beside the last baselines");
    table("lane", "tool", "#kernels × cases", "#rose", "#fell", "#new", "#gone", "");
    for (Gate.Outcome g : result.gates()) {
      long worse = g.changes().stream().filter(Gate.Change::worse).count();
      row(
          g.failed() ? "fail" : !g.skipped().isEmpty() || g.stale() ? "skip" : "pass",
          escape(g.lane()),
          escape(g.tool()),
          "" + g.compared(),
          "" + worse,
          "" + (g.changes().size() - worse),
          "" + g.unknown().size(),
          "" + g.gone().size(),
          g.skipped().isEmpty()
              ? g.stale()
                  ? "update: <code>ci/regress --update-baselines</code>"
                  : g.uncounted().isEmpty() ? "" : escape(g.failures().getLast())
              : "skipped: " + escape(g.skipped()));
    }
    end();
    if (changes().findAny().isPresent()) {
      table("lane", "case", "kernel", "counter", "#baseline", "#now", "#change");
      for (Gate.Outcome g : result.gates()) {
        g.changes().stream()
            .sorted((a, b) -> Boolean.compare(b.worse(), a.worse()))
            .limit(300)
            .forEach(
                c ->
                    row(
                        c.worse() ? "fail" : "pass",
                        escape(g.lane()),
                        escape(c.caseId()),
                        escape(c.kernel()),
                        escape(c.counter()),
                        "%,d".formatted(c.was()),
                        "%,d".formatted(c.is()),
                        escape(c.percent())));
      }
      end();
    }
  }

  /** Gated kernels: what they did beside what nobody can do without. */
  private void counters() {
    List<SuiteRow> rows =
        result.rows().stream()
            .filter(r -> GateCases.contains(r) && !r.evidence().kernels().isEmpty())
            .toList();
    if (rows.isEmpty()) {
      return;
    }
    Map<String, Gate.Change> moved = new HashMap<>();
    for (Gate.Outcome g : result.gates()) {
      g.changes().forEach(c -> moved.put(g.lane() + c.caseId() + c.kernel() + c.counter(), c));
    }
    h2("Counters beside lower bounds");
    s.append(
        "<p class=\"note\">Footprint: distinct 32-byte sectors of all launches of the case × 32, beside operands read once and results written once; descriptors, parameters and rounded activations are in the first and not in the second. Lower bounds of conflicts and spills are 0. A changed value has its baseline behind it.</p>");
    for (String lane : rows.stream().map(SuiteRow::lane).distinct().toList()) {
      s.append("<details><summary>").append(escape(lane)).append("</summary>\n");
      boolean gpu =
          rows.stream()
              .filter(r -> r.lane().equals(lane))
              .anyMatch(r -> r.evidence().kernels().getFirst().values().containsKey("inst.warp"));
      if (gpu) {
        table(
            "case",
            "kernel",
            "#instructions",
            "#sectors, loads + stores",
            "#footprint B",
            "#bound B",
            "#÷",
            "#conflicts",
            "#matrix MACs",
            "#barriers",
            "#registers",
            "#spills",
            "#shared B",
            "#idle threads/SM");
      } else {
        table(
            "case",
            "kernel",
            "#instructions",
            "#global loads",
            "#global stores",
            "#local accesses");
      }
      for (SuiteRow r : rows) {
        if (r.lane().equals(lane)) {
          for (Evidence.Counters k : r.evidence().kernels()) {
            counterRow(r, k, gpu, moved);
          }
        }
      }
      end();
      s.append("</details>\n");
    }
  }

  private void counterRow(
      SuiteRow r, Evidence.Counters k, boolean gpu, Map<String, Gate.Change> moved) {
    Map<String, Long> v = k.values();
    String key = r.lane() + r.result().caseId() + k.kernel();
    List<String> cells = new ArrayList<>();
    cells.add(escape(r.result().caseId()));
    cells.add(escape(k.kernel()));
    if (gpu) {
      long bytes = 32 * v.getOrDefault("global.footprint_sectors.grid", 0L);
      long all =
          32
              * r.evidence().kernels().stream()
                  .mapToLong(x -> x.values().getOrDefault("global.footprint_sectors.grid", 0L))
                  .sum();
      cells.add(value(v, moved, key, "inst.warp"));
      cells.add(
          value(v, moved, key, "global.ld.sectors")
              + " + "
              + value(v, moved, key, "global.st.sectors"));
      cells.add("%,d".formatted(bytes));
      cells.add("%,.0f".formatted(r.bound().bytes()));
      cells.add(r.bound().bytes() > 0 ? "%.2f".formatted(all / r.bound().bytes()) : "–");
      for (String n :
          List.of(
              "shared.conflicts",
              "mma.macs",
              "barrier.waits",
              "ptxas.registers",
              "ptxas.spill_bytes")) {
        cells.add(value(v, moved, key, n));
      }
      cells.add(
          "%,d"
              .formatted(
                  v.getOrDefault("shared_static", 0L) + v.getOrDefault("shared_dynamic", 0L)));
      cells.add(value(v, moved, key, "ptxas.idle_threads_per_sm"));
    } else {
      for (String n : List.of("inst", "inst.load.global", "inst.store.global")) {
        cells.add(value(v, moved, key, n));
      }
      cells.add(
          "%,d"
              .formatted(
                  v.getOrDefault("inst.load.local", 0L) + v.getOrDefault("inst.store.local", 0L)));
    }
    row("", cells.toArray(String[]::new));
  }

  private static String value(
      Map<String, Long> v, Map<String, Gate.Change> moved, String key, String counter) {
    String text = "%,d".formatted(v.getOrDefault(counter, 0L));
    Gate.Change c = moved.get(key + counter);
    return c == null
        ? text
        : "<b class=\"%s\">%s</b> (%,d)".formatted(c.worse() ? "worse" : "better", text, c.was());
  }

  private void findings() {
    Map<String, List<SuiteRow>> by =
        result.rows().stream()
            .flatMap(
                r ->
                    r.evidence().findings().stream()
                        .map(
                            f ->
                                Map.entry(
                                    r.lane() + "\t" + f.error() + "\t" + f.id() + "\t" + f.text(),
                                    r)))
            .collect(
                Collectors.groupingBy(
                    Map.Entry::getKey,
                    java.util.TreeMap::new,
                    Collectors.mapping(Map.Entry::getValue, Collectors.toList())));
    if (by.isEmpty()) {
      return;
    }
    h2("Findings of the checkers");
    s.append("<details><summary>").append(by.size()).append(" findings</summary>\n");
    table("lane", "severity", "checker", "finding", "#cases");
    by.forEach(
        (k, rows) -> {
          String[] f = k.split("\t", 4);
          boolean error = Boolean.parseBoolean(f[1]);
          row(
              error ? "fail" : "skip",
              escape(f[0]),
              error ? "error" : "shown, not judged",
              escape(f[2]),
              escape(f[3]),
              "" + rows.size());
        });
    end();
    s.append("</details>\n");
  }

  private void ratios() {
    if (result.ratios().isEmpty()) {
      return;
    }
    h2("Time beside the other build (reported, not judged)");
    table("lane", "op", "#cases", "#time ÷ other", "#lowest round", "#highest round");
    for (SuiteResult.Ratio r : result.ratios()) {
      row(
          "",
          escape(r.lane()),
          escape(r.op()),
          "" + r.cases(),
          "%.2f".formatted(r.ratio()),
          "%.2f".formatted(r.lowest()),
          "%.2f".formatted(r.highest()));
    }
    end();
  }

  private void skips() {
    Map<String, List<String>> skips = result.skips();
    if (skips.isEmpty()) {
      return;
    }
    h2("Skipped, and why");
    table("why", "#rows", "which");
    skips.forEach(
        (why, what) ->
            row(
                "skip",
                escape(why),
                "" + what.size(),
                escape(
                    String.join(", ", what.subList(0, Math.min(8, what.size())))
                        + (what.size() > 8 ? ", …" : ""))));
    end();
  }

  private void cases() {
    h2("All cases");
    s.append("<details><summary>").append(result.rows().size()).append(" rows</summary>\n");
    table("lane", "case", "result", "#error ÷ tolerance", "#ms", "detail");
    for (SuiteRow r : result.rows()) {
      OpSuite.Result x = r.result();
      row(
          switch (x.status()) {
            case PASS -> "pass";
            case FAIL -> "fail";
            case REFUSED -> "skip";
          },
          escape(r.lane()),
          escape(x.caseId()),
          x.status() == OpSuite.Status.REFUSED
              ? "skipped"
              : x.status().name().toLowerCase(java.util.Locale.ROOT),
          "%.3f".formatted(x.worst()),
          "%.1f".formatted(r.nanos() / 1e6),
          escape(x.detail()));
    }
    end();
    s.append("</details>\n");
  }

  private void h2(String text) {
    s.append("<h2>").append(escape(text)).append("</h2>\n");
  }

  private void table(String... heads) {
    s.append("<div class=\"wide\"><table><tr>");
    for (String h : heads) { // "#" marks a column of numbers
      s.append(
          h.startsWith("#") ? "<th class=\"n\">" + escape(h.substring(1)) : "<th>" + escape(h));
    }
    s.append("</tr>\n");
  }

  /** Cells are HTML. */
  private void row(String kind, String... cells) {
    s.append(kind.isEmpty() ? "<tr>" : "<tr class=\"" + kind + "\">");
    for (String c : cells) {
      boolean number =
          !c.isEmpty()
              && (c.matches("(<b class=\"\\w+\">)?[+-]?[0-9][0-9,. ]*( %| \\+ .*|</b>.*)?"));
      s.append(number ? "<td class=\"n\">" : "<td>").append(c);
    }
    s.append("</tr>\n");
  }

  private void end() {
    s.append("</table></div>\n");
  }
}
