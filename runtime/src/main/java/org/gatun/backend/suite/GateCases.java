package org.gatun.backend.suite;

import java.util.List;
import java.util.regex.Pattern;

/**
 * Cases of the quick tier whose counters have baselines: each kernel at few and at many rows, each
 * format, and every attention case. The rest of the tier repeats these kernels at other edges.
 */
final class GateCases {
  private static final List<Pattern> CASES =
      List.of(
              "add/7x640",
              "rms_norm/(7x640|heads=4x256)",
              "add_rms_norm/(plain|norm_first)/7x640",
              "gated_act/[A-Z_]+/7x640",
              "gather_rows/.*",
              "rope/(half/d=(64|256)|interleaved/d=128)/r=\\d+/h=\\d+/near",
              "embed/[A-Z0-9_]+/first=0",
              "matmul/[A-Z0-9_]+/(1|17)x\\d+x48",
              "gated_matmul/[A-Z0-9_]+/GELU_TANH/.*",
              "attention/.*",
              "attention_(squeezed|blocktopk)/h=2/1/d=32/.*",
              "sample/v=1000/.*",
              "candidates/n=1000/k=128/steps=0",
              "candidates/n=33/k=31/steps=0",
              "sample_pairs/v=1000/Sampling.temperature=0.[07].*")
          .stream()
          .map(Pattern::compile)
          .toList();

  private GateCases() {}

  /** Whether a case of the registry is gated; cases from elsewhere all are. */
  static boolean contains(SuiteRow r) {
    return r.op().startsWith(SuiteRow.FOREIGN)
        || CASES.stream().anyMatch(p -> p.matcher(r.result().caseId()).matches());
  }
}
