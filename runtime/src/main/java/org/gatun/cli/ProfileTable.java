package org.gatun.cli;

import java.io.PrintStream;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.gatun.backend.Program.OpProfile;
import org.gatun.backend.Program.Roofline;
import org.jspecify.annotations.Nullable;

/**
 * Prints where a run's time went, by kind of op. Beside a roofline, "of roof" is the time that the
 * op's bytes or floating-point operations (whichever takes longer) cost at the device's measured
 * best, as a share of the time it took.
 */
final class ProfileTable {
  private ProfileTable() {}

  static void print(PrintStream out, List<OpProfile> profile, @Nullable Roofline roof) {
    if (profile.isEmpty()) {
      out.println("gatun: this backend measured no ops");
      return;
    }
    Map<String, OpProfile> byOp = new LinkedHashMap<>();
    double total = 0;
    for (OpProfile p : profile) {
      total += p.nanos();
      byOp.merge(
          p.op(),
          p,
          (a, b) ->
              new OpProfile(
                  a.op(),
                  a.op(),
                  a.calls() + b.calls(),
                  a.nanos() + b.nanos(),
                  a.bytes() + b.bytes(),
                  a.flops() + b.flops()));
    }
    out.printf(
        "%-16s %8s %10s %6s %10s %11s %9s %9s%s%n",
        "op",
        "calls",
        "ms",
        "%",
        "MB",
        "MFLOP",
        "GB/s",
        "GFLOP/s",
        roof == null ? "" : "  of roof");
    List<OpProfile> rows =
        byOp.values().stream()
            .sorted(Comparator.comparingLong(OpProfile::nanos).reversed())
            .toList();
    for (OpProfile p : rows) {
      out.printf(
          "%-16s %8d %10.1f %6.1f %10.2f %11.2f %9.2f %9.2f%s%n",
          p.op(),
          p.calls(),
          p.nanos() / 1e6,
          100 * p.nanos() / total,
          p.bytes() / 1e6,
          p.flops() / 1e6,
          p.bytes() / p.nanos(),
          p.flops() / p.nanos(),
          roof == null ? "" : "%8.0f%%".formatted(100 * least(p, roof) / p.nanos()));
    }
    if (roof != null) {
      out.printf("measured roof: %.1f GB/s, %.1f GFLOP/s%n", roof.gigabytes(), roof.gigaflops());
    }
  }

  private static double least(OpProfile p, Roofline roof) {
    return Math.max(p.bytes() / roof.gigabytes(), p.flops() / roof.gigaflops());
  }
}
