package org.gatun.graph.spec;

import java.util.ArrayList;
import java.util.List;
import org.gatun.graph.Mask;
import org.gatun.graph.Sampling;
import org.gatun.graph.op.Sample;

/** Cases of sampling: greedy, each filter alone, and all together. */
final class SampleSpecs {
  private SampleSpecs() {}

  static List<OpCase> sample(CaseRequest r) {
    List<OpCase> cases = new ArrayList<>();
    Sampling[] ways = {
      Sampling.GREEDY,
      new Sampling(1, 0, 1, 0, 0.37f),
      new Sampling(0.7f, 40, 1, 0, 0.9f),
      new Sampling(1.3f, 0, 0.8f, 0, 0.51f),
      new Sampling(1, 0, 1, 0.3f, 0.75f),
      new Sampling(0.8f, 50, 0.9f, 0.05f, 0.1f)
    };
    for (int vocabulary : r.full() ? new int[] {2, 33, 1000, 32000} : new int[] {2, 1000}) {
      for (Sampling s : ways) {
        CaseBuilder c = new CaseBuilder("sample/v=" + vocabulary + "/" + s, r.seed());
        c.op(new Sample(), c.logitInput("logits", vocabulary));
        cases.add(
            c.tolerance(Tolerance.EXACT)
                .run(8f, new OpCase.Rows("a", new int[3], null, Mask.CAUSAL, new int[] {0, 2}, s))
                .build());
      }
    }
    return cases;
  }
}
