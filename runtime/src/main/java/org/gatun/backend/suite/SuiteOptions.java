package org.gatun.backend.suite;

import java.util.List;
import org.gatun.graph.spec.CaseRequest;
import org.gatun.tensor.DType;
import org.jspecify.annotations.Nullable;

/**
 * Which cases to run.
 *
 * @param op part of an op's name; null for all
 * @param formats weight formats
 * @param caseId exactly this case, whatever the other filters say; null for all
 * @param full all shapes, or a quick selection
 * @param seed of all random content
 */
public record SuiteOptions(
    @Nullable String op, List<DType> formats, @Nullable String caseId, boolean full, long seed) {
  /** The seed of runs that name none. */
  public static final long DEFAULT_SEED = 42;

  /** The quick tier, unfiltered. */
  public static final SuiteOptions QUICK =
      new SuiteOptions(null, allFormats(), null, false, DEFAULT_SEED);

  /** Every weight format. */
  public static List<DType> allFormats() {
    return java.util.Arrays.stream(DType.values()).filter(DType::isWeight).toList();
  }

  /** Whether every case of the tier runs: only then does a missing row mean something. */
  public boolean unfiltered() {
    return op == null && caseId == null && formats.equals(allFormats());
  }

  /** What the registry is asked for; one case may be of any tier. */
  CaseRequest request() {
    return new CaseRequest(full || caseId != null, seed, formats);
  }

  /** Whether an op's cases are wanted. */
  boolean wantsOp(String name) {
    return caseId != null || op == null || name.contains(op);
  }

  /** Whether a case of a wanted op is. */
  boolean wantsCase(String id) {
    return caseId == null || caseId.equals(id);
  }
}
