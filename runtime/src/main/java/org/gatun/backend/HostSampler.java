package org.gatun.backend;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.gatun.graph.Step;

/**
 * Draws a token as {@link org.gatun.graph.op.Sample} defines it, without sorting the whole
 * vocabulary: candidates are the logits within reach of the largest, found in one pass. Not
 * thread-safe; keep one per thread.
 */
public final class HostSampler {
  /**
   * Below this distance from the largest logit, over the temperature, a token's mass is under 2^-53
   * of the whole.
   */
  private static final double NEGLIGIBLE = 60;

  private long[] keys = new long[1024];

  /** Draws the token of logit row {@code l} of a step from {@code count} F32 logits. */
  public int pick(MemorySegment logits, long offset, int count, Step step, int l) {
    return pick(logits, offset, 4, count, step, l);
  }

  /** Draws from {@code count} F32 logits at {@code offset} bytes. */
  public int pick(
      MemorySegment logits,
      long offset,
      int count,
      float temperature,
      int topK,
      float topP,
      float minP,
      float uniform) {
    return pick(logits, offset, 4, count, temperature, topK, topP, minP, uniform);
  }

  /**
   * Draws the token of logit row {@code l} of a step from {@code count} pairs of (value, id), as
   * {@link org.gatun.graph.op.Candidates} of all ranks give them.
   */
  public int pickPair(MemorySegment pairs, long offset, int count, Step step, int l) {
    int at = pick(pairs, offset, 8, count, step, l);
    return (int) pairs.get(ValueLayout.JAVA_FLOAT_UNALIGNED, offset + 8L * at + 4);
  }

  private int pick(MemorySegment logits, long offset, long stride, int count, Step step, int l) {
    return pick(
        logits,
        offset,
        stride,
        count,
        step.logitFloat(Step.TEMPERATURE, l),
        step.logit(Step.TOP_K, l),
        step.logitFloat(Step.TOP_P, l),
        step.logitFloat(Step.MIN_P, l),
        step.logitFloat(Step.UNIFORM, l));
  }

  private int pick(
      MemorySegment logits,
      long offset,
      long stride,
      int count,
      float temperature,
      int topK,
      float topP,
      float minP,
      float uniform) {
    int best = 0;
    float max = Float.NEGATIVE_INFINITY;
    for (int i = 0; i < count; i++) {
      float x = logits.get(ValueLayout.JAVA_FLOAT_UNALIGNED, offset + stride * i);
      if (x > max) {
        max = x;
        best = i;
      }
    }
    if (temperature <= 0 || topK == 1) {
      return best;
    }
    int n = candidates(logits, offset, stride, count, max - (float) (NEGLIGIBLE * temperature));
    Arrays.sort(keys, 0, n);
    int keep = topK > 0 ? Math.min(topK, n) : n;
    double sum = 0;
    for (int i = 0; i < keep; i++) {
      sum += mass(i, max, temperature);
    }
    if (topP < 1) {
      double mass = 0;
      for (int i = 0; i < keep; i++) {
        mass += mass(i, max, temperature) / sum;
        if (mass >= topP) {
          keep = i + 1;
        }
      }
    }
    while (keep > 1 && mass(keep - 1, max, temperature) < minP) {
      keep--;
    }
    double total = 0;
    for (int i = 0; i < keep; i++) {
      total += mass(i, max, temperature);
    }
    double u = uniform * total;
    for (int i = 0; i < keep; i++) {
      u -= mass(i, max, temperature);
      if (u < 0) {
        return (int) keys[i];
      }
    }
    return (int) keys[Math.max(0, keep - 1)];
  }

  /** Collects keys that sort by falling logit, then by rising id. */
  private int candidates(MemorySegment logits, long offset, long stride, int count, float floor) {
    int n = 0;
    for (int i = 0; i < count; i++) {
      float x = logits.get(ValueLayout.JAVA_FLOAT_UNALIGNED, offset + stride * i);
      if (x >= floor) {
        if (n == keys.length) {
          keys = Arrays.copyOf(keys, n * 2);
        }
        keys[n++] = LogitKey.of(x, i);
      }
    }
    return n;
  }

  private double mass(int i, float max, float temperature) {
    return Math.exp((LogitKey.logit(keys[i]) - max) / (double) temperature);
  }
}
