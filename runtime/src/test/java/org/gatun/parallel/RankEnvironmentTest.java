package org.gatun.parallel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

class RankEnvironmentTest {
  private static final Map<String, String> SLURM =
      Map.of("SLURM_PROCID", "3", "SLURM_NTASKS", "4", "SLURM_LOCALID", "1", "SLURM_JOB_ID", "9");

  @Test
  void nothingMeansNoLauncher() {
    assertThat(RankEnvironment.detect(Map.of())).isEmpty();
    // A batch script, not a step of srun.
    assertThat(RankEnvironment.detect(SLURM)).isEmpty();
  }

  @Test
  void launchersAreRecognised() {
    Map<String, String> srun = new HashMap<>(SLURM);
    srun.put("SLURM_STEP_ID", "2");
    assertThat(RankEnvironment.detect(srun).orElseThrow())
        .isEqualTo(new RankEnvironment("srun", 3, 4, 1, -1, "srun-9.2"));
    Map<String, String> mpi =
        Map.of(
            "OMPI_COMM_WORLD_RANK",
            "1",
            "OMPI_COMM_WORLD_SIZE",
            "2",
            "OMPI_COMM_WORLD_LOCAL_RANK",
            "1",
            "OMPI_COMM_WORLD_LOCAL_SIZE",
            "2",
            "PMIX_NAMESPACE",
            "77");
    assertThat(RankEnvironment.detect(mpi).orElseThrow())
        .isEqualTo(new RankEnvironment("mpirun", 1, 2, 1, 2, "mpirun-77"));
    Map<String, String> torch =
        Map.of(
            "RANK",
            "5",
            "WORLD_SIZE",
            "8",
            "LOCAL_RANK",
            "1",
            "LOCAL_WORLD_SIZE",
            "4",
            "MASTER_PORT",
            "29500");
    RankEnvironment t = RankEnvironment.detect(torch).orElseThrow();
    assertThat(t.launcher()).isEqualTo("torchrun");
    assertThat(t.oneHost()).isFalse();
  }

  @Test
  void theInnerLauncherWins() {
    Map<String, String> env = new HashMap<>(SLURM);
    env.put("SLURM_STEP_ID", "0");
    env.put("GATUN_RANK", "0");
    env.put("GATUN_WORLD_SIZE", "2");
    env.put("GATUN_LOCAL_SIZE", "2");
    RankEnvironment e = RankEnvironment.detect(env).orElseThrow();
    assertThat(e.launcher()).isEqualTo("gatun");
    assertThat(e.oneHost()).isTrue();
  }

  @Test
  void nonsenseIsNamed() {
    assertThatThrownBy(() -> RankEnvironment.detect(Map.of("RANK", "x", "WORLD_SIZE", "2")))
        .hasMessage("RANK=x is not a number; correct or unset it");
    assertThatThrownBy(() -> RankEnvironment.detect(Map.of("RANK", "2", "WORLD_SIZE", "2")))
        .hasMessage("RANK=2 does not fit WORLD_SIZE=2; correct or unset them");
  }

  @Test
  void modelledChoicesFollowSizeAndWorld() {
    CollectiveCost c = CollectiveCost.GPU_SERVER;
    // The crossover of one-shot and two-shot at t = 8 lies near 230 KB for 3 us and 400 GB/s.
    Map<String, Double> small = c.seconds(100_000, 8, 1);
    Map<String, Double> large = c.seconds(500_000, 8, 1);
    assertThat(small.get("one-shot")).isLessThan(small.get("two-shot"));
    assertThat(large.get("one-shot")).isGreaterThan(large.get("two-shot"));
    // Many nodes and a decode-sized message: few latencies win.
    Map<String, Double> nodes = c.seconds(512 << 10, 64, 8);
    assertThat(nodes.get("nvrar-simple")).isLessThan(nodes.get("hierarchical-ring"));
    Map<String, Double> huge = c.seconds(1L << 30, 64, 8);
    assertThat(huge.get("hierarchical-ring")).isLessThan(huge.get("nvrar-cells"));
  }
}
