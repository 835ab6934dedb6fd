package org.gatun.opencl;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.gatun.attention.KvCodec;
import org.gatun.attention.KvLayer;
import org.gatun.attention.KvStore;
import org.gatun.backend.BackendException;
import org.gatun.backend.CompileOptions;
import org.gatun.graph.Graph;

/** The KV pages of a program: one buffer of keys and one of values per layer. */
final class KvPool implements KvStore, AutoCloseable {
  /** A layer's buffers, as {@code kv.cl} lays them out. */
  record Layer(ClBuffer keys, ClBuffer values, int heads, int dim, ClKernel copy) {}

  private final ClQueue queue;
  private final int pages;
  private final KvCodec codec;
  private final boolean gpu;
  private final Map<Integer, Layer> layers = new HashMap<>();
  private long bytes;

  KvPool(
      ClContext context,
      ClQueue queue,
      KernelLibrary kernels,
      Tiles tiles,
      Graph graph,
      CompileOptions options) {
    this.queue = queue;
    this.pages = options.kvPages();
    this.codec = options.kvCodec();
    this.gpu = tiles.gpu();
    try {
      for (KvLayer k : graph.kv()) {
        long size = options.kvSlots() * k.kvHeads() * codec.headBytes(k.headDim());
        ClBuffer keys = context.buffer("keys of layer " + k.layer(), size);
        ClKernel copy =
            kernels.kernel(
                options.cacheDir(),
                List.of("common.cl", "kv.cl"),
                "-cl-std=CL1.2 " + options(),
                "kv_copy");
        Layer partial = new Layer(keys, keys, k.kvHeads(), k.headDim(), copy);
        layers.put(k.layer(), partial);
        ClBuffer values = context.buffer("values of layer " + k.layer(), size);
        layers.put(k.layer(), new Layer(keys, values, k.kvHeads(), k.headDim(), copy));
        bytes += 2 * size;
        if (options.poison() && !ClContext.CHECKED) {
          int nan = codec == KvCodec.F16 ? 0x7e007e00 : 0x7fc00000;
          queue.fill(keys, nan);
          queue.fill(values, nan);
        }
      }
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  /** Build options of kernels that read or write the pool. */
  String options() {
    return switch (codec) {
      case F32 -> "-DKV_F32";
      case F16 -> "-DKV_F16";
      // Append and copy share the program; a work-group takes a head's largest element.
      case INT8 -> "-DKV_INT8 -DLOCAL=" + appendLocal();
    };
  }

  /** Work-items of an append: per head for INT8, along the row otherwise. */
  int appendLocal() {
    return codec != KvCodec.INT8 ? 16 : gpu ? 64 : 1;
  }

  /** Work-groups of an append per row. */
  int appendGroups(Layer l) {
    return codec == KvCodec.INT8 ? l.heads : Math.ceilDiv(l.heads * l.dim, 16);
  }

  Layer layer(int number) {
    Layer l = layers.get(number);
    if (l == null) {
      throw new BackendException("the graph declares no KV layer " + number);
    }
    return l;
  }

  long bytes() {
    return bytes;
  }

  @Override
  public int pages() {
    return pages;
  }

  @Override
  public void copySlots(int srcPage, int srcSlot, int dstPage, int dstSlot, int count) {
    for (Layer l : layers.values()) {
      l.copy
          .at(0)
          .arg(l.keys)
          .arg(l.values)
          .arg(l.heads)
          .arg(l.dim)
          .arg(srcPage)
          .arg(srcSlot)
          .arg(dstPage)
          .arg(dstSlot)
          .arg(count)
          .local(16, 1, 1)
          .enqueue(queue, Math.ceilDiv(l.heads * l.dim, 16), 1, 1);
    }
  }

  @Override
  public void close() {
    for (Layer l : layers.values()) {
      l.copy.close();
      l.keys.close();
      l.values.close();
    }
    layers.clear();
  }
}
