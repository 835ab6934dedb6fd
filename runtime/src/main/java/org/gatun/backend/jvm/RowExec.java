package org.gatun.backend.jvm;

import org.gatun.graph.Dim;
import org.gatun.graph.Step;

/**
 * An op whose rows are independent of one another: few rows run on the caller, many are shared out.
 */
abstract class RowExec implements Exec {
  /** Elements below which waking a second thread costs more than it gives. */
  private static final int ALONE = 16384;

  private final WorkerPool pool;
  private final Dim rows;
  private final int cols;
  private final WorkerPool.Task task = this::unit;
  private int n;
  private int rowsPerUnit;

  RowExec(WorkerPool pool, Dim rows, int cols) {
    this.pool = pool;
    this.rows = rows;
    this.cols = cols;
  }

  /** Computes one row; {@link #prepare} has seen the step. */
  abstract void row(int r);

  /** Called once before the rows of a step. */
  void prepare(Step step) {}

  @Override
  public final void run(Step step) {
    n = Math.toIntExact(rows.at(step.rows(), step.logitRows()));
    prepare(step);
    rowsPerUnit = Math.max(1, ALONE / Math.max(1, cols));
    pool.run(task, Math.ceilDiv(n, rowsPerUnit));
  }

  private void unit(int unit, int worker) {
    int end = Math.min(n, (unit + 1) * rowsPerUnit);
    for (int r = unit * rowsPerUnit; r < end; r++) {
      row(r);
    }
  }
}
