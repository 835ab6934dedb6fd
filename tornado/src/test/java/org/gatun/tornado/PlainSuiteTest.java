package org.gatun.tornado;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Predicate;
import org.gatun.attention.AttentionPlan;
import org.gatun.attention.KvCodec;
import org.gatun.backend.Backend;
import org.gatun.backend.suite.OpSuite;
import org.gatun.graph.Node;
import org.gatun.graph.Value;
import org.gatun.graph.op.Attention;
import org.gatun.graph.op.Candidates;
import org.gatun.graph.op.GatherColumns;
import org.gatun.graph.spec.CaseRequest;
import org.gatun.graph.spec.OpCase;
import org.gatun.graph.spec.OpSpec;
import org.gatun.graph.spec.OpSpecs;
import org.gatun.tensor.DType;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** The op suite on the kernels as plain Java, with one lane as CPUs have and with 32. */
class PlainSuiteTest {
  /**
   * Formats without a codec, int8 KV, sparse plans and candidates of ranks are refused by name; all
   * else must pass.
   */
  private static boolean lacking(OpCase c) {
    boolean lacks = c.kvCodec() == KvCodec.INT8 && !c.graph().kv().isEmpty();
    for (Node n : c.graph().nodes()) {
      lacks |= n.op() instanceof GatherColumns || n.op() instanceof Candidates;
      lacks |= n.op() instanceof Attention a && !(a.plan() instanceof AttentionPlan.Dense);
      for (Value v : n.in()) {
        lacks |= v.isWeight() && v.dtype() != DType.F32 && Packing.of(v.dtype()) == null;
      }
    }
    return lacks;
  }

  private static void check(OpSpec spec, int lanes, boolean full, Predicate<OpCase> which) {
    List<DType> formats = Arrays.stream(DType.values()).filter(DType::isWeight).toList();
    List<String> bad = new ArrayList<>();
    int run = 0;
    try (Backend b = new TornadoBackend("tornado-java", new PlainExecutor(lanes))) {
      for (OpCase c : spec.cases(new CaseRequest(full, 42, formats))) {
        if (!which.test(c)) {
          continue;
        }
        OpSuite.Result r = OpSuite.run(b, c);
        run++;
        boolean lacking = lacking(c);
        if (r.status() != (lacking ? OpSuite.Status.REFUSED : OpSuite.Status.PASS)) {
          bad.add(r.caseId() + ": " + r.status() + " " + r.detail());
        }
        if (lacking) {
          assertThat(r.detail()).startsWith("tornado lacks");
        }
      }
    }
    assertThat(bad).as(bad.size() + " of " + run).isEmpty();
    assertThat(run).isPositive();
  }

  /** Half of 96 elements, as a word holds two, is not a multiple of the lanes. */
  @Test
  void headsWhoseHalvesTheLanesDoNotDivide() {
    OpSpec attention =
        OpSpecs.all().stream().filter(s -> s.name().equals("attention")).findFirst().orElseThrow();
    check(attention, 32, true, c -> c.id().contains("/d=96/") && c.id().contains("/cap=0.0/"));
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
    for (int lanes : new int[] {1, 32}) {
      for (OpSpec s : OpSpecs.all()) {
        tests.add(
            DynamicTest.dynamicTest(
                s.name() + ", lanes " + lanes, () -> check(s, lanes, full, c -> true)));
      }
    }
    return tests;
  }
}
