package org.gatun.backend.jvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.gatun.attention.AttentionPlan.BlockTopK;
import org.gatun.attention.KvCodec;
import org.gatun.attention.KvLayer;
import org.gatun.attention.KvStore;
import org.gatun.attention.PrefixData;
import org.gatun.graph.Step;

/**
 * KV pages in memory. A page is allocated when a step first writes it, so that a long context costs
 * what is used of it. K is transposed within the page: scores then need no horizontal sum, and the
 * lanes are keys.
 *
 * <pre>
 *   page:   layer 0 | layer 1 | …
 *   layer:  per KV head  K [headDim][64 slots]  V [64 slots][headDim]   and for INT8  K scales [64]  V scales [64]  (f32)
 *                        and for block top-k  compressed keys [4][headDim]  coarse ones [1][headDim]  (f32 or f16)
 * </pre>
 *
 * <p>Compressed keys lie in the page that has their last slot: sequences that share the page agree
 * on all the slots they stand for.
 */
final class KvPages implements KvStore {
  private final KvCodec codec;
  private final boolean compressed;
  private final JvmPrefix[] prefixes;
  private final int elementBytes;
  private final long[] address;
  private final Map<Integer, Long> layerOffset = new HashMap<>();
  private final List<KvLayer> layers;
  private final Arena arena;
  private final long pageBytes;
  private long allocated;

  KvPages(
      List<KvLayer> layers,
      KvCodec codec,
      boolean compressed,
      int prefixes,
      int pages,
      Arena arena) {
    this.compressed = compressed;
    this.prefixes = new JvmPrefix[prefixes];
    this.layers = layers;
    this.codec = codec;
    this.arena = arena;
    elementBytes = codec.elementBytes();
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
    return compressedKeys(headDim)
        + (compressed ? (BlockTopK.PER_PAGE + 1L) * headDim * compressedCodec().elementBytes() : 0);
  }

  /** Offset of the compressed keys of a page's head. */
  long compressedKeys(int headDim) {
    return 2L * sideBytes(headDim) + (codec == KvCodec.INT8 ? 8L * PAGE_SLOTS : 0);
  }

  /** How compressed keys are stored. */
  KvCodec compressedCodec() {
    return codec == KvCodec.F32 ? KvCodec.F32 : KvCodec.F16;
  }

  /** One element of a stored key. */
  float key(long head, int headDim, int slot, int i) {
    long at = i * (long) PAGE_SLOTS + slot;
    return switch (codec) {
      case F32 -> Lanes.get(head + 4 * at);
      case F16 -> Float.float16ToFloat(Lanes.ALL.get(Lanes.I16, head + 2 * at));
      case INT8 ->
          Lanes.ALL.get(Lanes.I8, head + at) * Lanes.get(head + scales(headDim) + 4L * slot);
    };
  }

  private float value(long head, int headDim, int slot, int i) {
    long v = head + values(headDim);
    long at = slot * (long) headDim + i;
    return switch (codec) {
      case F32 -> Lanes.get(v + 4 * at);
      case F16 -> Float.float16ToFloat(Lanes.ALL.get(Lanes.I16, v + 2 * at));
      case INT8 ->
          Lanes.ALL.get(Lanes.I8, v + at)
              * Lanes.get(head + scales(headDim) + 4L * (PAGE_SLOTS + slot));
    };
  }

  /** A loaded prefix. */
  JvmPrefix prefix(int id) {
    return prefixes[id];
  }

  @Override
  public int prefixes() {
    return prefixes.length;
  }

  @Override
  public void loadPrefix(int id, PrefixData data) {
    prefixes[id] = new JvmPrefix(data, codec);
    allocated += prefixes[id].bytes();
  }

  @Override
  public void dropPrefix(int id) {
    allocated -= prefixes[id].bytes();
    prefixes[id].close();
  }

  /** Frees loaded prefixes. */
  void close() {
    for (JvmPrefix p : prefixes) {
      if (p != null && p.isOpen()) {
        p.close();
      }
    }
  }

  @Override
  public void read(KvLayer l, boolean key, int page, int slot, int count, float[] dst) {
    int dim = l.headDim();
    for (int h = 0; h < l.kvHeads(); h++) {
      long head = address[page] + layer(l.layer()) + h * headBytes(dim);
      for (int i = 0; i < count; i++) {
        for (int j = 0; j < dim; j++) {
          dst[i * l.width() + h * dim + j] =
              key ? key(head, dim, slot + i, j) : value(head, dim, slot + i, j);
        }
      }
    }
  }

  @Override
  public void write(KvLayer l, int page, int slot, int count, float[] keys, float[] values) {
    if (address[page] == 0) {
      allocate(page);
    }
    int dim = l.headDim();
    try (Arena rows = Arena.ofConfined()) {
      MemorySegment k = rows.allocateFrom(Lanes.F32, keys);
      MemorySegment v = rows.allocateFrom(Lanes.F32, values);
      for (int i = 0; i < count; i++) {
        for (int h = 0; h < l.kvHeads(); h++) {
          long at = 4L * (i * (long) l.width() + h * (long) dim);
          long head = address[page] + layer(l.layer()) + h * headBytes(dim);
          put(head, slot + i, dim, k.address() + at, v.address() + at);
        }
      }
    }
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
        if (compressed && srcSlot == 0 && dstSlot == 0) {
          // A page that leaves its sharers: compressed keys of slots that change are made anew.
          long side = compressedKeys(k.headDim());
          copy(
              address[srcPage] + at + side,
              address[dstPage] + at + side,
              headBytes(k.headDim()) - side);
        }
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
              Lanes.I16, head + 2L * (i * PAGE_SLOTS + slot), KvCodec.half(Lanes.get(k + 4L * i)));
          Lanes.ALL.set(
              Lanes.I16, values + 2L * (slot * dim + i), KvCodec.half(Lanes.get(v + 4L * i)));
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
              Lanes.I8,
              head + (long) i * PAGE_SLOTS + slot,
              KvCodec.quantise(Lanes.get(k + 4L * i), ks));
          Lanes.ALL.set(
              Lanes.I8,
              values + (long) slot * dim + i,
              KvCodec.quantise(Lanes.get(v + 4L * i), vs));
        }
      }
    }
  }

  private static float scale(long x, int n) {
    float max = 0;
    for (int i = 0; i < n; i++) {
      max = Math.max(max, Math.abs(Lanes.get(x + 4L * i)));
    }
    return max / 127;
  }
}
