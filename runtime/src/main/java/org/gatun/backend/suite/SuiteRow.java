package org.gatun.backend.suite;

import org.gatun.backend.Evidence;

/**
 * One case in one lane.
 *
 * @param lane a backend on a device under a checker; see {@link Lane}
 * @param op the op's name
 * @param result what became of it, findings of severity error included
 * @param nanos how long it took, reference included
 * @param smallest after a failure, the id of the smallest failing case of the op; else empty
 * @param evidence what the device's witness saw
 * @param bound what no kernel can do without
 */
public record SuiteRow(
    String lane,
    String op,
    OpSuite.Result result,
    long nanos,
    String smallest,
    Evidence evidence,
    LowerBound bound) {
  /** What the op of a kernel that is not in the registry begins with. */
  public static final String FOREIGN = "foreign:";

  /** A row without evidence: a lane that did not run, or a process that died. */
  public static SuiteRow bare(String lane, String op, OpSuite.Result result) {
    return new SuiteRow(lane, op, result, 0, "", Evidence.NONE, LowerBound.NONE);
  }
}
