package org.gatun.cli;

import java.nio.file.Path;
import org.gatun.generate.Engine;
import org.gatun.generate.EngineOptions;

/**
 * A rank whose load never ends: {@code MODEL}, and the environment that a launcher gives. Prints
 * LOADING once the group stands and its weights are read.
 */
final class LoadingRank {
  private LoadingRank() {}

  public static void main(String[] args) {
    EngineOptions options =
        EngineOptions.of(Path.of(args[0]))
            .withBackend("jvm", "", 1)
            .withContext(64, 1)
            .withReports((what, done, total) -> stay(), notice -> {})
            .withGroup(RankGroup.of(2, "shm"));
    Engine.load(options).close();
    throw new IllegalStateException("the model was loaded");
  }

  private static void stay() {
    System.err.println("LOADING");
    System.err.flush();
    try {
      Thread.sleep(60_000);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }
}
