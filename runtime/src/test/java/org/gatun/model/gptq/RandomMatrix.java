package org.gatun.model.gptq;

import java.util.Random;

/** Random 4-bit matrices whose rows were quantised in a random order. */
final class RandomMatrix {
  private RandomMatrix() {}

  static QuantizedMatrix of(int in, int out, int group, long seed) {
    Random random = new Random(seed);
    int groups = in / group;
    int[] codes = random.ints((long) in / 8 * out).toArray();
    int[] zeros = random.ints((long) groups * (out / 8)).toArray();
    short[] scales = new short[groups * out];
    for (int i = 0; i < scales.length; i++) {
      scales[i] = Float.floatToFloat16((0.5f + random.nextFloat()) / (8 * (float) Math.sqrt(in)));
    }
    int[] order = new int[in];
    for (int i = 0; i < in; i++) {
      int j = random.nextInt(i + 1);
      order[i] = order[j];
      order[j] = i;
    }
    int[] groupOf = new int[in];
    for (int i = 0; i < in; i++) {
      groupOf[i] = order[i] / group;
    }
    return new QuantizedMatrix(in, out, codes, zeros, scales, groupOf, true);
  }
}
