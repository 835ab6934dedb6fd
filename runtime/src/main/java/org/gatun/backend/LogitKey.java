package org.gatun.backend;

/** A logit and its index in one integer: rising keys are falling logits, then rising indices. */
final class LogitKey {
  private LogitKey() {}

  static long of(float logit, int index) {
    int bits = Float.floatToRawIntBits(logit);
    int ascending = bits ^ (bits >> 31 & 0x7fffffff);
    return ((long) ~ascending << 32) | index;
  }

  static float logit(long key) {
    int ascending = ~(int) (key >> 32);
    return Float.intBitsToFloat(ascending ^ (ascending >> 31 & 0x7fffffff));
  }

  static int index(long key) {
    return (int) key;
  }
}
