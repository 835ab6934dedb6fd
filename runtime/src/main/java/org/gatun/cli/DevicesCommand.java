package org.gatun.cli;

import java.io.PrintStream;
import java.util.concurrent.Callable;
import org.gatun.backend.BackendProvider;
import org.gatun.backend.Backends;
import picocli.CommandLine.Command;

/** {@code gatun devices}: which backends are there, and why the others are not. */
@Command(
    name = "devices",
    description = "List backends and devices, and what is missing.",
    mixinStandardHelpOptions = true)
final class DevicesCommand implements Callable<Integer> {
  @Override
  public Integer call() {
    explain(System.out);
    return 0;
  }

  static void explain(PrintStream out) {
    for (BackendProvider p : Backends.all()) {
      BackendProvider.Availability a = p.probe();
      out.printf(
          "%-10s %-4s %s%s%n",
          p.name(),
          a.usable() ? "yes" : "no",
          a.description(),
          a.remedy().isEmpty() ? "" : "  → " + a.remedy());
    }
  }
}
