package org.gatun.kernel;

import java.util.List;

/**
 * Somebody's kernels with their shapes. A suite is a class with a public constructor without
 * arguments: each lane makes its own in a process of its own.
 *
 * @see KernelRegression
 */
@FunctionalInterface
public interface KernelSuite {
  /** All cases, smallest shapes first: a failure names the first that fails. */
  List<KernelCase> cases();
}
