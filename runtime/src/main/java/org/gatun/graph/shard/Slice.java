package org.gatun.graph.shard;

import org.gatun.tensor.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * The part of a weight that one rank holds: a view, nothing is copied.
 *
 * @param weight the whole weight's name
 * @param rows rows kept, or null for all
 * @param cols columns kept, or null for all
 */
record Slice(String weight, @Nullable Range rows, @Nullable Range cols) {
  Tensor of(Tensor whole, String name) {
    Tensor t = whole;
    if (rows != null) {
      t = t.rowSlice(rows.from(), rows.count());
    }
    if (cols != null) {
      t = t.columnSlice(cols.from(), cols.count());
    }
    return new Tensor(name, t.dtype(), t.rows(), t.cols(), t.data(), t.rowStride());
  }

  /** The sharded weight's name: unique per part, so that tied weights may be cut in two ways. */
  String name() {
    StringBuilder s = new StringBuilder(weight).append('[');
    if (rows != null) {
      s.append("rows ").append(rows.from()).append('+').append(rows.count());
    }
    if (cols != null) {
      s.append("cols ").append(cols.from()).append('+').append(cols.count());
    }
    return s.append(']').toString();
  }
}
