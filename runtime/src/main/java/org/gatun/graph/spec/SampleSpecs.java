package org.gatun.graph.spec;

import java.util.ArrayList;
import java.util.List;
import org.gatun.graph.Mask;
import org.gatun.graph.Sampling;
import org.gatun.graph.Value;
import org.gatun.graph.op.Candidates;
import org.gatun.graph.op.Sample;

/** Cases of sampling: greedy, each filter alone, and all together. */
final class SampleSpecs {
  private SampleSpecs() {}

  private static final List<Sampling> WAYS =
      List.of(
          Sampling.GREEDY,
          new Sampling(1, 0, 1, 0, 0.37f),
          new Sampling(0.7f, 40, 1, 0, 0.9f),
          new Sampling(1.3f, 0, 0.8f, 0, 0.51f),
          new Sampling(1, 0, 1, 0.3f, 0.75f),
          new Sampling(0.8f, 50, 0.9f, 0.05f, 0.1f));

  static List<OpCase> sample(CaseRequest r) {
    List<OpCase> cases = new ArrayList<>();
    for (int vocabulary : r.full() ? new int[] {2, 33, 1000, 32000} : new int[] {2, 1000}) {
      for (Sampling s : WAYS) {
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

  /** The candidates themselves: rounded logits have ties on both sides of the cut. */
  static List<OpCase> candidates(CaseRequest r) {
    List<OpCase> cases = new ArrayList<>();
    for (int cols : r.full() ? new int[] {1, 33, 1000, 32000} : new int[] {33, 1000}) {
      for (int count : new int[] {1, 31, Sampling.CANDIDATES}) {
        for (int steps : new int[] {0, 4}) {
          if (count > cols) {
            continue;
          }
          String id = "candidates/n=%d/k=%d/steps=%d".formatted(cols, count, steps);
          CaseBuilder c = new CaseBuilder(id, r.seed());
          c.op(new Candidates(count, 70_000), c.logitInput("logits", cols));
          cases.add(
              c.tolerance(Tolerance.EXACT)
                  .round(steps)
                  .run(
                      8f,
                      new OpCase.Rows(
                          "a", new int[3], null, Mask.CAUSAL, new int[] {0, 2}, Sampling.GREEDY))
                  .build());
        }
      }
    }
    return cases;
  }

  /** A draw from candidates, and one that wants whole logits after all. */
  static List<OpCase> fromCandidates(CaseRequest r) {
    List<OpCase> cases = new ArrayList<>();
    for (int vocabulary : r.full() ? new int[] {130, 1000, 32000} : new int[] {1000}) {
      for (Sampling s : WAYS) {
        CaseBuilder c = new CaseBuilder("sample_pairs/v=" + vocabulary + "/" + s, r.seed());
        Value logits = c.logitInput("logits", vocabulary);
        c.op(new Sample(), logits, c.inner(new Candidates(Sampling.CANDIDATES, 0), logits));
        cases.add(
            c.tolerance(Tolerance.EXACT)
                .run(8f, new OpCase.Rows("a", new int[3], null, Mask.CAUSAL, new int[] {0, 2}, s))
                .build());
      }
    }
    return cases;
  }
}
