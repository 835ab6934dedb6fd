package org.gatun.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.gatun.backend.Backend;
import org.gatun.backend.BackendOptions;
import org.gatun.backend.Backends;
import org.gatun.backend.suite.OpSuite;
import org.gatun.graph.spec.CaseRequest;
import org.gatun.graph.spec.OpCase;
import org.gatun.graph.spec.OpSpec;
import org.gatun.graph.spec.OpSpecs;
import org.gatun.tensor.DType;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestFactory;

/**
 * The op suite, every weight format; on the virtual GPU with all its checkers on, so that a finding
 * fails the case.
 */
class CudaSuiteTest {
  private static final List<DType> FORMATS =
      Arrays.stream(DType.values()).filter(DType::isWeight).toList();

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
    return OpSpecs.all().stream()
        .map(s -> DynamicTest.dynamicTest(s.name(), () -> check(s, full)))
        .toList();
  }

  private static void check(OpSpec spec, boolean full) {
    Gpu.require();
    List<String> bad = new ArrayList<>();
    String only = System.getProperty("gatun.case", "");
    int run = 0;
    for (OpCase c : spec.cases(new CaseRequest(full, 42, FORMATS))) {
      if (c.id().contains(only)) {
        run++;
        try (Backend b = Backends.named("cuda").open(BackendOptions.DEFAULT)) {
          OpSuite.Result r = OpSuite.run(b, c);
          if (r.status() != OpSuite.Status.PASS) {
            bad.add(r.caseId() + ": " + r.status() + " " + r.detail());
          }
        }
      }
    }
    assertThat(bad).as(bad.size() + " of " + run).isEmpty();
  }
}
