package org.gatun.backend.suite;

import java.io.File;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Runs a lane in a process of its own, on this process's class path, and collects its rows. A case
 * that takes the process down, or does not end, is a failed row; the rest goes on in a new process.
 */
public final class LaneProcess {
  private static final int MOST_DEATHS = 8;

  /** A program that starts lanes' processes, an emulator of another CPU for example; or empty. */
  private static final String LAUNCHER = System.getProperty("gatun.kernels.launcher", "");

  private static final Pattern CRASH =
      Pattern.compile("#  (SIG\\w+).*?# Problematic frame:\\n# ([^\\n]*)", Pattern.DOTALL);

  private final Path dir;
  private final Duration patience;
  private final String classPath;

  /**
   * A runner.
   *
   * @param dir scratch folder; each lane gets a folder in it
   * @param patience how long one case may take
   */
  public LaneProcess(Path dir, Duration patience) {
    this(
        dir,
        patience,
        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")));
  }

  private LaneProcess(Path dir, Duration patience, String classPath) {
    this.dir = dir;
    this.patience = patience;
    this.classPath = classPath;
  }

  /** The same on another class path. */
  LaneProcess on(String otherClassPath) {
    return new LaneProcess(dir, patience, otherClassPath);
  }

  /**
   * Runs {@code mainClass args… --rows FILE} until all its cases are done.
   *
   * @param mainClass a main that skips cases of which FILE has rows, and adds the others
   */
  public List<SuiteRow> run(Lane lane, String mainClass, List<String> args)
      throws IOException, InterruptedException {
    if (!lane.missing().isEmpty()) {
      return List.of(skip(lane, lane.missing()));
    }
    Path home = Files.createDirectories(dir.resolve(lane.name())).toAbsolutePath();
    Path rows = home.resolve("rows.jsonl");
    for (String old : List.of("rows.jsonl", "stdout", "stderr", "log")) {
      Files.deleteIfExists(home.resolve(old));
    }
    for (int deaths = 0; ; ) {
      String end = once(lane, home, rows, command(lane, home, mainClass, args, rows));
      if (end == null) {
        break;
      }
      RowFile.Content c = RowFile.read(rows);
      if (c.running() == null || c.runningOp() == null) {
        return c.rows().isEmpty() ? List.of(died(lane, "–", "(process)", end, home)) : c.rows();
      }
      try (RowFile f = new RowFile(rows)) {
        f.add(died(lane, c.runningOp(), c.running(), end, home));
      }
      if (++deaths == MOST_DEATHS) {
        try (RowFile f = new RowFile(rows)) {
          f.add(died(lane, "–", "(rest)", "given up after " + deaths + " deaths", home));
        }
        break;
      }
    }
    return RowFile.read(rows).rows();
  }

  static SuiteRow skip(Lane lane, String why) {
    return SuiteRow.bare(
        lane.name(), "–", new OpSuite.Result("(lane)", OpSuite.Status.REFUSED, why, 0));
  }

  private static SuiteRow died(Lane lane, String op, String caseId, String how, Path home) {
    return SuiteRow.bare(
        lane.name(),
        op,
        new OpSuite.Result(
            caseId,
            OpSuite.Status.FAIL,
            how + lastWords(home.resolve("stderr")) + " (log: " + home.resolve("stderr") + ")",
            Double.NaN));
  }

  private static String lastWords(Path log) {
    try {
      List<String> lines =
          Files.readAllLines(log, StandardCharsets.ISO_8859_1).stream()
              .filter(l -> !l.isBlank() && !l.startsWith("WARNING: Using incubator"))
              .toList();
      return lines.isEmpty() ? "" : ": " + lines.getLast().strip();
    } catch (IOException e) {
      return "";
    }
  }

  private static Path crashLog(Path home, String pid) {
    return home.resolve("hs_err_pid" + pid + ".log");
  }

  /** The signal and the frame that HotSpot's crash log names; empty if it wrote none. */
  private static String crash(Path log) {
    try {
      Matcher m = CRASH.matcher(Files.readString(log, StandardCharsets.ISO_8859_1));
      return m.find() ? ": " + m.group(1) + " in " + m.group(2) + " (" + log + ")" : "";
    } catch (IOException e) {
      return "";
    }
  }

  private List<String> command(
      Lane lane, Path home, String mainClass, List<String> args, Path rows) {
    List<String> command = new ArrayList<>();
    if (!LAUNCHER.isEmpty()) {
      command.add(LAUNCHER);
    }
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    for (String a : ManagementFactory.getRuntimeMXBean().getInputArguments()) {
      if (!a.contains("SharedArchive") && !a.startsWith("-Xlog") && !a.startsWith("-javaagent")) {
        command.add(a);
      }
    }
    command.add("-XX:ErrorFile=" + crashLog(home, "%p"));
    lane.properties().forEach((k, v) -> command.add("-D" + k + "=" + Lane.resolve(v, home)));
    command.add("-cp");
    command.add(classPath);
    command.add(mainClass);
    command.addAll(args);
    command.add("--rows");
    command.add(rows.toString());
    return command;
  }

  /** Null if the process ended well (whatever its rows say), else how it ended. */
  private @Nullable String once(Lane lane, Path home, Path rows, List<String> command)
      throws IOException, InterruptedException {
    ProcessBuilder b = new ProcessBuilder(command);
    lane.environment().forEach((k, v) -> b.environment().put(k, Lane.resolve(v, home)));
    File out = home.resolve("stdout").toFile();
    File err = home.resolve("stderr").toFile();
    b.redirectOutput(ProcessBuilder.Redirect.appendTo(out));
    b.redirectError(ProcessBuilder.Redirect.appendTo(err));
    Process p = b.start();
    Thread hook = new Thread(p::destroyForcibly);
    Runtime.getRuntime().addShutdownHook(hook);
    try {
      long size = -1;
      long idle = 0; // in looks of a second, so that a suspended machine is no hang
      while (!p.waitFor(1, TimeUnit.SECONDS)) {
        long now = Files.exists(rows) ? Files.size(rows) : 0;
        if (now != size) {
          size = now;
          idle = 0;
        } else if (++idle > patience.toSeconds()) {
          p.destroyForcibly().waitFor();
          return "no result within " + patience.toSeconds() + " s";
        }
      }
      int exit = p.exitValue();
      return exit == 0
          ? null
          : "the process died with exit code "
              + exit
              + crash(crashLog(home, Long.toString(p.pid())));
    } finally {
      Runtime.getRuntime().removeShutdownHook(hook);
    }
  }
}
