package org.gatun.cli;

import java.io.PrintStream;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.gatun.backend.Program.OpProfile;

/** Prints where a run's time went, by kind of op. */
final class ProfileTable {
  private ProfileTable() {}

  static void print(PrintStream out, List<OpProfile> profile) {
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
    out.printf("%-16s %8s %10s %6s %9s %9s%n", "op", "calls", "ms", "%", "GB/s", "GFLOP/s");
    List<OpProfile> rows =
        byOp.values().stream()
            .sorted(Comparator.comparingLong(OpProfile::nanos).reversed())
            .toList();
    for (OpProfile p : rows) {
      out.printf(
          "%-16s %8d %10.1f %6.1f %9.2f %9.2f%n",
          p.op(),
          p.calls(),
          p.nanos() / 1e6,
          100 * p.nanos() / total,
          p.bytes() / p.nanos(),
          p.flops() / p.nanos());
    }
  }
}
