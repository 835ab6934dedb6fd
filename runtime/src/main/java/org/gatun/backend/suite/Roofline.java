package org.gatun.backend.suite;

import static org.gatun.backend.suite.JUnitXml.escape;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.gatun.backend.Evidence;

/**
 * A roofline plot (Williams, Waterman, Patterson 2009) of kernels that were counted, on the
 * published limits of one GPU. A point's height is a model from its counters, not a measurement.
 */
final class Roofline {
  /** NVIDIA H100 SXM: data sheet. */
  private static final double BANDWIDTH = 3.35e12;

  private static final double INT8 = 1979e12;
  private static final double F16 = 989e12;
  private static final double F32 = 67e12;
  private static final double ISSUE = 132 * 4 * 1.755e9;

  private static final double X0 = -2;
  private static final double X1 = 4;
  private static final double Y0 = 9;
  private static final double Y1 = 15.6;
  private static final int W = 860;
  private static final int H = 420;
  private static final int LEFT = 70;
  private static final int BOTTOM = 46;
  private static final int TOP = 14;
  private static final int RIGHT = 150;

  /**
   * One kernel in one case.
   *
   * @param intensity operations per byte of compulsory traffic
   * @param rate operations per second by the model
   * @param bound what limits it in the model
   */
  record Point(String op, String label, double intensity, double rate, String bound) {}

  private Roofline() {}

  /** A point per gated kernel that computes and has a footprint. */
  static List<Point> points(List<SuiteRow> rows) {
    List<Point> points = new ArrayList<>();
    for (SuiteRow r : rows) {
      for (Evidence.Counters k : r.evidence().kernels()) {
        long sectors = k.values().getOrDefault("global.footprint_sectors.grid", 0L);
        if (sectors > 0 && GateCases.contains(r)) {
          Point p = point(r, k, 32.0 * sectors);
          if (p.intensity > 0) {
            points.add(p);
          }
        }
      }
    }
    return points;
  }

  private static Point point(SuiteRow r, Evidence.Counters k, double bytes) {
    Map<String, Long> v = k.values();
    double matrix = 2.0 * v.getOrDefault("mma.macs", 0L);
    // A lane's f32 instruction may be a fused multiply-add; a dp4a is four of integers.
    double scalar =
        64.0 * v.getOrDefault("inst.warp.fp32", 0L) + 256.0 * v.getOrDefault("inst.warp.dp4a", 0L);
    boolean int8 = v.keySet().stream().anyMatch(n -> n.startsWith("mma") && n.contains("s8"));
    double[] times = {
      bytes / BANDWIDTH, matrix / (int8 ? INT8 : F16), v.getOrDefault("inst.warp", 0L) / ISSUE
    };
    int bound = 0;
    for (int i = 1; i < 3; i++) {
      bound = times[i] > times[bound] ? i : bound;
    }
    double ops = matrix + scalar;
    return new Point(
        r.op(),
        r.result().caseId() + " " + k.kernel(),
        ops / bytes,
        ops / times[bound],
        List.of("memory", "matrix units", "instruction issue").get(bound));
  }

  /** The plot; its colours come from the page. */
  static String svg(List<Point> points) {
    StringBuilder s = new StringBuilder();
    s.append(
        "<svg class=\"roofline\" viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"Roofline plot\">\n"
            .formatted(W, H));
    axes(s);
    roof(s, INT8, "int8 matrix 1,979 T/s");
    roof(s, F16, "f16 matrix 989 T/s");
    roof(s, F32, "f32 67 T/s");
    Map<String, Integer> colours = new LinkedHashMap<>();
    for (Point p : points) {
      int c = colours.computeIfAbsent(p.op, o -> colours.size() % 10);
      s.append(
          "<circle class=\"c%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"><title>%s: %.2f operations/B, %.1f G/s, bound by %s</title></circle>\n"
              .formatted(
                  c,
                  x(Math.log10(p.intensity)),
                  y(Math.log10(p.rate)),
                  escape(p.label),
                  p.intensity,
                  p.rate / 1e9,
                  p.bound));
    }
    int line = 0;
    for (var e : colours.entrySet()) {
      int at = TOP + 150 + 20 * line++;
      s.append(
          "<circle class=\"c%d\" cx=\"%d\" cy=\"%d\" r=\"4\"/><text x=\"%d\" y=\"%d\">%s</text>\n"
              .formatted(
                  e.getValue(), W - RIGHT + 16, at, W - RIGHT + 26, at + 4, escape(e.getKey())));
    }
    return s.append("</svg>").toString();
  }

  private static void axes(StringBuilder s) {
    for (int i = (int) X0; i <= X1; i++) {
      s.append(
          "<line class=\"grid\" x1=\"%1$.1f\" x2=\"%1$.1f\" y1=\"%2$d\" y2=\"%3$d\"/><text class=\"tick\" text-anchor=\"middle\" x=\"%1$.1f\" y=\"%4$d\">%5$s</text>\n"
              .formatted(
                  x(i),
                  TOP,
                  H - BOTTOM,
                  H - BOTTOM + 16,
                  i < 0 ? "0." + "0".repeat(-i - 1) + "1" : "1" + "0".repeat(i)));
    }
    String[] names = {"1 G/s", "10 G/s", "100 G/s", "1 T/s", "10 T/s", "100 T/s", "1,000 T/s"};
    for (int i = (int) Y0; i <= Y1; i++) {
      s.append(
          "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%3$.1f\" y2=\"%3$.1f\"/><text class=\"tick\" text-anchor=\"end\" x=\"%4$d\" y=\"%5$.1f\">%6$s</text>\n"
              .formatted(LEFT, W - RIGHT, y(i), LEFT - 8, y(i) + 4, names[i - (int) Y0]));
    }
    s.append(
        "<text text-anchor=\"middle\" x=\"%d\" y=\"%d\">operations per byte of footprint</text>\n"
            .formatted((LEFT + W - RIGHT) / 2, H - 8));
  }

  private static void roof(StringBuilder s, double peak, String name) {
    double knee = Math.log10(peak / BANDWIDTH);
    s.append(
        "<polyline class=\"roof\" points=\"%.1f,%.1f %.1f,%.1f %d,%.1f\"/><text class=\"tick\" x=\"%d\" y=\"%.1f\">%s</text>\n"
            .formatted(
                x(X0),
                y(Math.log10(BANDWIDTH) + X0),
                x(knee),
                y(Math.log10(peak)),
                W - RIGHT,
                y(Math.log10(peak)),
                W - RIGHT + 6,
                y(Math.log10(peak)) + 4,
                name));
  }

  private static double x(double log) {
    return LEFT + (Math.clamp(log, X0, X1) - X0) / (X1 - X0) * (W - RIGHT - LEFT);
  }

  private static double y(double log) {
    return H - BOTTOM - (Math.clamp(log, Y0, Y1) - Y0) / (Y1 - Y0) * (H - BOTTOM - TOP);
  }
}
