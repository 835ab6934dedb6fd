package org.gatun.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.gatun.backend.BackendProvider;
import org.gatun.backend.Backends;
import picocli.CommandLine.Command;

/** {@code gatun doctor}: what is missing on this machine, with a one-line remedy each. */
@Command(
    name = "doctor",
    description = "Check this machine and say what to do about what is missing.",
    mixinStandardHelpOptions = true)
final class DoctorCommand implements Callable<Integer> {
  private int problems;

  @Override
  public Integer call() {
    check(
        Runtime.version().feature() >= 25,
        "Java " + Runtime.version().feature(),
        "install a JDK 25 and set JAVA_HOME");
    check(
        ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent(),
        "Vector API",
        "start with --add-modules jdk.incubator.vector (bin/gatun does)");
    boolean compiled =
        !java.lang.management.ManagementFactory.getRuntimeMXBean()
            .getInputArguments()
            .contains("-XX:TieredStopAtLevel=1");
    check(
        compiled,
        "C2 compiler",
        "remove -XX:TieredStopAtLevel=1: vector code is about 100 times slower without C2");
    check(
        System.getProperty("os.arch", "").equals("amd64")
            || System.getProperty("os.arch", "").equals("aarch64"),
        "processor " + System.getProperty("os.arch"),
        "Gatun is tested on x86-64");
    Path cache = ModelPaths.cacheDir();
    check(writable(cache), "cache folder " + cache, "make it writable or set GATUN_HOME");
    for (BackendProvider p : Backends.all()) {
      BackendProvider.Availability a = p.probe();
      System.out.printf(
          "%-5s backend %s: %s%s%n",
          a.usable() ? "ok" : "–",
          p.name(),
          a.description(),
          a.usable() ? "" : "  → " + a.remedy());
    }
    if (System.getenv("POCL_SIGFPE_HANDLER") == null) {
      System.out.println(
          "note  POCL_SIGFPE_HANDLER=0 and POCL_SIGUSR2_HANDLER=0 keep PoCL from taking the JVM's signals (bin/gatun sets them)");
    }
    return problems == 0 ? 0 : 1;
  }

  private void check(boolean ok, String what, String remedy) {
    problems += ok ? 0 : 1;
    System.out.printf("%-5s %s%s%n", ok ? "ok" : "FAIL", what, ok ? "" : "  → " + remedy);
  }

  private static boolean writable(Path dir) {
    try {
      Files.createDirectories(dir);
      return Files.isWritable(dir);
    } catch (java.io.IOException e) {
      return false;
    }
  }
}
