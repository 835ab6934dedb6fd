package org.gatun.cuda;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.gatun.backend.Progress;
import org.gatun.graph.Graph;
import org.gatun.graph.Node;
import org.gatun.graph.Value;
import org.gatun.graph.op.Embed;
import org.gatun.graph.op.GatedMatMul;
import org.gatun.graph.op.MatMul;
import org.gatun.graph.op.Rope;
import org.gatun.tensor.DType;
import org.gatun.tensor.Tensor;
import org.gatun.tensor.WeightSource;
import org.gatun.tensor.codec.Codecs;
import org.jspecify.annotations.Nullable;

/**
 * The graph's weights in one device allocation: matrices in their format's planes, vectors as f32.
 */
final class DeviceWeights {
  private static final int ALIGNMENT = 256;

  /** A matrix on the device: the kernels' {@code Weight}. */
  record Matrix(DType format, long[] planes, int rows, int cols) {
    Args into(Args args) {
      return args.struct(planes, rows, cols);
    }
  }

  private final Map<String, Matrix> matrices = new LinkedHashMap<>();
  private final Map<String, Long> vectors = new LinkedHashMap<>();
  private final Map<String, Long> turns = new LinkedHashMap<>();
  private final WeightSource source;
  private final DevicePool pool;
  private final Staging staging;
  private long bytes;

  /** Uploads every weight that the graph names, once each. */
  DeviceWeights(
      Graph graph, WeightSource source, DevicePool pool, Staging staging, Progress progress) {
    this.source = source;
    this.pool = pool;
    this.staging = staging;
    Map<String, Tensor> matrixTensors = new LinkedHashMap<>();
    Map<String, Tensor> vectorTensors = new LinkedHashMap<>();
    for (Node n : graph.nodes()) {
      for (int i = 0; i < n.in().size(); i++) {
        Value v = n.in().get(i);
        if (v.isWeight()) {
          (isMatrix(n, i) ? matrixTensors : vectorTensors).put(v.name(), source.weight(v.name()));
        }
      }
    }
    for (Tensor t : matrixTensors.values()) {
      for (long size : planeBytes(t)) {
        bytes += align(size);
      }
    }
    for (Tensor t : vectorTensors.values()) {
      bytes += align(4 * t.cols());
    }
    long at = pool.allocate(bytes, "the weights");
    long done = 0;
    for (var e : matrixTensors.entrySet()) {
      Tensor t = e.getValue();
      long[] sizes = planeBytes(t);
      long[] planes = new long[4];
      for (int p = 0; p < sizes.length; p++) {
        planes[p] = at;
        at += align(sizes[p]);
      }
      if (t.dtype().isQuantized()) {
        uploadPlanes(t, planes, staging);
      } else {
        uploadRows(t, planes[0], staging);
      }
      matrices.put(
          e.getKey(),
          new Matrix(t.dtype(), planes, Math.toIntExact(t.rows()), Math.toIntExact(t.cols())));
      done += t.byteSize();
      progress.report("upload", done, bytes);
    }
    for (var e : vectorTensors.entrySet()) {
      float[] row = new float[Math.toIntExact(e.getValue().cols())];
      Codecs.decodeRow(e.getValue(), 0, row);
      staging.upload(at, MemorySegment.ofArray(row));
      vectors.put(e.getKey(), at);
      at += align(4L * row.length);
    }
  }

  /** A matrix operand. */
  Matrix matrix(Value v) {
    Matrix m = matrices.get(v.name());
    if (m == null) {
      throw new IllegalStateException("matrix " + v + " was not uploaded");
    }
    return m;
  }

  /** Device address of a vector operand, as f32. */
  long vector(Value v) {
    Long at = vectors.get(v.name());
    if (at == null) {
      throw new IllegalStateException("vector " + v + " was not uploaded");
    }
    return at;
  }

  /** The frequencies of a rope in turns per position, as f64; equal ropes share them. */
  long turns(Rope rope, @Nullable Value factors) {
    String key = rope + "/" + (factors == null ? "" : factors.name());
    return turns.computeIfAbsent(
        key,
        k -> {
          double[] f = new double[rope.rotaryDim() / 2];
          float[] divide = new float[f.length];
          Arrays.fill(divide, 1);
          if (factors != null) {
            Codecs.decodeRow(source.weight(factors.name()), 0, divide);
          }
          for (int i = 0; i < f.length; i++) {
            f[i] = rope.frequency(i) / divide[i] / (2 * Math.PI);
          }
          long at = pool.allocate(8L * f.length, "rope frequencies");
          staging.upload(at, MemorySegment.ofArray(f));
          return at;
        });
  }

  /** Device memory of all weights. */
  long bytes() {
    return bytes;
  }

  private static boolean isMatrix(Node n, int i) {
    return switch (n.op()) {
      case MatMul m -> i <= m.parts();
      case GatedMatMul g -> true;
      case Embed e -> true;
      default -> false;
    };
  }

  private static long[] planeBytes(Tensor t) {
    if (!t.dtype().isQuantized()) {
      return new long[] {t.byteSize()};
    }
    return WeightLayout.of(t.dtype()).planes().stream()
        .mapToLong(p -> p.bytes(t.rows(), t.cols()))
        .toArray();
  }

  private static void uploadRows(Tensor t, long to, Staging staging) {
    long each = t.rowBytes();
    if (each > staging.capacity()) {
      throw new IllegalArgumentException(t.name() + ": a row of " + each + " bytes is too long");
    }
    long perChunk = staging.capacity() / each;
    for (long r = 0; r < t.rows(); r += perChunk) {
      long count = Math.min(perChunk, t.rows() - r);
      MemorySegment stage = staging.next();
      if (t.isDense()) {
        MemorySegment.copy(t.data(), r * each, stage, 0, count * each);
      } else {
        for (long i = 0; i < count; i++) {
          MemorySegment.copy(t.row(r + i), 0, stage, i * each, each);
        }
      }
      staging.send(to + r * each, stage, 0, count * each);
      staging.sent();
    }
  }

  private static void uploadPlanes(Tensor t, long[] to, Staging staging) {
    List<WeightLayout.Plane> layout = WeightLayout.of(t.dtype()).planes();
    Repack repack = new Repack(t.dtype());
    byte[] row = new byte[Math.toIntExact(t.rowBytes())];
    byte[][] planes =
        layout.stream()
            .map(p -> new byte[WeightLayout.ROWS * p.rowBytes(t.cols())])
            .toArray(byte[][]::new);
    // Planes of a chunk of rows lie one after another in the staging half.
    long eights = Math.ceilDiv(t.rows(), WeightLayout.ROWS);
    long perChunk = staging.capacity() / (WeightLayout.ROWS * t.rowBytes());
    if (perChunk == 0) {
      throw new IllegalArgumentException(
          t.name() + ": a row of " + t.rowBytes() + " bytes is too long");
    }
    for (long first = 0; first < eights; first += perChunk) {
      long count = Math.min(perChunk, eights - first);
      MemorySegment stage = staging.next();
      for (long i = 0; i < count; i++) {
        repackEight(t, (first + i) * WeightLayout.ROWS, repack, row, planes);
        long offset = 0;
        for (byte[] plane : planes) {
          MemorySegment.copy(
              plane, 0, stage, ValueLayout.JAVA_BYTE, offset + i * plane.length, plane.length);
          offset += count * plane.length;
        }
      }
      long offset = 0;
      for (int p = 0; p < planes.length; p++) {
        staging.send(to[p] + first * planes[p].length, stage, offset, count * planes[p].length);
        offset += count * planes[p].length;
      }
      staging.sent();
    }
  }

  /** Rows {@code from … from + 7} into the planes; zeros where the matrix has ended. */
  private static void repackEight(Tensor t, long from, Repack repack, byte[] row, byte[][] planes) {
    if (from + WeightLayout.ROWS > t.rows()) {
      for (byte[] plane : planes) {
        Arrays.fill(plane, (byte) 0);
      }
    }
    for (int lane = 0; lane < WeightLayout.ROWS && from + lane < t.rows(); lane++) {
      MemorySegment.copy(
          t.data(), ValueLayout.JAVA_BYTE, (from + lane) * t.rowStride(), row, 0, row.length);
      repack.row(row, lane, planes);
    }
  }

  private static long align(long size) {
    return Math.ceilDiv(size, ALIGNMENT) * ALIGNMENT;
  }
}
