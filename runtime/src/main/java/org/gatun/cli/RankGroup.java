package org.gatun.cli;

import java.io.OutputStream;
import java.io.PrintStream;
import java.util.Optional;
import java.util.function.Function;
import org.gatun.backend.Backends;
import org.gatun.parallel.Communicator;
import org.gatun.parallel.CommunicatorException;
import org.gatun.parallel.Communicators;
import org.gatun.parallel.Deadlines;
import org.gatun.parallel.GroupSpec;
import org.gatun.parallel.RankEnvironment;

/** This process as one rank of a tensor-parallel run. */
final class RankGroup {
  private static final long GRACE_MILLIS = 800;

  private RankGroup() {}

  /** Joins the group that the environment describes, once the model is known. */
  static Function<String, Communicator> of(int ranks, String communicator) {
    RankEnvironment env =
        RankEnvironment.detect()
            .orElseThrow(
                () ->
                    new UsageException("--tp " + ranks + " needs ranks; start with gatun-launch"));
    if (env.worldSize() != ranks) {
      throw new UsageException(
          "--tp is "
              + ranks
              + ", but "
              + env.launcher()
              + " started "
              + env.worldSize()
              + " ranks");
    }
    if (env.rank() > 0) {
      // All ranks compute the same answer; one says it.
      System.setOut(new PrintStream(OutputStream.nullOutputStream()));
    }
    String name = communicator.equals("auto") ? (env.oneHost() ? "shm" : "mpi") : communicator;
    return identity ->
        Communicators.open(
            name,
            GroupSpec.of(env.rank(), env.worldSize(), env.job(), identity)
                .withDeadlines(Deadlines.of(System.getenv()))
                .withOnFailure(RankGroup::endSoon)
                .withOnWait(line -> System.err.println("gatun: " + line)));
  }

  /**
   * Whether the ranks are threads of this process: the backend knows best, {@code GATUN_RANKS} is
   * {@code threads} or {@code processes} where it shall not decide.
   */
  static boolean isInProcess(int ranks, String backend) {
    if (ranks < 2 || RankEnvironment.detect().isPresent()) {
      return false;
    }
    String chosen = System.getenv().getOrDefault("GATUN_RANKS", "auto");
    return switch (chosen) {
      case "threads" -> true;
      case "processes" -> false;
      case "auto" ->
          Backends.all().stream().anyMatch(p -> p.name().equals(backend) && p.ranksShareProcess());
      default ->
          throw new UsageException("GATUN_RANKS is " + chosen + "; it is threads or processes");
    };
  }

  /** True on every rank but the first. */
  static boolean isSilent() {
    return RankEnvironment.detect().map(e -> e.rank() > 0).orElse(false);
  }

  /** A seed that all ranks of a run share and that differs from run to run. */
  static long seed() {
    Optional<RankEnvironment> env = RankEnvironment.detect();
    return env.isPresent() ? env.get().job().hashCode() : System.nanoTime();
  }

  /**
   * A rank in the middle of long work ends too, even where it would not soon reach a collective.
   */
  private static void endSoon(CommunicatorException failure) {
    try {
      Thread.sleep(GRACE_MILLIS);
    } catch (InterruptedException e) {
      return;
    }
    System.err.println("gatun: " + failure.getMessage());
    System.err.flush();
    Runtime.getRuntime().halt(1);
  }
}
