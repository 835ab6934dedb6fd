package org.gatun.backend;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.gatun.graph.op.Candidates;

/**
 * The host's {@link Candidates}: one pass with a threshold that rises each time the buffer is full.
 * Not thread-safe; keep one per thread.
 */
public final class HostCandidates {
  private final Candidates op;
  private final long[] keys;

  /** For this op; allocates what it will need. */
  public HostCandidates(Candidates op) {
    this.op = op;
    keys = new long[4 * op.count()];
  }

  /**
   * Writes the pairs of one row.
   *
   * @param logits holds {@code count} F32 logits from {@code offset} bytes on
   * @param pairs takes (value, id) pairs from {@code to} bytes on
   */
  public void choose(MemorySegment logits, long offset, int count, MemorySegment pairs, long to) {
    int n = 0;
    float threshold = Float.NaN;
    for (int i = 0; i < count; i++) {
      float x = logits.get(ValueLayout.JAVA_FLOAT_UNALIGNED, offset + 4L * i);
      // Equal ones that come later have larger ids.
      if (!(x <= threshold)) {
        keys[n++] = LogitKey.of(x, i);
        if (n == keys.length) {
          Arrays.sort(keys);
          n = op.count();
          threshold = LogitKey.logit(keys[n - 1]);
        }
      }
    }
    Arrays.sort(keys, 0, n);
    for (int i = 0; i < op.count(); i++) {
      // The logit stays in the low half while the index decides the order.
      keys[i] = (long) LogitKey.index(keys[i]) << 32 | keys[i] >>> 32;
    }
    Arrays.sort(keys, 0, op.count());
    for (int i = 0; i < op.count(); i++) {
      float x = LogitKey.logit(keys[i] << 32);
      float id = op.first() + (int) (keys[i] >>> 32);
      pairs.set(ValueLayout.JAVA_FLOAT_UNALIGNED, to + 8L * i, x);
      pairs.set(ValueLayout.JAVA_FLOAT_UNALIGNED, to + 8L * i + 4, id);
    }
  }
}
