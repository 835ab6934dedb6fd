package org.gatun.backend.jvm;

import java.lang.foreign.Arena;
import org.gatun.graph.Step;
import org.gatun.graph.op.Rope;
import org.jspecify.annotations.Nullable;

/**
 * Cosines and sines of a step's rows, computed in float64 once and shared by every layer with the
 * same parameters.
 *
 * <pre>
 *   per row: rotaryDim / 2 cosines, then as many sines; a row's entries are kept while its position stays the same
 * </pre>
 */
final class RopeTable {
  /**
   * What the angles depend on; {@code factors} is the name of the weight with the frequency
   * factors.
   */
  record Key(int rotaryDim, float theta, float scale, @Nullable String factors) {}

  private final double[] frequency;
  private final long table;
  private final int[] positions;

  RopeTable(Rope op, float @Nullable [] factors, int maxRows, Arena arena) {
    frequency = new double[op.rotaryDim() / 2];
    for (int i = 0; i < frequency.length; i++) {
      frequency[i] = op.frequency(i) / (factors == null ? 1 : factors[i]);
    }
    table = arena.allocate(8L * frequency.length * maxRows, 64).address();
    positions = new int[maxRows];
    java.util.Arrays.fill(positions, -1);
  }

  /** Brings the rows of this step up to date. */
  void fill(Step step) {
    for (int r = 0; r < step.rows(); r++) {
      int p = step.row(Step.POSITION, r);
      if (positions[r] != p) {
        positions[r] = p;
        long cos = cos(r);
        long sin = sin(r);
        for (int i = 0; i < frequency.length; i++) {
          double angle = p * frequency[i];
          Lanes.put(cos + 4L * i, (float) Math.cos(angle));
          Lanes.put(sin + 4L * i, (float) Math.sin(angle));
        }
      }
    }
  }

  long cos(int row) {
    return table + 8L * frequency.length * row;
  }

  long sin(int row) {
    return cos(row) + 4L * frequency.length;
  }
}
