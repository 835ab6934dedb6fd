package org.gatun.model.gguf;

import java.util.List;
import org.gatun.tensor.DType;

/**
 * A tensor as the header lists it.
 *
 * @param shape 1 to 4 dimensions as in the file: the fastest (elements of a row) first
 * @param offset bytes from the start of the file
 * @param bytes size of the data
 */
public record GgufTensor(String name, DType dtype, List<Long> shape, long offset, long bytes) {
  /** Elements per row. */
  public long cols() {
    return shape.getFirst();
  }

  /** All dimensions but the first, multiplied. */
  public long rows() {
    long rows = 1;
    for (long dim : shape.subList(1, shape.size())) {
      rows *= dim;
    }
    return rows;
  }
}
