package org.gatun.backend.suite;

import java.util.List;
import org.gatun.backend.BackendProvider;
import org.gatun.tensor.DType;
import org.jspecify.annotations.Nullable;

/**
 * Which rows of the suite to run.
 *
 * @param backends providers to hold to the definitions
 * @param op part of an op's name; null for all
 * @param formats weight formats
 * @param caseId exactly this case, whatever the other filters say; null for all
 * @param full all shapes, or a quick selection
 * @param seed of all random content
 */
public record SuiteOptions(
    List<BackendProvider> backends,
    @Nullable String op,
    List<DType> formats,
    @Nullable String caseId,
    boolean full,
    long seed) {
  /** The seed of runs that name none. */
  public static final long DEFAULT_SEED = 42;

  /** Every weight format. */
  public static List<DType> allFormats() {
    return java.util.Arrays.stream(DType.values()).filter(DType::isWeight).toList();
  }
}
