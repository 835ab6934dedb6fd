package org.gatun.opencl;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.gatun.backend.Backend;
import org.gatun.backend.suite.OpSuite;
import org.gatun.bindings.NativeLibrary;
import org.gatun.graph.spec.CaseRequest;
import org.gatun.graph.spec.OpCase;
import org.gatun.graph.spec.OpSpec;
import org.gatun.graph.spec.OpSpecs;
import org.gatun.tensor.DType;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** The op suite on every OpenCL device here, with CPU-shaped and with GPU-shaped tiles. */
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

  private static void check(OpSpec spec, boolean gpu, boolean full) {
    ClDevice device = device();
    List<String> bad = new ArrayList<>();
    String old = System.getProperty("gatun.opencl.tiles", "");
    System.setProperty("gatun.opencl.tiles", gpu ? "gpu" : "cpu");
    String only = System.getProperty("gatun.case", "");
    int run = 0;
    int refused = 0;
    try (Backend b = new OpenClBackend(device)) {
      for (OpCase c : spec.cases(new CaseRequest(full, 42, FORMATS))) {
        if (!c.id().contains(only)) {
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
      System.setProperty("gatun.opencl.tiles", old);
    }
    if (refused > 0) {
      System.out.println(
          "SKIPPED: " + refused + " of " + run + " cases of " + spec.name() + " (refused by name)");
    }
    assertThat(bad).as(bad.size() + " of " + run).isEmpty();
    assertThat(ClContext.liveObjects()).as("live OpenCL objects").isZero();
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
