package org.gatun.backend.jvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.gatun.attention.KvCodec;
import org.gatun.attention.KvLayer;
import org.gatun.attention.KvStore;
import org.gatun.graph.Step;

/**
 * KV pages in memory. A page is allocated when a step first writes it, so that a long context costs
 * what is used of it. K is transposed within the page: scores then need no horizontal sum, and the
 * lanes are keys.
 *
 * <pre>
 *   page:   layer 0 | layer 1 | …
 *   layer:  per KV head  K [headDim][64 slots]  V [64 slots][headDim]   and for INT8  K scales [64]  V scales [64]  (f32)
 * </pre>
 */
final class KvPages implements KvStore {
  private final KvCodec codec;
  private final int elementBytes;
  private final long[] address;
  private final Map<Integer, Long> layerOffset = new HashMap<>();
  private final List<KvLayer> layers;
  private final Arena arena;
  private final long pageBytes;
  private long allocated;

  KvPages(List<KvLayer> layers, KvCodec codec, int pages, Arena arena) {
    this.layers = layers;
    this.codec = codec;
    this.arena = arena;
    elementBytes = codec == KvCodec.F32 ? 4 : codec == KvCodec.F16 ? 2 : 1;
    address = new long[pages];
    long at = 0;
    for (KvLayer k : layers) {
      layerOffset.put(k.layer(), at);
      at += k.kvHeads() * headBytes(k.headDim());
    }
    pageBytes = at;
  }

  KvCodec codec() {
    return codec;
  }

  /** Bytes of K, V and scales of one head in a page. */
  long headBytes(int headDim) {
    return 2L * sideBytes(headDim) + (codec == KvCodec.INT8 ? 8L * PAGE_SLOTS : 0);
  }

  private long sideBytes(int headDim) {
    return (long) PAGE_SLOTS * headDim * elementBytes;
  }

  /** Offset of a layer in every page. */
  long layer(int number) {
    Long at = layerOffset.get(number);
    if (at == null) {
      throw new IllegalArgumentException("no KV layer " + number);
    }
    return at;
  }

  /** Address of a page that was written before. */
  long page(int page) {
    return address[page];
  }

  /** V's offset behind K's. */
  long values(int headDim) {
    return sideBytes(headDim);
  }

  /** Offset of K's scales; V's follow. */
  long scales(int headDim) {
    return 2 * sideBytes(headDim);
  }

  long allocatedBytes() {
    return allocated;
  }

  /** Makes every page that the step writes exist. */
  void reserve(Step step) {
    for (int r = 0; r < step.rows(); r++) {
      int page = step.page(step.row(Step.SEQUENCE, r), step.row(Step.SLOT, r));
      if (address[page] == 0) {
        allocate(page);
      }
    }
  }

  private void allocate(int page) {
    // Zeroed: lanes of a page's unwritten slots are read and masked, never used.
    // The last vector of V may be loaded past its end.
    address[page] = arena.allocate(pageBytes + 256, 64).address();
    allocated += pageBytes;
  }

  @Override
  public int pages() {
    return address.length;
  }

  @Override
  public void copySlots(int srcPage, int srcSlot, int dstPage, int dstSlot, int count) {
    if (address[dstPage] == 0) {
      allocate(dstPage);
    }
    for (KvLayer k : layers) {
      for (int h = 0; h < k.kvHeads(); h++) {
        long at = layer(k.layer()) + h * headBytes(k.headDim());
        copyHead(
            address[srcPage] + at, srcSlot, address[dstPage] + at, dstSlot, count, k.headDim());
      }
    }
  }

  private void copyHead(long src, int srcSlot, long dst, int dstSlot, int count, int dim) {
    long e = elementBytes;
    for (int i = 0; i < dim; i++) {
      copy(
          src + e * (i * (long) PAGE_SLOTS + srcSlot),
          dst + e * (i * (long) PAGE_SLOTS + dstSlot),
          e * count);
    }
    long v = values(dim);
    copy(src + v + e * dim * srcSlot, dst + v + e * dim * dstSlot, e * dim * count);
    if (codec == KvCodec.INT8) {
      long s = scales(dim);
      copy(src + s + 4L * srcSlot, dst + s + 4L * dstSlot, 4L * count);
      s += 4L * PAGE_SLOTS;
      copy(src + s + 4L * srcSlot, dst + s + 4L * dstSlot, 4L * count);
    }
  }

  /** Ranges may overlap: compaction moves slots down within a page. */
  private static void copy(long from, long to, long bytes) {
    MemorySegment.copy(Lanes.ALL, from, Lanes.ALL, to, bytes);
  }

  /** Writes one head of one token. */
  void put(long head, int slot, int dim, long k, long v) {
    long values = head + values(dim);
    switch (codec) {
      case F32 -> {
        for (int i = 0; i < dim; i++) {
          Lanes.put(head + 4L * (i * PAGE_SLOTS + slot), Lanes.get(k + 4L * i));
          Lanes.put(values + 4L * (slot * dim + i), Lanes.get(v + 4L * i));
        }
      }
      case F16 -> {
        for (int i = 0; i < dim; i++) {
          Lanes.ALL.set(
              Lanes.I16, head + 2L * (i * PAGE_SLOTS + slot), half(Lanes.get(k + 4L * i)));
          Lanes.ALL.set(Lanes.I16, values + 2L * (slot * dim + i), half(Lanes.get(v + 4L * i)));
        }
      }
      case INT8 -> {
        long scales = head + scales(dim);
        float ks = scale(k, dim);
        float vs = scale(v, dim);
        Lanes.put(scales + 4L * slot, ks);
        Lanes.put(scales + 4L * (PAGE_SLOTS + slot), vs);
        for (int i = 0; i < dim; i++) {
          Lanes.ALL.set(
              Lanes.I8, head + (long) i * PAGE_SLOTS + slot, quantise(Lanes.get(k + 4L * i), ks));
          Lanes.ALL.set(
              Lanes.I8, values + (long) slot * dim + i, quantise(Lanes.get(v + 4L * i), vs));
        }
      }
    }
  }

  /** Saturates: an infinity would turn every score of the sequence into NaN. */
  private static short half(float x) {
    return Float.floatToFloat16(Math.clamp(x, -65504f, 65504f));
  }

  private static float scale(long x, int n) {
    float max = 0;
    for (int i = 0; i < n; i++) {
      max = Math.max(max, Math.abs(Lanes.get(x + 4L * i)));
    }
    return max / 127;
  }

  private static byte quantise(float x, float scale) {
    return scale == 0 ? 0 : (byte) Math.round(x / scale);
  }
}
