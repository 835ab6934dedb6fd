package org.gatun.parallel;

import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What a launcher told this process through its environment.
 *
 * @param launcher who started the ranks: {@code gatun}, {@code torchrun}, {@code mpirun}, {@code
 *     srun}
 * @param rank this process among all
 * @param worldSize all processes
 * @param localRank this process among those of its host
 * @param localSize processes of this host, or -1 where the launcher does not say
 * @param job name of the run, the same on all ranks
 */
public record RankEnvironment(
    String launcher, int rank, int worldSize, int localRank, int localSize, String job) {
  /** Reads this process's environment. */
  public static Optional<RankEnvironment> detect() {
    return detect(System.getenv());
  }

  /**
   * Reads an environment; an inner launcher beats an outer allocation.
   *
   * @throws CommunicatorException if a variable is there but is no sensible number
   */
  public static Optional<RankEnvironment> detect(Map<String, String> env) {
    if (env.containsKey("GATUN_RANK")) {
      return Optional.of(
          of(
              env,
              "gatun",
              "GATUN_RANK",
              "GATUN_WORLD_SIZE",
              "GATUN_LOCAL_RANK",
              "GATUN_LOCAL_SIZE",
              env.get("GATUN_JOB")));
    }
    if (env.containsKey("RANK") && env.containsKey("WORLD_SIZE")) {
      String job = env.getOrDefault("TORCHELASTIC_RUN_ID", "") + env.get("MASTER_PORT");
      return Optional.of(
          of(env, "torchrun", "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", job));
    }
    if (env.containsKey("OMPI_COMM_WORLD_RANK")) {
      String job = env.getOrDefault("PMIX_NAMESPACE", env.get("OMPI_MCA_orte_hnp_uri"));
      return Optional.of(
          of(
              env,
              "mpirun",
              "OMPI_COMM_WORLD_RANK",
              "OMPI_COMM_WORLD_SIZE",
              "OMPI_COMM_WORLD_LOCAL_RANK",
              "OMPI_COMM_WORLD_LOCAL_SIZE",
              job));
    }
    // A batch script has SLURM_PROCID too; only a step started by srun is a rank.
    if (env.containsKey("SLURM_PROCID") && env.containsKey("SLURM_STEP_ID")) {
      String job = env.get("SLURM_JOB_ID") + "." + env.get("SLURM_STEP_ID");
      return Optional.of(
          of(
              env,
              "srun",
              "SLURM_PROCID",
              "SLURM_NTASKS",
              "SLURM_LOCALID",
              "SLURM_NTASKS_PER_NODE",
              job));
    }
    return Optional.empty();
  }

  /** True if every rank is a process of this host. */
  public boolean oneHost() {
    return localSize == worldSize;
  }

  private static RankEnvironment of(
      Map<String, String> env,
      String launcher,
      String rank,
      String world,
      String localRank,
      String localSize,
      @Nullable String job) {
    int r = number(env, rank, 0);
    int w = number(env, world, 1);
    if (w < 1 || r < 0 || r >= w) {
      throw new CommunicatorException(
          -1, rank + "=" + r + " does not fit " + world + "=" + w + "; correct or unset them");
    }
    return new RankEnvironment(
        launcher,
        r,
        w,
        number(env, localRank, r),
        number(env, localSize, -1),
        launcher + "-" + (job == null ? "0" : job));
  }

  private static int number(Map<String, String> env, String name, int missing) {
    String text = env.get(name);
    if (text == null) {
      return missing;
    }
    try {
      return Integer.parseInt(text.strip());
    } catch (NumberFormatException e) {
      throw new CommunicatorException(
          -1, name + "=" + text + " is not a number; correct or unset it");
    }
  }
}
