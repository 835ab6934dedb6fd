package org.gatun.parallel.launch;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Starts one process per rank and keeps them one job: rank 0's standard output alone passes,
 * standard error is marked with the rank line by line, standard input goes to all. When a rank
 * fails the others get a moment to say why and are then ended; the first failing code is the job's.
 */
public final class Launcher {
  private static final long GRACE_MILLIS = 2500;
  private static final long TERMINATE_MILLIS = 1500;

  private final Plan plan;
  private final List<Process> processes = new ArrayList<>();

  /**
   * What to start.
   *
   * @param command the rank's command line
   * @param ranks processes to start here
   * @param firstRank rank of the first of them
   * @param worldSize ranks of the whole job
   * @param devices device of each local rank, or empty
   * @param pin whether to give each rank its own cores
   * @param job name shared by all ranks; empty for a new one
   */
  public record Plan(
      List<String> command,
      int ranks,
      int firstRank,
      int worldSize,
      List<String> devices,
      boolean pin,
      String job) {
    /** Copies the lists and checks the numbers. */
    public Plan {
      command = List.copyOf(command);
      devices = List.copyOf(devices);
      if (ranks < 1 || firstRank < 0 || firstRank + ranks > worldSize) {
        throw new IllegalArgumentException(
            "ranks " + firstRank + "+" + ranks + " do not fit a job of " + worldSize);
      }
      if (!devices.isEmpty() && devices.size() != ranks) {
        throw new IllegalArgumentException(
            devices.size() + " devices are given for " + ranks + " ranks on this host");
      }
      job = job.isEmpty() ? UUID.randomUUID().toString() : job;
    }

    /** Cores of a local rank; empty if it is not pinned. */
    public List<Integer> cores(int local) {
      return pin && taskset() ? Cores.share(Cores.allowed(), local, ranks) : List.of();
    }

    private static boolean taskset() {
      return Files.isExecutable(Path.of("/usr/bin/taskset"))
          || Files.isExecutable(Path.of("/bin/taskset"));
    }

    Map<String, String> environment(int local) {
      Map<String, String> env = new LinkedHashMap<>();
      env.put("GATUN_RANK", "" + (firstRank + local));
      env.put("GATUN_WORLD_SIZE", "" + worldSize);
      env.put("GATUN_LOCAL_RANK", "" + local);
      env.put("GATUN_LOCAL_SIZE", "" + ranks);
      env.put("GATUN_JOB", job);
      env.put("GATUN_TP", "" + worldSize);
      env.put("GATUN_LAUNCHER_PID", "" + ProcessHandle.current().pid());
      if (!devices.isEmpty()) {
        env.put("GATUN_DEVICE", devices.get(local));
      }
      return env;
    }
  }

  /** A launcher for this plan. */
  public Launcher(Plan plan) {
    this.plan = plan;
  }

  /**
   * Runs the job to its end.
   *
   * @return 0 if all ranks returned 0, else the code of the first that failed
   */
  public int run(InputStream in, PrintStream out, PrintStream err)
      throws IOException, InterruptedException {
    Thread hook = new Thread(this::endAll);
    Runtime.getRuntime().addShutdownHook(hook);
    BlockingQueue<Integer> exits = new LinkedBlockingQueue<>();
    List<Thread> pumps = new ArrayList<>();
    try {
      for (int r = 0; r < plan.ranks(); r++) {
        Process p = start(r);
        processes.add(p);
        int rank = plan.firstRank() + r;
        int local = r;
        pumps.add(pump(() -> copyOut(p.getInputStream(), rank == 0 ? out : null)));
        pumps.add(pump(() -> copyLines(p.getErrorStream(), rank, err)));
        p.onExit().thenRun(() -> exits.add(local));
      }
      Thread unused = pump(() -> copyIn(in));
      return await(exits, err);
    } finally {
      endAll();
      for (Thread t : pumps) {
        t.join(1000);
      }
      try {
        boolean unused = Runtime.getRuntime().removeShutdownHook(hook);
      } catch (IllegalStateException e) {
        // The JVM is going down already.
      }
    }
  }

  private int await(BlockingQueue<Integer> exits, PrintStream err) throws InterruptedException {
    for (int left = plan.ranks(); left > 0; left--) {
      int r = exits.take();
      int code = processes.get(r).exitValue();
      if (code != 0) {
        err.println(
            "gatun: rank " + (plan.firstRank() + r) + " " + ended(code) + "; ending the others");
        // Survivors notice by themselves and say what they were doing.
        waitForAll(GRACE_MILLIS);
        return code;
      }
    }
    return 0;
  }

  private static String ended(int code) {
    return code > 128 && code < 160
        ? "was killed by signal " + (code - 128)
        : "failed with code " + code;
  }

  private Process start(int local) throws IOException {
    List<String> command = new ArrayList<>();
    List<Integer> cores = plan.cores(local);
    if (!cores.isEmpty()) {
      command.addAll(List.of("taskset", "-c", Cores.text(cores)));
    }
    command.addAll(plan.command());
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().putAll(plan.environment(local));
    if (plan.pin() && cores.isEmpty()) {
      // More ranks than cores: a thread per core in each rank would only make them wait.
      builder.environment().putIfAbsent("GATUN_THREADS", "1");
    }
    return builder.start();
  }

  /** Asks all ranks to end, then insists. Also the way a signal to the launcher is passed on. */
  private void endAll() {
    for (Process p : processes) {
      if (p.isAlive()) {
        p.destroy();
      }
    }
    waitForAll(TERMINATE_MILLIS);
    for (Process p : processes) {
      // Destroying a process that has ended would close its streams, and the last log lines with
      // them.
      if (p.isAlive()) {
        Process unused = p.destroyForcibly();
      }
    }
  }

  private void waitForAll(long millis) {
    long end = System.nanoTime() + millis * 1_000_000;
    for (Process p : processes) {
      try {
        boolean unused = p.waitFor(Math.max(0, end - System.nanoTime()), TimeUnit.NANOSECONDS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return;
      }
    }
  }

  private interface Copy {
    void run() throws IOException;
  }

  private static Thread pump(Copy copy) {
    return Thread.ofPlatform()
        .daemon()
        .start(
            () -> {
              try {
                copy.run();
              } catch (IOException e) {
                // The stream's process ended.
              }
            });
  }

  private static void copyOut(InputStream in, @Nullable PrintStream out) throws IOException {
    byte[] buffer = new byte[8192];
    for (int n; (n = in.read(buffer)) >= 0; ) {
      if (out != null) {
        out.write(buffer, 0, n);
        out.flush();
      }
    }
  }

  /** Marks lines with their rank; a line is written at once, so ranks do not mix within one. */
  private static void copyLines(InputStream in, int rank, PrintStream err) throws IOException {
    byte[] mark = ("[" + rank + "] ").getBytes(StandardCharsets.UTF_8);
    ByteArrayOutputStream line = new ByteArrayOutputStream();
    byte[] buffer = new byte[8192];
    for (int n; (n = in.read(buffer)) >= 0; ) {
      for (int i = 0; i < n; i++) {
        if (line.size() == 0) {
          line.writeBytes(mark);
        }
        line.write(buffer[i]);
        if (buffer[i] == '\n' || line.size() > 8192) {
          flush(line, err);
        }
      }
    }
    flush(line, err);
  }

  private static void flush(ByteArrayOutputStream line, PrintStream err) {
    synchronized (err) {
      err.write(line.toByteArray(), 0, line.size());
      err.flush();
    }
    line.reset();
  }

  private void copyIn(InputStream in) throws IOException {
    byte[] buffer = new byte[8192];
    for (int n; (n = in.read(buffer)) >= 0; ) {
      for (Process p : processes) {
        write(p.getOutputStream(), buffer, n);
      }
    }
    for (Process p : processes) {
      p.getOutputStream().close();
    }
  }

  private static void write(OutputStream out, byte[] buffer, int n) {
    try {
      out.write(buffer, 0, n);
      out.flush();
    } catch (IOException e) {
      // That rank no longer reads.
    }
  }
}
