package org.gatun.backend;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Map;
import java.util.SplittableRandom;
import org.gatun.backend.reference.ReferenceBackend;
import org.gatun.backend.reference.ReferenceProgram;
import org.gatun.graph.Dim;
import org.gatun.graph.GraphBuilder;
import org.gatun.graph.Mask;
import org.gatun.graph.Sampling;
import org.gatun.graph.Step;
import org.gatun.graph.StepLimits;
import org.gatun.graph.op.Sample;
import org.gatun.graph.spec.RandomTensors;
import org.gatun.tensor.DType;
import org.junit.jupiter.api.Test;

/** The fast sampler draws what the op's definition draws. */
class HostSamplerTest {
  @Test
  void agreesWithTheDefinition() {
    SplittableRandom random = new SplittableRandom(3);
    StepLimits limits = new StepLimits(1, 1, 1, 64);
    HostSampler sampler = new HostSampler();
    for (int n : new int[] {1, 2, 50, 3000}) {
      GraphBuilder b = new GraphBuilder("sample");
      b.output("ids", b.one("ids", new Sample(), b.input("x", DType.F32, Dim.LOGIT_ROWS, n)));
      try (Arena arena = Arena.ofConfined();
          ReferenceProgram p =
              new ReferenceBackend()
                  .compile(b.build(), new RandomTensors(0), CompileOptions.of(limits));
          Step step = p.newStep()) {
        MemorySegment x = arena.allocate(4L * n);
        for (int round = 0; round < 60; round++) {
          float spread = round % 3 == 0 ? 300 : 4;
          for (int i = 0; i < n; i++) {
            float v = (float) Math.rint(random.nextDouble(-spread, spread) * 4) / 4;
            x.setAtIndex(ValueLayout.JAVA_FLOAT, i, v);
          }
          Sampling s =
              new Sampling(
                  random.nextInt(4) * 0.5f,
                  random.nextInt(3) * 20,
                  random.nextBoolean() ? 1 : 0.8f,
                  random.nextBoolean() ? 0 : 0.1f,
                  (float) random.nextInt(1000) / 1000);
          step.clear();
          var kv = p.kv().sequence();
          int q = step.begin(kv, 1, Mask.CAUSAL);
          step.row(q, 0, 0, 0);
          step.want(q, 0, s);
          p.input("x", x);
          p.run(step);
          kv.close();
          int want = (int) p.exact("ids")[0];
          int got =
              sampler.pick(x, 0, n, s.temperature(), s.topK(), s.topP(), s.minP(), s.uniform());
          assertThat(got).as("%s of %s, %s", s, n, Map.of("round", round)).isEqualTo(want);
        }
      }
    }
  }
}
