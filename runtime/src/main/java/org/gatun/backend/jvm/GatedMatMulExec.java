package org.gatun.backend.jvm;

import org.gatun.graph.Dim;
import org.gatun.graph.Step;
import org.gatun.graph.op.Activation;

/**
 * act(x · Gᵀ) ⊙ (x · Uᵀ): both products of the same rows stay in a worker's scratch until they are
 * combined.
 */
final class GatedMatMulExec implements Exec {
  private final WorkerPool pool;
  private final Scratch scratch;
  private final Activation activation;
  private final Dim rows;
  private final int maxRows;
  private final long x;
  private final PackedWeight gate;
  private final PackedWeight up;
  private final long out;
  private final int perTask;
  private final WorkerPool.Task vectorTask = this::vectorUnit;
  private final WorkerPool.Task matrixTask = this::matrixUnit;
  private int n;
  private int rowsPerUnit;

  GatedMatMulExec(
      WorkerPool pool,
      Scratch scratch,
      Activation activation,
      Dim rows,
      int maxRows,
      long x,
      PackedWeight gate,
      PackedWeight up,
      long out) {
    this.pool = pool;
    this.scratch = scratch;
    this.activation = activation;
    this.rows = rows;
    this.maxRows = maxRows;
    this.x = x;
    this.gate = gate;
    this.up = up;
    this.out = out;
    perTask = MatMulExec.perTask(gate.groups(), pool.workers());
    scratch.need(Product.scratch(maxRows, 2));
  }

  @Override
  public void run(Step step) {
    n = Math.toIntExact(rows.at(step.rows(), step.logitRows()));
    if (n > 0 && n <= Product.oneByOne(scratch)) {
      pool.run(vectorTask, Math.ceilDiv(gate.groups(), perTask));
    } else if (n > 0) {
      int panels = Product.panels(gate);
      rowsPerUnit = Product.rowsPerUnit(n, panels, pool.workers());
      pool.run(matrixTask, panels * Math.ceilDiv(n, rowsPerUnit));
    }
  }

  private void vectorUnit(int task, int worker) {
    long s = scratch.of(worker);
    long g = Product.tile(s, maxRows, 0);
    long u = Product.tile(s, maxRows, 1);
    int end = Math.min(gate.groups(), (task + 1) * perTask);
    for (int i = task * perTask; i < end; i++) {
      for (int r = 0; r < n; r++) {
        Product.vector(gate, i, x + 4L * gate.cols() * r, g, s);
        Product.vector(up, i, x + 4L * up.cols() * r, u, s);
        VMath.gate(activation, g, u, g, Lanes.ROWS);
        long to = out + 4L * gate.rows() * r;
        Product.write(g, 0, 1, to, (int) gate.rows(), Lanes.ROWS * i, Lanes.ROWS, 0);
      }
    }
  }

  private void matrixUnit(int unit, int worker) {
    int panels = Product.panels(gate);
    int panel = unit % panels;
    int from = unit / panels * rowsPerUnit;
    int count = Math.min(rowsPerUnit, n - from);
    long s = scratch.of(worker);
    long g = Product.tile(s, maxRows, 0);
    long u = Product.tile(s, maxRows, 1);
    Product.matrix(gate, panel, x + 4L * from * gate.cols(), count, g, s);
    Product.matrix(up, panel, x + 4L * from * up.cols(), count, u, s);
    VMath.gate(activation, g, u, g, count * Product.WIDTH);
    long to = out + 4L * from * gate.rows();
    Product.write(
        g, Product.TILE_ROW, count, to, (int) gate.rows(), Product.WIDTH * panel, Product.WIDTH, 0);
  }
}
