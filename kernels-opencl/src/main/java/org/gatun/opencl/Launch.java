package org.gatun.opencl;

import java.util.function.Supplier;
import org.gatun.graph.Step;
import org.jspecify.annotations.Nullable;

/**
 * One entry of a recorded program: a kernel with its arguments, and how its size follows from a
 * step.
 */
final class Launch implements AutoCloseable {
  /** Work-groups in each direction; {@code groups[0] == 0} skips the launch. */
  @FunctionalInterface
  interface Grid {
    void set(Step step, long[] groups);
  }

  /**
   * Sets arguments that follow from the grid: values beside the sizes travel from {@code groups[3]}
   * on.
   */
  @FunctionalInterface
  interface Late {
    void set(ClKernel kernel, long[] groups);
  }

  private final Supplier<ClKernel> make;
  private final Grid grid;
  private final @Nullable Late late;
  private final long[] groups = new long[6];
  private @Nullable ClKernel kernel;

  /** The kernel is made when first needed: many shapes are never run. */
  Launch(Supplier<ClKernel> make, Grid grid) {
    this(make, grid, null);
  }

  /** As above, with arguments that change with the step. */
  Launch(Supplier<ClKernel> make, Grid grid, @Nullable Late late) {
    this.make = make;
    this.grid = grid;
    this.late = late;
  }

  /** Enqueues the kernel for this step; with a timer, under it. */
  void enqueue(ClQueue queue, Step step, @Nullable Timer timer) {
    groups[0] = groups[1] = groups[2] = 1;
    grid.set(step, groups);
    if (groups[0] <= 0 || groups[1] <= 0 || groups[2] <= 0) {
      return;
    }
    ClKernel k = kernel;
    if (k == null) {
      kernel = k = make.get();
    }
    if (late != null) {
      late.set(k, groups);
    }
    if (timer == null) {
      k.enqueue(queue, groups[0], groups[1], groups[2]);
    } else {
      timer.add(k.enqueueTimed(queue, groups[0], groups[1], groups[2]));
    }
  }

  @Override
  public void close() {
    ClKernel k = kernel;
    if (k != null) {
      k.close();
    }
  }
}
