package org.gatun.attention;

/** No free page is left for a sequence that must grow. */
public final class KvFullException extends RuntimeException {
  /** States the pool's size. */
  public KvFullException(long slots) {
    super(
        "the KV cache is full (" + slots + " tokens); use a larger --ctx-size or fewer sequences");
  }
}
