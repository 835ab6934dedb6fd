package org.gatun.tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A row-major matrix over memory that somebody else owns (usually a mapped model file). A vector is
 * a matrix of one row; outer dimensions of higher-rank tensors are folded into the rows.
 *
 * @param name the name in the model file
 * @param dtype element type or block format; rows are whole blocks
 * @param rows number of rows
 * @param cols elements per row
 * @param data the bytes; row {@code r} starts at {@code r * rowStride}
 * @param rowStride bytes from one row to the next (a column shard keeps the stride of the whole)
 */
public record Tensor(
    String name, DType dtype, long rows, long cols, MemorySegment data, long rowStride) {

  /** Checks that every row lies within the data. */
  public Tensor {
    if (rows <= 0 || cols <= 0) {
      throw new IllegalArgumentException(name + ": empty shape " + rows + " x " + cols);
    }
    long rowBytes = dtype.bytes(cols);
    long need = Math.addExact(Math.multiplyExact(rows - 1, rowStride), rowBytes);
    if (rowStride < rowBytes || need > data.byteSize()) {
      throw new IllegalArgumentException(
          name + ": " + need + " bytes needed, " + data.byteSize() + " there");
    }
  }

  /** A tensor whose rows follow one another without gaps. */
  public static Tensor dense(String name, DType dtype, long rows, long cols, MemorySegment data) {
    return new Tensor(name, dtype, rows, cols, data, dtype.bytes(cols));
  }

  /** A vector of F32 values, copied to memory of its own. */
  public static Tensor vector(String name, float[] values) {
    MemorySegment data = Arena.ofAuto().allocate(4L * values.length, 64);
    MemorySegment.copy(values, 0, data, ValueLayout.JAVA_FLOAT, 0, values.length);
    return dense(name, DType.F32, 1, values.length, data);
  }

  /** Bytes of one row. */
  public long rowBytes() {
    return dtype.bytes(cols);
  }

  /** Bytes of all rows, gaps not counted. */
  public long byteSize() {
    return rows * rowBytes();
  }

  /** The row's bytes. */
  public MemorySegment row(long r) {
    return data.asSlice(r * rowStride, rowBytes());
  }

  /** Rows {@code from} to {@code from + count - 1}: a view, nothing is copied. */
  public Tensor rowSlice(long from, long count) {
    long bytes = Math.addExact(Math.multiplyExact(count - 1, rowStride), rowBytes());
    return new Tensor(name, dtype, count, cols, data.asSlice(from * rowStride, bytes), rowStride);
  }

  /**
   * Columns {@code from} to {@code from + count - 1}: a strided view.
   *
   * @throws IllegalArgumentException if the cut goes through a block
   */
  public Tensor columnSlice(long from, long count) {
    long offset = dtype.bytes(from);
    long bytes = Math.addExact(Math.multiplyExact(rows - 1, rowStride), dtype.bytes(count));
    return new Tensor(name, dtype, rows, count, data.asSlice(offset, bytes), rowStride);
  }

  /** True if the rows follow one another without gaps. */
  public boolean isDense() {
    return rowStride == rowBytes();
  }
}
