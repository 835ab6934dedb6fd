package org.gatun.opencl;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.gatun.attention.KvCodec;
import org.gatun.attention.KvStore;

/**
 * The keys or values of one head in one page, on the host, as {@code kv.cl} lays them out: keys
 * [element][slot], values (and what {@code keys} is false for) [slot][element], for INT8 a scale
 * per slot behind them. Other numbers of rows are laid out likewise.
 */
final class KvBlock implements AutoCloseable {
  private static final int PAGE = KvStore.PAGE_SLOTS;

  private final Arena arena = Arena.ofConfined();
  private final KvCodec codec;
  private final int dim;
  private final boolean keys;
  private final int slots;
  private final MemorySegment data;
  private final MemorySegment row;

  KvBlock(KvCodec codec, int dim, boolean keys) {
    this(codec, dim, keys, PAGE);
  }

  KvBlock(KvCodec codec, int dim, boolean keys, int slots) {
    this.slots = slots;
    this.codec = codec;
    this.dim = dim;
    this.keys = keys;
    data = arena.allocate((long) slots * codec.headBytes(dim), 8);
    row = arena.allocate((long) dim * codec.elementBytes(), 8);
  }

  /** Bytes of a block. */
  static long bytes(KvCodec codec, int dim) {
    return (long) PAGE * codec.headBytes(dim);
  }

  MemorySegment data() {
    return data;
  }

  private long at(int slot, int element) {
    return codec.elementBytes()
        * (keys ? (long) element * slots + slot : (long) slot * dim + element);
  }

  private long scaleAt(int slot) {
    return (long) dim * slots + 4L * slot;
  }

  /** Stores one slot. */
  void put(int slot, double[] x) {
    float scale = codec.write(x, 0, dim, row, 0);
    int e = codec.elementBytes();
    for (int i = 0; i < dim; i++) {
      MemorySegment.copy(row, (long) i * e, data, at(slot, i), e);
    }
    if (codec == KvCodec.INT8) {
      data.set(ValueLayout.JAVA_FLOAT, scaleAt(slot), scale);
    }
  }

  /** Decodes one slot. */
  void get(int slot, double[] x) {
    int e = codec.elementBytes();
    for (int i = 0; i < dim; i++) {
      MemorySegment.copy(data, at(slot, i), row, (long) i * e, e);
    }
    float scale = codec == KvCodec.INT8 ? data.get(ValueLayout.JAVA_FLOAT, scaleAt(slot)) : 1;
    codec.read(row, 0, scale, x, 0, dim);
  }

  @Override
  public void close() {
    arena.close();
  }
}
