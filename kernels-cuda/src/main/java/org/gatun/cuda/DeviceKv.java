package org.gatun.cuda;

import static org.gatun.bindings.cuda.cuda_h.*;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashMap;
import java.util.Map;
import org.gatun.attention.AttentionPlan;
import org.gatun.attention.KvCodec;
import org.gatun.attention.KvLayer;
import org.gatun.attention.KvStore;
import org.gatun.attention.PrefixData;
import org.gatun.backend.CompileOptions;
import org.gatun.graph.Graph;
import org.gatun.graph.op.Attention;

/**
 * The KV pages on the device: per layer K, V and, for INT8, their scales. Layout: {@code kv.cuh}.
 */
final class DeviceKv implements KvStore {
  private static final int COPY_THREADS = 64;

  /**
   * One layer's pages: the kernels' {@code Kv}.
   *
   * @param means where block top-k keeps means of keys, fine and coarse; zeros in other layers
   */
  record Layer(KvLayer shape, long[] planes, long[] means) {
    long fineBytes() {
      return 8L * shape.width();
    }

    long coarseBytes() {
      return 2L * shape.width();
    }

    Args into(Args args) {
      return args.struct(planes, shape.kvHeads(), shape.headDim());
    }
  }

  private record Copy(Layer layer, Args args, MemorySegment pointers) {}

  private final CudaDevice device;
  private final Staging staging;
  private final KvCodec codec;
  private final int pages;
  private final Map<Integer, Layer> layers = new HashMap<>();
  private final Map<Integer, Copy> copies = new HashMap<>();
  private final MemorySegment copyKernel;
  private final DevicePrefixes prefixes;
  private long bytes;

  DeviceKv(
      Graph graph,
      CompileOptions options,
      CudaDevice device,
      DevicePool pool,
      Staging staging,
      Kernels kernels,
      Arena arena) {
    int pages = options.kvPages();
    codec = options.kvCodec();
    this.staging = staging;
    this.device = device;
    this.pages = pages;
    for (KvLayer k : graph.kv()) {
      long heads = (long) pages * k.kvHeads() * PAGE_SLOTS;
      long elements = heads * k.headDim() * codec.elementBytes();
      long scales = codec == KvCodec.INT8 ? heads * 4 : 0;
      long[] planes = new long[4];
      String what = "the KV pages of layer " + k.layer();
      planes[0] = pool.allocate(elements, what);
      planes[1] = pool.allocate(elements, what);
      if (scales > 0) {
        planes[2] = pool.allocate(scales, what);
        planes[3] = pool.allocate(scales, what);
      }
      bytes += 2 * (elements + scales);
      long[] means = new long[2];
      if (hasMeans(graph, k)) {
        long before = pool.bytes();
        means[0] = pool.allocate(8L * pages * k.width(), what);
        means[1] = pool.allocate(2L * pages * k.width(), what);
        bytes += pool.bytes() - before;
      }
      Layer layer = new Layer(k, planes, means);
      layers.put(k.layer(), layer);
      Args args = layer.into(new Args(arena)).i(0, 0, 0, 0, 0);
      copies.put(k.layer(), new Copy(layer, args, args.pointers()));
    }
    prefixes = new DevicePrefixes(graph, options.prefixes(), codec, pool, staging);
    bytes += prefixes.bytes();
    copyKernel = graph.kv().isEmpty() ? MemorySegment.NULL : kernels.function(codec, "kv_copy");
  }

  private static boolean hasMeans(Graph graph, KvLayer k) {
    return graph.nodes().stream()
        .anyMatch(
            n ->
                n.op() instanceof Attention a
                    && a.layer() == k.layer()
                    && a.plan() instanceof AttentionPlan.BlockTopK);
  }

  /** The planes of clustered prefixes. */
  DevicePrefixes prefixPlanes() {
    return prefixes;
  }

  @Override
  public int prefixes() {
    return prefixes.count();
  }

  @Override
  public void loadPrefix(int id, PrefixData data) {
    device.enter();
    prefixes.load(id, data);
  }

  /** The layer of this number. */
  Layer layer(int number) {
    Layer l = layers.get(number);
    if (l == null) {
      throw new IllegalStateException("no KV layer " + number);
    }
    return l;
  }

  /** Device memory of all pages. */
  long bytes() {
    return bytes;
  }

  @Override
  public int pages() {
    return pages;
  }

  @Override
  public void copySlots(int srcPage, int srcSlot, int dstPage, int dstSlot, int count) {
    device.enter();
    int[] where = {srcPage, srcSlot, dstPage, dstSlot, count};
    for (Copy c : copies.values()) {
      for (int i = 0; i < where.length; i++) {
        c.args().value(1 + i).set(ValueLayout.JAVA_INT, 0, where[i]);
      }
      Cuda.check(
          cuLaunchKernel(
              copyKernel,
              c.layer().shape().kvHeads(),
              1,
              1,
              COPY_THREADS,
              1,
              1,
              0,
              device.stream(),
              c.pointers(),
              MemorySegment.NULL),
          "copy KV slots");
      if (c.layer().means()[0] != 0 && srcPage != dstPage && srcSlot == 0 && dstSlot == 0) {
        copyMeans(c.layer(), srcPage, dstPage); // a page of its own; other edits are derived anew
      }
    }
  }

  private void copyMeans(Layer l, int from, int to) {
    long[] sizes = {l.fineBytes(), l.coarseBytes()};
    for (int i = 0; i < sizes.length; i++) {
      long n = sizes[i];
      Cuda.check(
          cuMemcpyDtoDAsync_v2(l.means()[i] + to * n, l.means()[i] + from * n, n, device.stream()),
          "copy the means of a page");
    }
  }

  @Override
  public void read(KvLayer shape, boolean key, int page, int slot, int count, float[] dst) {
    device.enter();
    Layer l = layer(shape.layer());
    int dim = shape.headDim();
    double[] x = new double[dim];
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment data = arena.allocate((long) count * dim * codec.elementBytes(), 8);
      MemorySegment scales = arena.allocate(4L * count, 8);
      for (int h = 0; h < shape.kvHeads(); h++) {
        long first = firstSlot(shape, page, h, slot);
        download(data, l.planes()[key ? 0 : 1] + first * dim * codec.elementBytes());
        if (codec == KvCodec.INT8) {
          download(scales, l.planes()[key ? 2 : 3] + 4 * first);
        }
        device.synchronize("read KV pages");
        for (int i = 0; i < count; i++) {
          float scale = codec == KvCodec.INT8 ? scales.getAtIndex(ValueLayout.JAVA_FLOAT, i) : 1;
          codec.read(data, (long) i * dim, scale, x, 0, dim);
          for (int e = 0; e < dim; e++) {
            dst[i * shape.width() + h * dim + e] = (float) x[e];
          }
        }
      }
    }
  }

  @Override
  public void write(KvLayer shape, int page, int slot, int count, float[] keys, float[] values) {
    device.enter();
    Layer l = layer(shape.layer());
    int dim = shape.headDim();
    double[] x = new double[dim];
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment data = arena.allocate((long) count * dim * codec.elementBytes(), 8);
      MemorySegment scales = arena.allocate(4L * count, 8);
      for (int side = 0; side < 2; side++) {
        float[] from = side == 0 ? keys : values;
        for (int h = 0; h < shape.kvHeads(); h++) {
          for (int i = 0; i < count; i++) {
            for (int e = 0; e < dim; e++) {
              x[e] = from[i * shape.width() + h * dim + e];
            }
            scales.setAtIndex(
                ValueLayout.JAVA_FLOAT, i, codec.write(x, 0, dim, data, (long) i * dim));
          }
          long first = firstSlot(shape, page, h, slot);
          staging.upload(l.planes()[side] + first * dim * codec.elementBytes(), data);
          if (codec == KvCodec.INT8) {
            staging.upload(l.planes()[2 + side] + 4 * first, scales);
          }
        }
      }
    }
  }

  private static long firstSlot(KvLayer shape, int page, int head, int slot) {
    return ((long) page * shape.kvHeads() + head) * PAGE_SLOTS + slot;
  }

  private void download(MemorySegment to, long from) {
    Cuda.check(cuMemcpyDtoHAsync_v2(to, from, to.byteSize(), device.stream()), "download KV slots");
  }
}
