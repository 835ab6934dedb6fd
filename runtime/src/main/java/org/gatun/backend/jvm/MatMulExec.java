package org.gatun.backend.jvm;

import org.gatun.graph.Dim;
import org.gatun.graph.Step;

/** x · Wᵀ (+ b) for several weights that share x: their units of rows form one list of work. */
final class MatMulExec implements Exec {
  private final WorkerPool pool;
  private final Scratch scratch;
  private final Dim rows;
  private final long x;
  private final PackedWeight[] weights;
  private final long[] bias;
  private final long[] out;
  private final int units;
  private final int panels;
  private final int perTask;
  private final WorkerPool.Task vectorTask = this::vectorUnit;
  private final WorkerPool.Task matrixTask = this::matrixUnit;
  private int n;
  private int rowsPerUnit;

  /**
   * Binds the operands.
   *
   * @param maxRows the most rows a step brings
   * @param bias address of each bias, 0 for none
   */
  MatMulExec(
      WorkerPool pool,
      Scratch scratch,
      Dim rows,
      int maxRows,
      long x,
      PackedWeight[] weights,
      long[] bias,
      long[] out) {
    this.pool = pool;
    this.scratch = scratch;
    this.rows = rows;
    this.x = x;
    this.weights = weights;
    this.bias = bias;
    this.out = out;
    int u = 0;
    int p = 0;
    for (PackedWeight w : weights) {
      u += w.groups();
      p += Product.panels(w);
    }
    units = u;
    panels = p;
    perTask = perTask(u, pool.workers());
    scratch.need(Product.scratch(maxRows, 1));
  }

  /** Long enough tasks that claiming them costs nothing, short enough that threads end together. */
  static int perTask(int units, int workers) {
    return Math.clamp(units / (workers * 8), 1, 16);
  }

  @Override
  public void run(Step step) {
    n = Math.toIntExact(rows.at(step.rows(), step.logitRows()));
    if (n > 0 && n <= Product.oneByOne(scratch)) {
      pool.run(vectorTask, Math.ceilDiv(units, perTask));
    } else if (n > 0) {
      rowsPerUnit = Product.rowsPerUnit(n, panels, pool.workers());
      pool.run(matrixTask, panels * Math.ceilDiv(n, rowsPerUnit));
    }
  }

  private void vectorUnit(int task, int worker) {
    long s = scratch.of(worker);
    long y = Product.tile(s, 1, 0);
    int end = Math.min(units, (task + 1) * perTask);
    int part = 0;
    int first = 0;
    for (int i = task * perTask; i < end; i++) {
      while (i >= first + weights[part].groups()) {
        first += weights[part++].groups();
      }
      PackedWeight w = weights[part];
      for (int r = 0; r < n; r++) {
        Product.vector(w, i - first, x + 4L * w.cols() * r, y, s);
        long to = out[part] + 4L * w.rows() * r;
        Product.write(
            y, 0, 1, to, (int) w.rows(), Lanes.ROWS * (i - first), Lanes.ROWS, bias[part]);
      }
    }
  }

  private void matrixUnit(int unit, int worker) {
    int panel = unit % panels;
    int part = 0;
    while (panel >= Product.panels(weights[part])) {
      panel -= Product.panels(weights[part++]);
    }
    PackedWeight w = weights[part];
    int from = unit / panels * rowsPerUnit;
    int count = Math.min(rowsPerUnit, n - from);
    long s = scratch.of(worker);
    long tile = Product.tile(s, 1, 0);
    Product.matrix(w, panel, x + 4L * from * w.cols(), count, tile, s);
    long to = out[part] + 4L * from * w.rows();
    Product.write(
        tile,
        Product.TILE_ROW,
        count,
        to,
        (int) w.rows(),
        Product.WIDTH * panel,
        Product.WIDTH,
        bias[part]);
  }
}
