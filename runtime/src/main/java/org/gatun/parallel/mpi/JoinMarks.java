package org.gatun.parallel.mpi;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.gatun.parallel.CommunicatorException;
import org.gatun.parallel.GroupSpec;
import org.gatun.parallel.MissingRanks;
import org.gatun.parallel.RankEnvironment;

/**
 * Which ranks of this host have come. MPI's start returns nowhere before it has returned everywhere
 * and says nothing meanwhile, so every rank leaves an empty file before it starts MPI. It lies in
 * the folder that the launcher keeps for the job on each host and removes at its end.
 */
final class JoinMarks {
  private final Path folder;
  private final String job;
  private final RankEnvironment env;

  private JoinMarks(Path folder, String job, RankEnvironment env) {
    this.folder = folder;
    this.job = job;
    this.env = env;
  }

  /** Where this environment allows; empty if the launcher keeps no folder. */
  static Optional<JoinMarks> of(Map<String, String> env) {
    String folder = env.get("PMIX_SERVER_TMPDIR");
    Optional<RankEnvironment> ranks = RankEnvironment.detect(env);
    if (folder == null || ranks.isEmpty() || ranks.get().localSize() < 1) {
      return Optional.empty();
    }
    String job = env.getOrDefault("PMIX_NAMESPACE", "").replaceAll("[^A-Za-z0-9._-]", "_");
    return Optional.of(new JoinMarks(Path.of(folder), job, ranks.get()));
  }

  /** This rank has come. Without a mark it counts as missing, no more: errors are not told. */
  void mark() {
    try {
      Files.createFile(file(env.localRank()));
    } catch (IOException e) {
      // The folder is not ours to write, or the launcher is ending.
    }
  }

  /** Whether this rank is the one of its host that says what is wrong: true once, on one rank. */
  boolean speaks() {
    try {
      Files.createFile(folder.resolve("gatun-" + job + "-joining-late"));
      return true;
    } catch (FileAlreadyExistsException e) {
      return false;
    } catch (IOException e) {
      // Nothing can be agreed on: a line too many is better than none.
      return true;
    }
  }

  /** Whether a rank of this host has not come. */
  boolean someMissingHere() {
    return !local(false).isEmpty();
  }

  /** The failure at the deadline. */
  CommunicatorException late(GroupSpec spec) {
    String group =
        "the group of %d ranks within %d s"
            .formatted(spec.worldSize(), spec.deadlines().join().toSeconds());
    List<Integer> missing = local(false);
    if (missing.isEmpty()) {
      return new CommunicatorException(
          -1,
          "a rank of another host did not join " + group + "; all ranks of this host wait for it");
    }
    if (env.oneHost()) {
      return MissingRanks.failure(missing, "did not join " + group, local(true));
    }
    return new CommunicatorException(
        -1,
        "rank %s of the %d on the host of rank %d did not join %s"
            .formatted(MissingRanks.text(missing), env.localSize(), env.rank(), group));
  }

  private List<Integer> local(boolean there) {
    return IntStream.range(0, env.localSize())
        .filter(r -> Files.exists(file(r)) == there)
        .boxed()
        .toList();
  }

  private Path file(int localRank) {
    return folder.resolve("gatun-" + job + "-joining-" + localRank);
  }
}
