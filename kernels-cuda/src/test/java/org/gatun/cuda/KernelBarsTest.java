package org.gatun.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * Every kernel against its bars, by the virtual GPU's counters: useful bytes of each sector, bytes
 * that blocks touch beside the formula of the kernel's tiling, bank conflicts, matrix instructions.
 * A bar that is listed as missed must be missed: excuses do not outlive their reason.
 *
 * <p>Writes {@code target/kernel-bars.jsonl}, which {@code kernels-cuda/report} puts into
 * docs/kernels.md.
 */
class KernelBarsTest {
  private static final List<String> LINES = new ArrayList<>();

  @TestFactory
  List<DynamicTest> bars() {
    return KernelBars.all().stream()
        .map(b -> DynamicTest.dynamicTest(b.kernel() + ", " + b.shape(), () -> check(b)))
        .toList();
  }

  private static void check(KernelBars.Bar b) throws Exception {
    Gpu.require();
    Assumptions.assumeTrue(VirtualGpu.present(), "only the virtual GPU counts what kernels touch");
    VirtualGpu.reset();
    b.work().run();
    String c = VirtualGpu.counters(b.kernel());
    assertThat(c).as("counters of " + b.kernel()).isNotEmpty();
    double touched = 32 * number(c, "global.footprint_sectors.blocks");
    double efficiency = number(c, "global.efficiency");
    double wavefronts = number(c, "shared.wavefronts");
    double conflicts = wavefronts > 0 ? number(c, "shared.conflicts") / wavefronts : 0;
    double macs = b.macs() > 0 ? number(c, "mma.macs") / b.macs() : 0;
    LINES.add(
        String.format(
            Locale.ROOT,
            "{\"kernel\":\"%s\",\"shape\":\"%s\",\"formula\":\"%s\",\"blocks\":%.0f,\"compulsory\":%.0f,"
                + "\"grid\":%.0f,\"touched\":%.0f,\"efficiency\":%.4f,\"conflicts\":%.4f,\"macs\":%.4f,"
                + "\"instructions\":%.0f,\"launched\":%.0f,\"matrix\":%.0f,\"misses\":\"%s\"}",
            b.kernel(),
            b.shape(),
            b.formula(),
            b.blocks(),
            b.compulsory(),
            32 * number(c, "global.footprint_sectors.grid"),
            touched,
            efficiency,
            conflicts,
            macs,
            number(c, "inst.warp"),
            number(c, "blocks"),
            number(c, "mma.macs"),
            String.join("; ", b.misses().values())));
    Map<String, Boolean> met = new TreeMap<>();
    met.put("efficiency", b.polls() || efficiency >= 0.90);
    met.put("formula", touched <= 1.05 * b.blocks());
    met.put("conflicts", conflicts <= 0.05);
    met.put("matrix", macs <= 1.15);
    Map<String, Boolean> expected = new TreeMap<>();
    met.keySet().forEach(bar -> expected.put(bar, !b.misses().containsKey(bar)));
    assertThat(met)
        .as(
            "efficiency %.3f, touched %.0f of %.0f bytes, conflicts %.3f, matrix %.3f",
            efficiency, touched, b.blocks(), conflicts, macs)
        .isEqualTo(expected);
  }

  private static double number(String json, String name) {
    int at = json.indexOf("\"" + name + "\":");
    if (at < 0) {
      return 0;
    }
    int from = at + name.length() + 3;
    int to = from;
    while (to < json.length() && "0123456789.".indexOf(json.charAt(to)) >= 0) {
      to++;
    }
    return Double.parseDouble(json.substring(from, to));
  }

  @AfterAll
  static void write() throws IOException {
    if (!LINES.isEmpty()) {
      Files.createDirectories(Path.of("target"));
      Files.write(Path.of("target/kernel-bars.jsonl"), LINES);
    }
  }
}
