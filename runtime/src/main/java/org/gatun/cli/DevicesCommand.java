package org.gatun.cli;

import java.io.PrintStream;
import java.util.concurrent.Callable;
import org.gatun.backend.BackendProvider;
import org.gatun.backend.Backends;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code gatun devices}: which backends are there, and why the others are not. */
@Command(
    name = "devices",
    description = "List backends and devices, and what is missing.",
    mixinStandardHelpOptions = true)
final class DevicesCommand implements Callable<Integer> {
  @Option(
      names = "--auto",
      description = "Print only the names that auto would try, in its order (for scripts).")
  private boolean auto;

  @Override
  public Integer call() {
    if (auto) {
      Backends.auto().forEach(p -> System.out.println(p.name()));
    } else {
      explain(System.out);
    }
    return 0;
  }

  /** One line per backend that {@code auto} passes over, and what it tries, in its order. */
  static void explainAuto(PrintStream out) {
    for (BackendProvider p : Backends.all()) {
      String why = Backends.passedOver(p);
      out.println(
          why.isEmpty()
              ? "gatun: auto tries " + p.name()
              : "gatun: auto passes over " + p.name() + ": " + why);
    }
  }

  static void explain(PrintStream out) {
    for (BackendProvider p : Backends.all()) {
      BackendProvider.Availability a = p.probe();
      out.printf(
          "%-12s %-4s %s%s%n",
          p.name(),
          a.usable() ? "yes" : "no",
          a.description(),
          a.remedy().isEmpty() ? "" : "  → " + a.remedy());
    }
  }
}
