package org.gatun.cli;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.gatun.parallel.RankEnvironment;
import org.gatun.parallel.launch.Launcher;
import picocli.CommandLine.ParseResult;

/** Starts a command line once per rank, with this JVM's own flags. */
final class TensorParallelRun {
  private TensorParallelRun() {}

  /**
   * Whether the parsed command asks for several ranks and no launcher has made this one of them.
   */
  static boolean needsLauncher(ParseResult parsed) {
    ParseResult command = parsed.hasSubcommand() ? parsed.subcommand() : parsed;
    int ranks = command.matchedOptionValue("--tp", 1);
    return !(command.commandSpec().userObject() instanceof LaunchCommand)
        && ranks > 1
        && RankEnvironment.detect().isEmpty()
        && !RankGroup.isInProcess(ranks, command.matchedOptionValue("--backend", "auto"));
  }

  static int start(ParseResult parsed) {
    int ranks = parsed.subcommand().matchedOptionValue("--tp", 1);
    Launcher.Plan plan =
        new Launcher.Plan(command(parsed.originalArgs()), ranks, 0, ranks, List.of(), true, "");
    return start(plan);
  }

  static int start(Launcher.Plan plan) {
    try {
      return new Launcher(plan).run(System.in, System.out, System.err);
    } catch (IOException e) {
      System.err.println("gatun: cannot start a rank: " + e.getMessage());
      return 1;
    } catch (InterruptedException e) {
      return 130;
    }
  }

  /** {@code java <this JVM's flags> org.gatun.cli.Main <args>}. */
  static List<String> command(List<String> args) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
    command.add("-cp");
    command.add(System.getProperty("java.class.path"));
    command.add(Main.class.getName());
    command.addAll(args);
    return command;
  }
}
