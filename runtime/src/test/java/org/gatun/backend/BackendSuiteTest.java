package org.gatun.backend;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.Stream;
import org.gatun.backend.suite.OpSuite;
import org.gatun.graph.spec.CaseRequest;
import org.gatun.graph.spec.OpCase;
import org.gatun.graph.spec.OpSpecs;
import org.gatun.tensor.DType;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every registered case on every usable backend of this module. */
class BackendSuiteTest {
  static Stream<OpCase> cases() {
    CaseRequest quick =
        new CaseRequest(false, 42, Stream.of(DType.values()).filter(DType::isWeight).toList());
    return OpSpecs.all().stream().flatMap(s -> s.cases(quick).stream());
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("cases")
  void reference(OpCase c) {
    try (Backend b = Backends.named("reference").open(BackendOptions.DEFAULT)) {
      OpSuite.Result r = OpSuite.run(b, c);
      assertThat(r.status()).as(r.detail()).isEqualTo(OpSuite.Status.PASS);
    }
  }
}
