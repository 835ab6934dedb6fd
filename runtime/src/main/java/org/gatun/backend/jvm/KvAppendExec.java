package org.gatun.backend.jvm;

import org.gatun.attention.KvLayer;
import org.gatun.attention.KvStore;
import org.gatun.graph.Dim;
import org.gatun.graph.Step;
import org.jspecify.annotations.Nullable;

/** Writes the step's K and V rows into their slots. */
final class KvAppendExec extends RowExec {
  private final KvPages pages;
  private final KvLayer layer;
  private final long offset;
  private final long k;
  private final long v;
  private @Nullable Step step;

  KvAppendExec(WorkerPool pool, KvPages pages, KvLayer layer, long k, long v) {
    super(pool, Dim.TOKENS, layer.width());
    this.pages = pages;
    this.layer = layer;
    this.k = k;
    this.v = v;
    offset = pages.layer(layer.layer());
  }

  @Override
  void prepare(Step s) {
    step = s;
  }

  @Override
  void row(int r) {
    Step s = step;
    if (s == null) {
      throw new IllegalStateException("no step");
    }
    int slot = s.row(Step.SLOT, r);
    long page = pages.page(s.page(s.row(Step.SEQUENCE, r), slot));
    int dim = layer.headDim();
    for (int h = 0; h < layer.kvHeads(); h++) {
      long at = 4L * (r * (long) layer.width() + h * (long) dim);
      pages.put(
          page + offset + h * pages.headBytes(dim), slot % KvStore.PAGE_SLOTS, dim, k + at, v + at);
    }
  }
}
