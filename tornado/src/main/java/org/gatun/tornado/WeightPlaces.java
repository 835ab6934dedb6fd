package org.gatun.tornado;

import org.gatun.backend.BackendException;
import org.gatun.backend.Progress;
import org.gatun.graph.Node;
import org.gatun.graph.Value;
import org.gatun.tensor.DType;
import org.gatun.tensor.Tensor;
import org.gatun.tensor.WeightSource;
import org.gatun.tensor.codec.Codecs;
import org.gatun.tornado.kernels.Blocks;
import org.jspecify.annotations.Nullable;

/** Puts weights into the pools: packed formats as ints, f32 and vectors as floats. */
final class WeightPlaces {
  /** Where a matrix lies: the kernels' format, its place, and elements of the pool per row. */
  record Matrix(int format, int at, int rowWords) {}

  private final PoolBuilder pool;
  private final WeightSource source;
  private final Progress progress;
  private long total;
  private long done;

  WeightPlaces(PoolBuilder pool, WeightSource source, Progress progress) {
    this.pool = pool;
    this.source = source;
    this.progress = progress;
  }

  /** Bytes of the weights placed so far. */
  long bytes() {
    return total;
  }

  /** The weight as the model file holds it. */
  Tensor source(Value v) {
    return source.weight(v.name());
  }

  /**
   * A matrix in its own format.
   *
   * @throws BackendException if the kernels have no codec for the format
   */
  Matrix matrix(Value v, Node n) {
    Tensor t = source(v);
    if (t.dtype() == DType.F32) {
      int cols = Math.toIntExact(t.cols());
      int at =
          pool.named(
              "matrix " + v.name(),
              () ->
                  pool.floats(
                      count(t, t.rows() * t.cols()),
                      (f, to) -> {
                        float[] row = new float[cols];
                        for (long r = 0; r < t.rows(); r++) {
                          Codecs.decodeRow(t, r, row);
                          System.arraycopy(row, 0, f, Math.toIntExact(to + r * cols), cols);
                        }
                        report(t);
                      }));
      return new Matrix(Blocks.F32, at, cols);
    }
    @Nullable Packing p = Packing.of(t.dtype());
    if (p == null) {
      throw Lowering.refuse(n, "weight format " + t.dtype() + " (it has " + Packing.known() + ")");
    }
    int words = p.rowWords(t.cols());
    int at =
        pool.named(
            "matrix " + v.name(),
            () ->
                pool.ints(
                    count(t, t.rows() * words),
                    (w, to) -> {
                      p.pack(t, w, to);
                      report(t);
                    }));
    return new Matrix(p.format(), at, words);
  }

  /** A vector (norm, bias) as floats. */
  int vector(Value v) {
    Tensor t = source(v);
    return pool.named(
        "vector " + v.name(),
        () ->
            pool.floats(
                count(t, t.cols()),
                (f, to) -> {
                  float[] row = new float[Math.toIntExact(t.cols())];
                  Codecs.decodeRow(t, 0, row);
                  System.arraycopy(row, 0, f, to, row.length);
                  report(t);
                }));
  }

  private long count(Tensor t, long elements) {
    total += t.byteSize();
    return elements;
  }

  private void report(Tensor t) {
    done += t.byteSize();
    progress.report("packing weights", done, total);
  }
}
