package org.gatun.parallel.launch;

/** Ends a rank whose launcher is gone: nobody would collect or stop it any more. */
public final class RankGuard {
  private static final long PERIOD_MILLIS = 250;

  private RankGuard() {}

  /** Watches the launcher that {@code GATUN_LAUNCHER_PID} names, if it names one. */
  public static void install() {
    String text = System.getenv("GATUN_LAUNCHER_PID");
    if (text == null || !text.matches("\\d{1,18}")) {
      return;
    }
    long pid = Long.parseLong(text);
    Thread unused =
        Thread.ofPlatform().daemon().name("gatun-launcher-watch").start(() -> watch(pid));
  }

  private static void watch(long pid) {
    // The handle remembers the start time, so a reused number is not taken for the launcher.
    ProcessHandle launcher = ProcessHandle.of(pid).orElse(null);
    while (launcher != null && launcher.isAlive()) {
      try {
        Thread.sleep(PERIOD_MILLIS);
      } catch (InterruptedException e) {
        return;
      }
    }
    System.err.println("gatun: the launcher (process " + pid + ") is gone; this rank ends");
    Runtime.getRuntime().halt(1);
  }
}
