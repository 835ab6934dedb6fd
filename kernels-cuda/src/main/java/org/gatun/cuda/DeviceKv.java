package org.gatun.cuda;

import static org.gatun.bindings.cuda.cuda_h.*;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Map;
import org.gatun.attention.KvCodec;
import org.gatun.attention.KvLayer;
import org.gatun.attention.KvStore;
import org.gatun.graph.Graph;

/**
 * The KV pages on the device: per layer K, V and, for INT8, their scales. Layout: {@code kv.cuh}.
 */
final class DeviceKv implements KvStore {
  private static final int COPY_THREADS = 64;

  /** One layer's pages: the kernels' {@code Kv}. */
  record Layer(KvLayer shape, long[] planes) {
    Args into(Args args) {
      return args.struct(planes, shape.kvHeads(), shape.headDim());
    }
  }

  private record Copy(Layer layer, Args args, MemorySegment pointers) {}

  private final CudaDevice device;
  private final int pages;
  private final Map<Integer, Layer> layers = new HashMap<>();
  private final Map<Integer, Copy> copies = new HashMap<>();
  private final MemorySegment copyKernel;
  private long bytes;

  DeviceKv(
      Graph graph,
      int pages,
      KvCodec codec,
      CudaDevice device,
      DevicePool pool,
      Kernels kernels,
      Arena arena) {
    this.device = device;
    this.pages = pages;
    for (KvLayer k : graph.kv()) {
      long heads = (long) pages * k.kvHeads() * PAGE_SLOTS;
      long elements = heads * k.headDim() * elementBytes(codec);
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
      Layer layer = new Layer(k, planes);
      layers.put(k.layer(), layer);
      Args args = layer.into(new Args(arena)).i(0, 0, 0, 0, 0);
      copies.put(k.layer(), new Copy(layer, args, args.pointers()));
    }
    copyKernel = graph.kv().isEmpty() ? MemorySegment.NULL : kernels.function(codec, "kv_copy");
  }

  private static int elementBytes(KvCodec codec) {
    return switch (codec) {
      case F32 -> 4;
      case F16 -> 2;
      case INT8 -> 1;
    };
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
        c.args().value(1 + i).set(java.lang.foreign.ValueLayout.JAVA_INT, 0, where[i]);
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
    }
  }
}
