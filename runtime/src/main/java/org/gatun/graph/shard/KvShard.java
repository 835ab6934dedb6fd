package org.gatun.graph.shard;

import org.gatun.attention.KvLayer;
import org.gatun.attention.KvStore;
import org.gatun.attention.PrefixData;

/**
 * One rank's pages as those of the whole model: what the host brings for all KV heads, of which the
 * rank takes its own. Pages and slots are the same on every rank.
 *
 * @param own the rank's pages
 */
public record KvShard(KvStore own, int rank, int world) implements KvStore {
  @Override
  public int pages() {
    return own.pages();
  }

  @Override
  public void copySlots(int srcPage, int srcSlot, int dstPage, int dstSlot, int count) {
    own.copySlots(srcPage, srcSlot, dstPage, dstSlot, count);
  }

  @Override
  public int prefixes() {
    return own.prefixes();
  }

  @Override
  public void loadPrefix(int id, PrefixData data) {
    own.loadPrefix(
        id,
        new PrefixData(
            data.tokens(),
            data.layers().stream()
                .map(
                    l -> {
                      Range r = ShardPlan.kvHeads(l.shape().kvHeads(), rank, world);
                      return l.heads(r.from(), r.count());
                    })
                .toList()));
  }

  @Override
  public void dropPrefix(int id) {
    own.dropPrefix(id);
  }

  @Override
  public void write(KvLayer layer, int page, int slot, int count, float[] keys, float[] values) {
    Range r = ShardPlan.kvHeads(layer.kvHeads(), rank, world);
    KvLayer part = new KvLayer(layer.layer(), r.count(), layer.headDim());
    own.write(
        part, page, slot, count, columns(layer, part, r, keys), columns(layer, part, r, values));
  }

  private static float[] columns(KvLayer whole, KvLayer part, Range heads, float[] rows) {
    if (part.equals(whole)) {
      return rows;
    }
    int count = rows.length / whole.width();
    float[] own = new float[count * part.width()];
    for (int i = 0; i < count; i++) {
      int from = i * whole.width() + heads.from() * whole.headDim();
      System.arraycopy(rows, from, own, i * part.width(), part.width());
    }
    return own;
  }
}
