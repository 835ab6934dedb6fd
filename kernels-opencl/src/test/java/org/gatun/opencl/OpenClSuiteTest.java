package org.gatun.opencl;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import org.gatun.backend.Backend;
import org.gatun.backend.suite.OpSuite;
import org.gatun.bindings.NativeLibrary;
import org.gatun.graph.spec.CaseRequest;
import org.gatun.graph.spec.OpCase;
import org.gatun.graph.spec.OpSpec;
import org.gatun.graph.spec.OpSpecs;
import org.gatun.tensor.DType;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * The op suite on the first OpenCL device, with CPU-shaped and with GPU-shaped tiles, and with the
 * variants that go beyond OpenCL C 1.2: as the device has them, or else with stand-ins.
 */
class OpenClSuiteTest {
  private static final List<DType> FORMATS =
      Arrays.stream(DType.values()).filter(DType::isWeight).toList();

  private static ClDevice device() {
    Assumptions.assumeTrue(
        ClRuntime.load() instanceof NativeLibrary.Status.Loaded, "no OpenCL loader");
    List<ClDevice> all = ClDevice.all();
    Assumptions.assumeFalse(all.isEmpty(), "no OpenCL device");
    return all.getFirst();
  }

  /** Kernels that a variant changes, in the quick tier: each is compiled once more. */
  private static final Pattern VARIED =
      Pattern.compile(
          "(matmul|rms_norm|add_rms_norm|embed|sample)/.*"
              + "|gated_matmul/(Q8_0|Q4_K|Q4_K\\+Q6_K)/.*"
              + "|attention/h=8/2/d=128/.*(F16|INT8)"
              + "|attention_squeezed/h=8/2/.*levels=2/sparse/F16"
              + "|attention_blocktopk/.*/k=4,1,2/F16");

  private static void check(OpSpec spec, boolean gpu, boolean full) {
    check(spec, full, "", Map.of("gatun.opencl.tiles", gpu ? "gpu" : "cpu"));
  }

  private static void check(
      OpSpec spec, boolean full, String pattern, Map<String, String> properties) {
    Predicate<String> wanted =
        pattern.isEmpty() ? id -> true : Pattern.compile(pattern).asMatchPredicate();
    ClDevice device = device();
    List<String> bad = new ArrayList<>();
    Map<String, String> old = new HashMap<>();
    properties.forEach((k, v) -> old.put(k, System.setProperty(k, v)));
    String only = System.getProperty("gatun.case", "");
    int run = 0;
    int refused = 0;
    try (Backend b = new OpenClBackend(device)) {
      for (OpCase c : spec.cases(new CaseRequest(full, 42, FORMATS))) {
        if (!c.id().contains(only) || !wanted.test(c.id())) {
          continue;
        }
        OpSuite.Result r = OpSuite.run(b, c);
        run++;
        if (r.status() == OpSuite.Status.REFUSED && r.detail().contains("lacks attention plan")) {
          refused++;
        } else if (r.status() != OpSuite.Status.PASS) {
          bad.add(r.caseId() + ": " + r.status() + " " + r.detail());
        }
      }
    } finally {
      old.forEach(OpenClSuiteTest::restore);
    }
    if (refused > 0) {
      System.out.println(
          "SKIPPED: " + refused + " of " + run + " cases of " + spec.name() + " (refused by name)");
    }
    assertThat(bad).as(bad.size() + " of " + run).isEmpty();
    assertThat(ClContext.liveObjects()).as("live OpenCL objects").isZero();
  }

  private static void restore(String key, @Nullable String value) {
    if (value == null) {
      System.clearProperty(key);
    } else {
      System.setProperty(key, value);
    }
  }

  /** All variants at once, as stand-ins; and each that the device has, as it is. */
  @TestFactory
  List<DynamicTest> variants() {
    List<DynamicTest> tests = standIns(false);
    for (Variants.Feature f : Variants.Feature.values()) {
      Map<String, String> real =
          Map.of("gatun.opencl.tiles", "gpu", "gatun.opencl.variants", f.toString());
      tests.add(
          DynamicTest.dynamicTest(
              f + " of the device",
              () -> {
                ClDevice d = device();
                if (!f.in(d)) {
                  System.out.println("SKIPPED: " + f + ", which " + d.name().trim() + " lacks");
                }
                Assumptions.assumeTrue(f.in(d), d.name().trim() + " lacks " + f);
                for (OpSpec s : OpSpecs.all()) {
                  check(s, false, "", real);
                }
              }));
    }
    return tests;
  }

  @TestFactory
  @Tag("slow")
  List<DynamicTest> allStandIns() {
    return standIns(true);
  }

  private static List<DynamicTest> standIns(boolean full) {
    Map<String, String> properties =
        Map.of(
            "gatun.opencl.tiles",
            "gpu",
            "gatun.opencl.variants",
            "fp16,subgroups,dot",
            "gatun.opencl.standins",
            "true");
    List<DynamicTest> tests = new ArrayList<>();
    for (OpSpec s : OpSpecs.all()) {
      tests.add(
          DynamicTest.dynamicTest(
              s.name() + ", stand-ins",
              () -> check(s, full, full ? "" : VARIED.pattern(), properties)));
    }
    return tests;
  }

  @TestFactory
  List<DynamicTest> quick() {
    return tests(false);
  }

  @TestFactory
  @Tag("slow")
  List<DynamicTest> full() {
    return tests(true);
  }

  private static List<DynamicTest> tests(boolean full) {
    List<DynamicTest> tests = new ArrayList<>();
    for (boolean gpu : new boolean[] {false, true}) {
      for (OpSpec s : OpSpecs.all()) {
        String name = s.name() + (gpu ? ", GPU tiles" : ", CPU tiles");
        tests.add(DynamicTest.dynamicTest(name, () -> check(s, gpu, full)));
      }
    }
    return tests;
  }

  @Test
  void aBackendIsClosedTwiceWithoutHarm() {
    OpenClBackend b = new OpenClBackend(device());
    b.close();
    b.close();
    assertThat(ClContext.liveObjects()).isZero();
  }
}
