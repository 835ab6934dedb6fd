package org.gatun.attention;

/**
 * A prefix on a device: uploaded once, shared by every sequence that begins with it, dropped when
 * the last of them and this handle are closed. Made by {@link KvCache#load}.
 */
public final class KvPrefix implements AutoCloseable {
  private final KvCache cache;
  private final int id;
  private final PrefixData data;
  private int references = 1;
  private boolean closed;

  KvPrefix(KvCache cache, int id, PrefixData data) {
    this.cache = cache;
    this.id = id;
    this.data = data;
  }

  /** What a step's descriptor calls it: 0 … {@link PrefixLimits#count} − 1. */
  public int id() {
    return id;
  }

  /** What was uploaded. */
  public PrefixData data() {
    return data;
  }

  void retain() {
    if (references == 0) {
      throw new IllegalStateException("this prefix was closed");
    }
    references++;
  }

  void release() {
    if (--references == 0) {
      cache.drop(id);
    }
  }

  /** Gives up this handle; sequences keep the prefix for as long as they need it. */
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      release();
    }
  }
}
