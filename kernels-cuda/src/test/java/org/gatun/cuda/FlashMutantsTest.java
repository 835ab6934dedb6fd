package org.gatun.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.gatun.attention.KvCodec;
import org.gatun.backend.Backend;
import org.gatun.backend.BackendException;
import org.gatun.backend.BackendOptions;
import org.gatun.backend.Backends;
import org.gatun.backend.CompileOptions;
import org.gatun.backend.suite.OpSuite;
import org.gatun.graph.spec.CaseRequest;
import org.gatun.graph.spec.OpCase;
import org.gatun.graph.spec.OpSpec;
import org.gatun.graph.spec.OpSpecs;
import org.gatun.tensor.DType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * FlashAttention of the backend without one of its barriers, waits or commits, or with a wait
 * loosened by one group: the virtual GPU's checkers or the answer must tell. The points come from
 * the PTX that is loaded, so a changed kernel is tested as it is.
 */
class FlashMutantsTest {
  private static final Pattern FLASH =
      Pattern.compile("\\{\"kernel\":\"(flash_\\d+)\".*?\"inst\\.warp\":(\\d+)");

  /**
   * The one mutant that changes nothing, where it is the kernel's last point: the loop runs at
   * least once (a row sees its own key), its last turn commits an empty group, and the turn's
   * second wait covers all others, so that no copy is left.
   */
  private static final String EQUIVALENT = "cp.async.wait_group 0";

  @BeforeEach
  void device() {
    Gpu.require();
    Assumptions.assumeTrue(VirtualGpu.present(), "only the virtual GPU makes mutants");
  }

  @AfterEach
  void heal() {
    VirtualGpu.mutate("", 0, false);
    VirtualGpu.reset();
  }

  /** A case that runs a FlashAttention kernel, and how much. */
  private record Sample(OpCase c, String kernel, long instructions) {}

  private static List<Sample> samples() {
    List<Sample> samples = new ArrayList<>();
    for (OpSpec spec : OpSpecs.all()) {
      if (!spec.name().equals("attention")) {
        continue;
      }
      for (OpCase c : spec.cases(new CaseRequest(false, 42, List.of(DType.F32)))) {
        if (c.kvCodec() != KvCodec.F16) {
          continue;
        }
        VirtualGpu.reset();
        assertThat(run(c).status()).as(c.id()).isEqualTo(OpSuite.Status.PASS);
        Map<String, Long> kernels = new TreeMap<>();
        Matcher m = FLASH.matcher(VirtualGpu.report());
        while (m.find()) {
          kernels.merge(m.group(1), Long.parseLong(m.group(2)), Long::sum);
        }
        kernels.forEach((k, n) -> samples.add(new Sample(c, k, n)));
      }
    }
    return samples;
  }

  private static OpSuite.Result run(OpCase c) {
    try (Backend b = Backends.named("cuda").open(BackendOptions.DEFAULT)) {
      return OpSuite.run(b, c);
    } catch (BackendException e) { // closing says that the context is lost
      return new OpSuite.Result(c.id(), OpSuite.Status.FAIL, String.valueOf(e.getMessage()), 0);
    }
  }

  @Test
  void everyMutantIsCaught() {
    List<Sample> samples = samples();
    assertThat(samples).as("no case runs FlashAttention").isNotEmpty();
    Sample most =
        samples.stream().max(Comparator.comparingLong(Sample::instructions)).orElseThrow();
    List<String> points;
    try (Backend b = Backends.named("cuda").open(BackendOptions.DEFAULT);
        var p =
            b.compile(
                most.c().graph(),
                most.c().weights(),
                CompileOptions.of(most.c().limits()).withKv(most.c().kvCodec()))) {
      points = VirtualGpu.syncPoints(most.kernel());
    }
    assertThat(points).as(most.kernel()).hasSizeGreaterThan(4);
    List<String> survivors = new ArrayList<>();
    for (int i = 0; i < points.size(); i++) {
      for (boolean loosen : new boolean[] {false, true}) {
        if (loosen && !points.get(i).contains("wait")) {
          continue;
        }
        VirtualGpu.reset();
        VirtualGpu.mutate(most.kernel(), i, loosen);
        OpSuite.Result r = run(most.c());
        VirtualGpu.mutate("", 0, false);
        String what = points.get(i).replaceFirst("^\\d+ \\d+ ", "");
        boolean caught = r.status() != OpSuite.Status.PASS || VirtualGpu.findings() > 0;
        System.out.printf(
            "%s %s %s: %s%n",
            most.kernel(),
            points.get(i),
            loosen ? "loosened" : "deleted",
            caught ? "caught" : "SURVIVED");
        boolean excused = i == points.size() - 1 && what.equals(EQUIVALENT);
        if (!caught && !excused) {
          survivors.add(points.get(i) + (loosen ? " loosened" : " deleted"));
        }
      }
    }
    assertThat(survivors).as("mutants of " + most.kernel() + " in " + most.c().id()).isEmpty();
  }
}
