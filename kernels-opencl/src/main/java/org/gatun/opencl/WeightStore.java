package org.gatun.opencl;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.gatun.backend.Progress;
import org.gatun.tensor.Tensor;
import org.gatun.tensor.WeightSource;
import org.gatun.tensor.codec.Codecs;
import org.jspecify.annotations.Nullable;

/**
 * Uploads weights: matrices through a staging buffer into interleaved rows, vectors as f32. The
 * mapped file is read by this thread only, so that a page that is gone faults here and not in the
 * driver.
 */
final class WeightStore implements AutoCloseable {
  private static final long STAGING_BYTES = 16 << 20;

  private final ClContext context;
  private final ClQueue queue;
  private final WeightSource source;
  private final Progress progress;
  private final long totalBytes;
  private final Map<String, ClBuffer> matrices = new HashMap<>();
  private final Map<String, ClBuffer> vectors = new HashMap<>();
  private final ClKernel repack;
  private long uploaded;
  private long deviceBytes;

  WeightStore(
      ClContext context,
      ClQueue queue,
      KernelLibrary kernels,
      @Nullable Path cacheDir,
      WeightSource source,
      long totalBytes,
      Progress progress) {
    this.context = context;
    this.queue = queue;
    this.source = source;
    this.totalBytes = totalBytes;
    this.progress = progress;
    repack = kernels.kernel(cacheDir, List.of("layout.cl"), "", "repack");
  }

  /** Bytes on the device. */
  long bytes() {
    return deviceBytes;
  }

  /** The weight as the model file holds it. */
  Tensor source(String name) {
    return source.weight(name);
  }

  /** The weight in interleaved rows; the same name is uploaded once. */
  ClBuffer matrix(String name) {
    ClBuffer known = matrices.get(name);
    return known != null ? known : upload(source.weight(name));
  }

  /** A vector (norm, bias, factors) as f32. */
  ClBuffer vector(String name) {
    ClBuffer known = vectors.get(name);
    if (known != null) {
      return known;
    }
    Tensor t = source.weight(name);
    float[] row = new float[Math.toIntExact(t.cols())];
    Codecs.decodeRow(t, 0, row);
    ClBuffer b = floats(name, row);
    vectors.put(name, b);
    return b;
  }

  /** A constant table, kept under a name of its own. */
  ClBuffer table(String name, float[] values) {
    ClBuffer known = vectors.get(name);
    if (known == null) {
      vectors.put(name, known = floats(name, values));
    }
    return known;
  }

  private ClBuffer floats(String name, float[] values) {
    ClBuffer b = context.buffer(name, 4L * values.length);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment s = arena.allocateFrom(ValueLayout.JAVA_FLOAT, values);
      queue.write(b, 0, s, s.byteSize(), true);
    } catch (RuntimeException e) {
      b.close();
      throw e;
    }
    deviceBytes += b.size();
    return b;
  }

  private ClBuffer upload(Tensor t) {
    BlockLayout layout = BlockLayout.of(t.dtype());
    ClBuffer to = context.buffer("weight " + t.name(), layout.deviceBytes(t.rows(), t.cols()));
    matrices.put(t.name(), to);
    deviceBytes += to.size();
    long rowBytes = t.rowBytes();
    long rowsPerPart =
        Math.max(1, STAGING_BYTES / (rowBytes * BlockLayout.LANES)) * BlockLayout.LANES;
    rowsPerPart = Math.min(rowsPerPart, BlockLayout.groups(t.rows()) * (long) BlockLayout.LANES);
    int blocks = layout.blocks(t.cols());
    try (Arena arena = Arena.ofConfined();
        ClBuffer staging = context.buffer("staging", rowsPerPart * rowBytes)) {
      MemorySegment host = arena.allocate(rowsPerPart * rowBytes, 64);
      for (long first = 0; first < t.rows(); first += rowsPerPart) {
        long rows = Math.min(rowsPerPart, t.rows() - first);
        copyRows(t, first, rows, host);
        queue.write(staging, 0, host, rows * rowBytes, true);
        repack
            .at(0)
            .arg(staging)
            .arg(to)
            .arg(first / BlockLayout.LANES)
            .arg((int) rows)
            .arg((int) (rowBytes / 2))
            .arg(layout.bytes() / 2)
            .arg(blocks)
            .arg(layout.head());
        repack.local(1, 1, 1).enqueue(queue, blocks, BlockLayout.groups(rows), 1);
        queue.finish();
        uploaded += rows * rowBytes;
        progress.report("uploading weights", uploaded, totalBytes);
      }
    }
    return to;
  }

  private static void copyRows(Tensor t, long first, long rows, MemorySegment to) {
    if (t.isDense()) {
      MemorySegment.copy(t.data(), first * t.rowStride(), to, 0, rows * t.rowBytes());
      return;
    }
    for (long r = 0; r < rows; r++) {
      MemorySegment.copy(t.data(), (first + r) * t.rowStride(), to, r * t.rowBytes(), t.rowBytes());
    }
  }

  @Override
  public void close() {
    repack.close();
    matrices.values().forEach(ClBuffer::close);
    vectors.values().forEach(ClBuffer::close);
  }
}
