package org.gatun.opencl;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.gatun.attention.AttentionPlan;
import org.gatun.attention.KvCodec;
import org.gatun.attention.KvLayer;
import org.gatun.attention.KvStore;
import org.gatun.attention.PrefixData;
import org.gatun.backend.BackendException;
import org.gatun.backend.CompileOptions;
import org.gatun.graph.Graph;
import org.gatun.graph.Node;
import org.gatun.graph.op.Attention;
import org.jspecify.annotations.Nullable;

/** The KV pages of a program: one buffer of keys and one of values per layer. */
final class KvPool implements KvStore, AutoCloseable {
  /** A layer's buffers, as {@code kv.cl} lays them out. */
  record Layer(ClBuffer keys, ClBuffer values, int heads, int dim, ClKernel copy) {}

  private final ClQueue queue;
  private final int pages;
  private final KvCodec codec;
  private final boolean gpu;
  private final Owned owned = new Owned();
  private final Map<Integer, Layer> layers = new HashMap<>();
  private final Map<Integer, Compressed> compressed = new HashMap<>();
  private @Nullable PrefixPool prefixes;
  private long bytes;

  /** Compressed keys of a layer with block top-k, as {@code blocks.cl} lays them out. */
  private record Compressed(ClBuffer keys, int floatsPerPage, ClKernel copy) {}

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
        ClBuffer keys = owned.add(context.buffer("keys of layer " + k.layer(), size));
        ClBuffer values = owned.add(context.buffer("values of layer " + k.layer(), size));
        ClKernel copy =
            owned.add(kernels.kernel(options.cacheDir(), List.of("kv.cl"), options(), "kv_copy"));
        layers.put(k.layer(), new Layer(keys, values, k.kvHeads(), k.headDim(), copy));
        bytes += 2 * size;
        if (options.poison() && !ClContext.CHECKED) {
          int nan = codec == KvCodec.F16 ? 0x7e007e00 : 0x7fc00000;
          queue.fill(keys, nan);
          queue.fill(values, nan);
        }
      }
      plans(context, kernels, graph, options);
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  private void plans(
      ClContext context, KernelLibrary kernels, Graph graph, CompileOptions options) {
    List<KvLayer> squeezed = new ArrayList<>();
    for (Node n : graph.nodes()) {
      if (n.op() instanceof Attention a && a.plan() instanceof AttentionPlan.Squeezed) {
        squeezed.add(graph.kvLayer(a.layer()));
      } else if (n.op() instanceof Attention a && a.plan() instanceof AttentionPlan.BlockTopK) {
        int floats = a.kvHeads() * (AttentionPlan.BlockTopK.PER_PAGE + 1) * a.headDim();
        String shape =
            " -DHEADS=" + a.heads() + " -DKV_HEADS=" + a.kvHeads() + " -DDIM=" + a.headDim();
        ClKernel copy =
            owned.add(
                kernels.kernel(
                    options.cacheDir(),
                    List.of("kv.cl", "blocks.cl"),
                    options().replaceAll("-DLOCAL=\\d+", "") + " -DLOCAL=16" + shape,
                    "compressed_copy"));
        ClBuffer keys =
            owned.add(context.buffer("compressed keys of layer " + a.layer(), 4L * floats * pages));
        if (ClContext.CHECKED) {
          // A page that leaves its sharers takes its keys along, also those that are not there yet:
          // harmless, and reported.
          try (Arena arena = Arena.ofConfined()) {
            queue.write(keys, 0, arena.allocate(keys.size(), 64), keys.size(), true);
          }
        }
        compressed.put(a.layer(), new Compressed(keys, floats, copy));
        bytes += 4L * floats * pages;
      }
    }
    if (!squeezed.isEmpty() && options.prefixes().count() > 0) {
      prefixes =
          owned.add(new PrefixPool(context, queue, codec, options.prefixes(), squeezed, gpu));
    }
  }

  /** The prefixes; only there if a layer reads them. */
  PrefixPool prefixPool() {
    PrefixPool p = prefixes;
    if (p == null) {
      throw new IllegalStateException("the program has no room for prefixes");
    }
    return p;
  }

  @Override
  public int prefixes() {
    return prefixes == null ? 0 : prefixes.count();
  }

  @Override
  public void loadPrefix(int id, PrefixData data) {
    prefixPool().load(id, data);
  }

  @Override
  public void read(KvLayer l, boolean key, int page, int slot, int count, float[] dst) {
    double[] x = new double[l.headDim()];
    try (KvBlock block = new KvBlock(codec, l.headDim(), key)) {
      long bytes = block.data().byteSize();
      ClBuffer from = key ? layer(l.layer()).keys : layer(l.layer()).values;
      for (int h = 0; h < l.kvHeads(); h++) {
        queue.read(from, ((long) page * l.kvHeads() + h) * bytes, block.data(), bytes);
        for (int i = 0; i < count; i++) {
          block.get(slot + i, x);
          for (int j = 0; j < x.length; j++) {
            dst[i * l.width() + h * l.headDim() + j] = (float) x[j];
          }
        }
      }
    }
  }

  @Override
  public void write(KvLayer l, int page, int slot, int count, float[] keys, float[] values) {
    write(l, true, page, slot, count, keys);
    write(l, false, page, slot, count, values);
  }

  private void write(KvLayer l, boolean key, int page, int slot, int count, float[] rows) {
    double[] x = new double[l.headDim()];
    try (KvBlock block = new KvBlock(codec, l.headDim(), key)) {
      long bytes = block.data().byteSize();
      ClBuffer to = key ? layer(l.layer()).keys : layer(l.layer()).values;
      for (int h = 0; h < l.kvHeads(); h++) {
        long at = ((long) page * l.kvHeads() + h) * bytes;
        if (count < PAGE_SLOTS) {
          queue.read(to, at, block.data(), bytes);
        }
        for (int i = 0; i < count; i++) {
          for (int j = 0; j < x.length; j++) {
            x[j] = rows[i * l.width() + h * l.headDim() + j];
          }
          block.put(slot + i, x);
        }
        queue.write(to, at, block.data(), bytes, true);
      }
    }
  }

  /** Compressed keys of a layer. */
  ClBuffer compressed(int layer) {
    Compressed c = compressed.get(layer);
    if (c == null) {
      throw new BackendException("layer " + layer + " has no compressed keys");
    }
    return c.keys;
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
    if (srcSlot == 0 && dstSlot == 0 && srcPage != dstPage) {
      copyCompressed(srcPage, dstPage);
    }
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
    queue.finishFirstRuns();
  }

  private void copyCompressed(int srcPage, int dstPage) {
    for (Compressed c : compressed.values()) {
      c.copy
          .at(0)
          .arg(c.keys)
          .arg(c.floatsPerPage)
          .arg(srcPage)
          .arg(dstPage)
          .local(16, 1, 1)
          .enqueue(queue, Math.ceilDiv(c.floatsPerPage, 16), 1, 1);
    }
  }

  @Override
  public void close() {
    owned.close();
  }
}
