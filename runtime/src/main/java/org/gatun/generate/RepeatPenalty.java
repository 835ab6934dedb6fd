package org.gatun.generate;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.gatun.backend.HostSampler;
import org.gatun.graph.Sampling;

/**
 * Draws on the host from logits whose recent tokens were made less likely: divided if positive,
 * multiplied otherwise.
 */
final class RepeatPenalty implements StepLoop.LogitsReader {
  /** Tokens back that count as recent. */
  static final int WINDOW = 64;

  private final HostSampler sampler;
  private final int[] tokens;
  private final float penalty;
  private final Sampling how;

  RepeatPenalty(HostSampler sampler, int[] recent, float penalty, Sampling how) {
    this.sampler = sampler;
    this.tokens = Arrays.stream(recent).distinct().sorted().toArray();
    this.penalty = penalty;
    this.how = how;
  }

  /**
   * A penalty lowers at most these tokens, so what is kept after it is among the most likely {@code
   * kept + tokens} before it. One that raises them may lift any.
   */
  @Override
  public boolean takesPairs() {
    int kept = how.temperature() <= 0 ? 1 : how.topK();
    return penalty >= 1 && kept > 0 && kept + tokens.length <= Sampling.CANDIDATES;
  }

  @Override
  public int read(int index, MemorySegment logits) {
    float[] x = logits.toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
    for (int id : tokens) {
      x[id] = lowered(x[id]);
    }
    return pick(x);
  }

  @Override
  public int readPairs(int index, MemorySegment pairs) {
    float[] x = new float[(int) (pairs.byteSize() / 8)];
    for (int i = 0; i < x.length; i++) {
      float value = pairs.get(ValueLayout.JAVA_FLOAT_UNALIGNED, 8L * i);
      x[i] = Arrays.binarySearch(tokens, id(pairs, i)) >= 0 ? lowered(value) : value;
    }
    return id(pairs, pick(x));
  }

  private static int id(MemorySegment pairs, int i) {
    return (int) pairs.get(ValueLayout.JAVA_FLOAT_UNALIGNED, 8L * i + 4);
  }

  private float lowered(float x) {
    return x > 0 ? x / penalty : x * penalty;
  }

  private int pick(float[] x) {
    return sampler.pick(
        MemorySegment.ofArray(x),
        0,
        x.length,
        how.temperature(),
        how.topK(),
        how.topP(),
        how.minP(),
        how.uniform());
  }
}
