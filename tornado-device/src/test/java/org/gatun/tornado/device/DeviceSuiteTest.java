package org.gatun.tornado.device;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.gatun.backend.Backend;
import org.gatun.backend.BackendOptions;
import org.gatun.backend.BackendProvider;
import org.gatun.backend.Backends;
import org.gatun.backend.suite.OpSuite;
import org.gatun.graph.spec.CaseRequest;
import org.gatun.graph.spec.OpCase;
import org.gatun.graph.spec.OpSpec;
import org.gatun.graph.spec.OpSpecs;
import org.gatun.tensor.DType;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** The op suite on TornadoVM's first device. */
class DeviceSuiteTest {
  private static void check(OpSpec spec) {
    BackendProvider provider = Backends.named("tornado");
    BackendProvider.Availability a = provider.probe();
    Assumptions.assumeTrue(a.usable(), a.description());
    List<DType> formats = Arrays.stream(DType.values()).filter(DType::isWeight).toList();
    List<String> bad = new ArrayList<>();
    int run = 0;
    String only = System.getProperty("gatun.case", "");
    try (Backend b = provider.open(BackendOptions.DEFAULT);
        Backend plain = Backends.named("tornado-java").open(BackendOptions.DEFAULT)) {
      for (OpCase c : spec.cases(new CaseRequest(false, 42, formats))) {
        if (!c.id().contains(only)) {
          continue;
        }
        OpSuite.Result r = OpSuite.run(b, c);
        run++;
        // What the device refuses, the same kernels as plain Java must refuse too.
        boolean refused =
            r.status() == OpSuite.Status.REFUSED
                && OpSuite.run(plain, c).status() == OpSuite.Status.REFUSED;
        if (r.status() != OpSuite.Status.PASS && !refused) {
          bad.add(r.caseId() + ": " + r.status() + " " + r.detail());
        }
      }
    }
    assertThat(bad).as(bad.size() + " of " + run).isEmpty();
  }

  @TestFactory
  List<DynamicTest> quick() {
    return OpSpecs.all().stream()
        .map(s -> DynamicTest.dynamicTest(s.name(), () -> check(s)))
        .toList();
  }
}
