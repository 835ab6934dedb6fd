package org.gatun.generate;

import org.gatun.attention.KvCache;
import org.gatun.attention.KvPrefix;
import org.gatun.attention.KvSequence;
import org.gatun.attention.PrefixThresholds;
import org.gatun.prefix.StoredPrefix;

/**
 * A document that an engine holds for questions. Close it when no new session needs it; those that
 * run keep it.
 */
public final class Prefix implements AutoCloseable {
  private final Engine engine;
  private final StoredPrefix stored;
  private final KvPrefix handle;

  Prefix(Engine engine, StoredPrefix stored, KvPrefix handle) {
    this.engine = engine;
    this.stored = stored;
    this.handle = handle;
  }

  /** Ids of the document. */
  public int[] tokens() {
    return stored.tokens().clone();
  }

  void requirePrunable(double sparsity, int ranks) {
    stored.requirePrunable(sparsity, ranks);
  }

  /** A sequence that holds the document: clusters shared, the tail in slots of its own. */
  KvSequence sequence(KvCache cache, double sparsity) {
    PrefixThresholds t =
        sparsity <= 0 ? PrefixThresholds.KEEP_ALL : stored.quantiles().at(sparsity);
    KvSequence kv = cache.sequence(handle, t);
    try {
      kv.restore(
          stored.tailTokens(),
          (store, page, slot, from, count) -> {
            for (StoredPrefix.Tail tail : stored.tail()) {
              int width = tail.layer().width();
              float[] k =
                  java.util.Arrays.copyOfRange(tail.keys(), from * width, (from + count) * width);
              float[] v =
                  java.util.Arrays.copyOfRange(tail.values(), from * width, (from + count) * width);
              store.write(tail.layer(), page, slot, count, k, v);
            }
          });
    } catch (RuntimeException e) {
      kv.close();
      throw e;
    }
    return kv;
  }

  @Override
  public void close() {
    engine.edit(handle::close);
  }
}
