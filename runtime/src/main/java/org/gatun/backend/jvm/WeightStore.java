package org.gatun.backend.jvm;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.gatun.backend.BackendException;
import org.gatun.backend.CompileOptions;
import org.gatun.graph.Graph;
import org.gatun.graph.Node;
import org.gatun.graph.Value;
import org.gatun.graph.op.Embed;
import org.gatun.graph.op.GatedMatMul;
import org.gatun.graph.op.MatMul;
import org.gatun.tensor.Tensor;
import org.gatun.tensor.WeightSource;

/**
 * The weights of products and embeddings, interleaved. With a cache directory and a key they lie in
 * a mapped file that later starts find; otherwise in memory. An embedding table that is also the
 * output head exists once.
 */
record WeightStore(Map<String, PackedWeight> weights, long bytes, RepackFile.Place place) {
  private static final long ALIGN = 4096;

  static WeightStore open(
      Graph graph, WeightSource source, CompileOptions options, WorkerPool pool, Arena arena) {
    List<Tensor> tensors = tensors(graph, source);
    long[] offsets = new long[tensors.size()];
    long size = 0;
    for (int i = 0; i < offsets.length; i++) {
      Tensor t = tensors.get(i);
      offsets[i] = size;
      size += Math.ceilDiv(PackedWeight.bytes(t.dtype(), t.rows(), t.cols()), ALIGN) * ALIGN;
    }
    size += size > 0 ? Ahead.SLACK : 0;
    RepackFile.Place place =
        RepackFile.locate(source.key(), tensors, offsets, size, options, pool, arena);
    Map<String, PackedWeight> packed = new LinkedHashMap<>();
    for (int i = 0; i < offsets.length; i++) {
      Tensor t = tensors.get(i);
      packed.put(
          t.name(),
          new PackedWeight(
              t.name(), t.dtype(), t.rows(), (int) t.cols(), place.address() + offsets[i]));
    }
    return new WeightStore(packed, size, place);
  }

  private static List<Tensor> tensors(Graph graph, WeightSource source) {
    Map<String, Tensor> found = new LinkedHashMap<>();
    for (Node n : graph.nodes()) {
      int from = n.op() instanceof Embed ? 0 : 1;
      int count =
          switch (n.op()) {
            case Embed e -> 1;
            case MatMul m -> m.parts();
            case GatedMatMul g -> 2;
            default -> 0;
          };
      for (Value v : n.in().subList(from, from + count)) {
        if (!v.dtype().isWeight()) {
          throw new BackendException(
              "the jvm backend cannot multiply by " + v + "; it reads floats and GGUF formats");
        }
        found.computeIfAbsent(v.name(), k -> renamed(source.weight(k), k));
      }
    }
    return new ArrayList<>(found.values());
  }

  /** A view may keep the name of the whole. */
  private static Tensor renamed(Tensor t, String name) {
    return t.name().equals(name)
        ? t
        : new Tensor(name, t.dtype(), t.rows(), t.cols(), t.data(), t.rowStride());
  }

  /** Interleaves every tensor to {@code base + offset}, on all threads. */
  static void pack(
      List<Tensor> tensors, long[] offsets, long base, CompileOptions options, WorkerPool pool) {
    long total = tensors.stream().mapToLong(Tensor::byteSize).sum();
    long done = 0;
    synchronized (pool) {
      for (int i = 0; i < offsets.length; i++) {
        Tensor t = tensors.get(i);
        PackedWeight w =
            new PackedWeight(t.name(), t.dtype(), t.rows(), (int) t.cols(), base + offsets[i]);
        int groups = w.groups();
        int per = Math.max(1, (int) ((1 << 20) / (Lanes.ROWS * t.rowBytes())));
        pool.run(
            (unit, worker) -> {
              for (long g = (long) unit * per; g < Math.min(groups, (unit + 1L) * per); g++) {
                w.pack(t, g);
              }
            },
            Math.ceilDiv(groups, per));
        done += t.byteSize();
        options.progress().report("repacking weights", done, total);
      }
    }
  }
}
