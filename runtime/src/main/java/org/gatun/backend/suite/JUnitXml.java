package org.gatun.backend.suite;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** JUnit's XML of a run: a test case per row, and one per lane for its gate; refusals are skips. */
public final class JUnitXml {
  private JUnitXml() {}

  /** Writes the file. */
  public static void write(SuiteResult result, Path file) throws IOException {
    StringBuilder s = new StringBuilder("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    List<Gate.Outcome> gates = result.gates();
    s.append(
        "<testsuite name=\"gatun kernels\" tests=\"%d\" failures=\"%d\" skipped=\"%d\">%n"
            .formatted(
                result.rows().size() + gates.size(),
                result.count(OpSuite.Status.FAIL)
                    + gates.stream().filter(Gate.Outcome::failed).count(),
                result.count(OpSuite.Status.REFUSED)
                    + gates.stream().filter(g -> !g.skipped().isEmpty()).count()));
    for (SuiteRow r : result.rows()) {
      String detail = r.result().detail();
      testcase(
          s,
          r.lane() + "." + r.op(),
          r.result().caseId(),
          r.nanos() / 1e9,
          switch (r.result().status()) {
            case PASS -> "";
            case FAIL -> message("failure", detail + "; replay: " + result.replay(r));
            case REFUSED -> message("skipped", detail);
          });
    }
    for (Gate.Outcome g : gates) {
      String failures = String.join("\n", g.failures());
      testcase(
          s,
          g.lane() + ".counters",
          "counters beside baselines",
          0,
          !g.skipped().isEmpty()
              ? message("skipped", g.skipped())
              : failures.isEmpty() ? "" : message("failure", failures));
    }
    Files.writeString(file, s.append("</testsuite>\n"));
  }

  private static void testcase(
      StringBuilder s, String type, String name, double seconds, String body) {
    s.append(
        "  <testcase classname=\"%s\" name=\"%s\" time=\"%.4f\">%s</testcase>%n"
            .formatted(escape(type), escape(name), seconds, body));
  }

  private static String message(String kind, String text) {
    return "<" + kind + " message=\"" + escape(text) + "\"/>";
  }

  /** Text for XML and HTML. */
  static String escape(String s) {
    return s.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("\"", "&quot;")
        .replace("\n", "&#10;");
  }
}
