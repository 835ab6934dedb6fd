package org.gatun.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.gatun.attention.KvFullException;
import org.gatun.backend.BackendException;
import org.gatun.generate.GenerationException;
import org.gatun.graph.GraphException;
import org.gatun.model.ModelFormatException;
import org.gatun.parallel.CommunicatorException;
import org.gatun.parallel.launch.RankGuard;
import org.gatun.prefix.PrefixFormatException;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ScopeType;

/** The {@code gatun} command: exit 0 when done, 1 on failure, 2 on wrong usage. */
@Command(
    name = "gatun",
    description = "Runs large language models on the JVM, OpenCL, CUDA or TornadoVM.",
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    subcommands = {
      RunCommand.class,
      BenchCommand.class,
      PerplexityCommand.class,
      PrefixCommand.class,
      TokenizeCommand.class,
      InspectCommand.class,
      DevicesCommand.class,
      DoctorCommand.class,
      LaunchCommand.class,
      ModelsCommand.class,
      KernelsCommand.class
    },
    footer = {"", "Start with:  gatun run -p \"Once upon a time\""})
public final class Main implements Runnable {
  @Option(
      names = {"-v", "--verbose"},
      scope = ScopeType.INHERIT,
      description = "Show stack traces of failures.")
  private boolean verbose;

  private Main() {}

  /** Runs a command line and exits with its code. */
  public static void main(String[] args) {
    PrintStream out = utf8(FileDescriptor.out);
    PrintStream err = utf8(FileDescriptor.err);
    System.setOut(out);
    System.setErr(err);
    RankGuard.install();
    int code = run(args);
    out.flush();
    err.flush();
    System.exit(code);
  }

  /** Runs a command line and returns its exit code. */
  public static int run(String... args) {
    Main main = new Main();
    CommandLine cli = new CommandLine(main).setCaseInsensitiveEnumValuesAllowed(true);
    cli.setParameterExceptionHandler(
        (e, a) -> {
          System.err.println(
              "gatun: "
                  + oneLine(e)
                  + "  ("
                  + e.getCommandLine().getCommandSpec().qualifiedName()
                  + " --help)");
          return 2;
        });
    cli.setExecutionExceptionHandler(
        (e, command, parsed) -> {
          if (main.verbose) {
            e.printStackTrace();
          }
          System.err.println("gatun: " + explain(e));
          return e instanceof UsageException ? 2 : 1;
        });
    cli.setExecutionStrategy(
        parsed ->
            TensorParallelRun.needsLauncher(parsed)
                ? TensorParallelRun.start(parsed)
                : new CommandLine.RunLast().execute(parsed));
    try {
      return cli.execute(args);
    } catch (OutOfMemoryError e) {
      if (main.verbose) {
        e.printStackTrace();
      }
      System.err.println(
          "gatun: out of memory: "
              + oneLine(e)
              + "; use a smaller --ctx-size, or give the JVM more (GATUN_JVM_OPTS=-Xmx…)");
      return 1;
    }
  }

  @Override
  public void run() {
    CommandLine.usage(this, System.out);
  }

  private static String explain(Exception e) {
    boolean expected =
        e instanceof UsageException
            || e instanceof ModelFormatException
            || e instanceof GenerationException
            || e instanceof BackendException
            || e instanceof KvFullException
            || e instanceof CommunicatorException
            || e instanceof GraphException
            || e instanceof PrefixFormatException
            || e instanceof java.io.IOException;
    return expected
        ? oneLine(e)
        : "internal error: "
            + e.getClass().getSimpleName()
            + ": "
            + oneLine(e)
            + "  (-v shows where)";
  }

  private static String oneLine(Throwable e) {
    String m = e.getMessage();
    return (m == null ? e.getClass().getSimpleName() : m).strip().replaceAll("\\s*\\R\\s*", " ");
  }

  private static PrintStream utf8(FileDescriptor fd) {
    return new PrintStream(new FileOutputStream(fd), true, StandardCharsets.UTF_8);
  }
}
