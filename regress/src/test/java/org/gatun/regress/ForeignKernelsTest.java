package org.gatun.regress;

import static org.assertj.core.api.Assertions.assertThat;

import examples.NaiveGemm;
import examples.RacySum;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.gatun.backend.suite.Gate;
import org.gatun.backend.suite.OpSuite;
import org.gatun.backend.suite.SuiteResult;
import org.gatun.backend.suite.SuiteRow;
import org.gatun.kernel.KernelRegression;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Kernels that are not ours: right ones pass with counters, a planted race is found. */
class ForeignKernelsTest {
  @TempDir Path dir;

  private SuiteResult run(Class<? extends org.gatun.kernel.KernelSuite> suite, Path baselines)
      throws IOException, InterruptedException {
    return KernelRegression.run(suite, dir, baselines, Devices::here, line -> {});
  }

  @Test
  void aRightKernelPassesAndIsCounted() throws Exception {
    Devices.requireVirtualGpu();
    SuiteResult r = run(NaiveGemm.class, null);
    assertThat(r.rows()).hasSize(4);
    assertThat(r.rows())
        .allSatisfy(
            row -> {
              assertThat(row.result().status())
                  .as(row.result().detail())
                  .isEqualTo(OpSuite.Status.PASS);
              assertThat(row.evidence().kernels()).hasSize(1);
              assertThat(row.evidence().kernels().getFirst().values())
                  .containsKeys("inst.warp", "global.ld.sectors", "global.footprint_sectors.grid");
            });
    assertThat(Files.readString(dir.resolve("report.html"))).contains("gemm/64x48x80", "<svg");
    assertThat(Files.readString(dir.resolve("report.xml"))).contains("foreign:gemm");
  }

  @Test
  void itsCountersAreComparedExactly() throws Exception {
    Devices.requireVirtualGpu();
    Path baselines = dir.resolve("baselines");
    SuiteResult first = run(NaiveGemm.class, baselines);
    assertThat(first.gates()).allMatch(g -> g.skipped().equals("no baselines"));
    List<String> changed = KernelRegression.update(first, baselines);
    assertThat(changed).hasSize(1);

    SuiteResult same = run(NaiveGemm.class, baselines);
    assertThat(same.passed()).isTrue();
    assertThat(same.gates()).hasSize(1).allMatch(g -> g.compared() == 4 && g.changes().isEmpty());

    // A baseline that was better by one sector: the gate names case, kernel and counter.
    Path file = baselines.resolve("cuda.json");
    String text = Files.readString(file);
    long sectors =
        same.rows().getLast().evidence().kernels().getFirst().values().get("global.ld.sectors");
    Files.writeString(
        file,
        text.replace("\"global.ld.sectors\":" + sectors, "\"global.ld.sectors\":" + (sectors - 1)));
    SuiteResult worse = run(NaiveGemm.class, baselines);
    assertThat(worse.passed()).isFalse();
    assertThat(worse.gates().getFirst().changes())
        .containsExactly(
            new Gate.Change("gemm/64x48x80", "gemm", "global.ld.sectors", sectors - 1, sectors));
  }

  @Test
  void aPlantedRaceIsFoundByBothCheckers() throws Exception {
    Devices.requireVirtualGpu();
    Devices.requireOclgrind();
    SuiteResult r = run(RacySum.class, null);
    for (String lane : List.of("cuda", "oclgrind")) {
      List<SuiteRow> rows = r.rows().stream().filter(x -> x.lane().equals(lane)).toList();
      assertThat(rows).hasSize(4);
      for (SuiteRow row : rows) {
        boolean racy = row.result().caseId().startsWith("racy");
        assertThat(row.result().status())
            .as(row.toString())
            .isEqualTo(racy ? OpSuite.Status.FAIL : OpSuite.Status.PASS);
        if (racy) {
          assertThat(row.evidence().findings()).anyMatch(f -> f.error() && f.id().contains("RACE"));
        }
      }
    }
  }
}
