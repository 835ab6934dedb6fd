package org.gatun.cli;

import java.nio.file.Path;
import org.gatun.generate.Engine;
import org.gatun.generate.EngineOptions;
import org.gatun.generate.Request;
import org.gatun.generate.Session;
import org.gatun.parallel.launch.RankGuard;

/**
 * A rank that is held up while it loads, and then says a few words: {@code MODEL MILLIS}, and the
 * environment that a launcher gives. Prints LOADING once the group stands and its weights are read.
 */
final class LoadingRank {
  private LoadingRank() {}

  public static void main(String[] args) {
    RankGuard.install();
    long millis = Long.parseLong(args[1]);
    EngineOptions options =
        EngineOptions.of(Path.of(args[0]))
            .withBackend("jvm", "", 1)
            .withContext(64, 1)
            .withReports((what, done, total) -> stay(done == total ? millis : 0), notice -> {})
            .withGroup(RankGroup.of(2, "shm"));
    try (Engine e = Engine.load(options);
        Session s = e.session()) {
      System.err.println("TEXT " + s.generate("A", Request.greedy(4), piece -> {}).text());
    }
  }

  private static void stay(long millis) {
    if (millis == 0) {
      return;
    }
    System.err.println("LOADING");
    System.err.flush();
    try {
      Thread.sleep(millis);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }
}
