package org.gatun.cuda;

import static org.gatun.cuda.WeightLayout.Plane.*;

import java.util.List;
import org.gatun.tensor.DType;

/**
 * How a weight format lies on the device: planes over the whole matrix, each a few bytes per group
 * of 32 elements (or per 256), together as large as the file's blocks. Eight rows are interleaved:
 * their pieces of one group are neighbours, so that a warp that makes eight outputs reads whole
 * sectors. The last eight rows are filled up with zeros. {@code codecs.cuh} reads the planes.
 */
record WeightLayout(List<Plane> planes) {
  /** Rows whose pieces are neighbours. */
  static final int ROWS = 8;

  /** Bytes per group of 32, or per 256 where {@code perSuper}. */
  enum Plane {
    NIBBLES(16, false),
    BITS(4, false),
    PAIRS(8, false),
    LOW_BYTES(16, false),
    HIGH_BYTES(16, false),
    SCALE(2, false),
    SCALE_MIN(4, false),
    TWO_BYTES(2, false),
    SUPER_SCALE(2, true),
    SUPER_SCALE_MIN(4, true),
    SIX_BITS(12, true),
    SCALE_MIN_SIX_BITS(16, true);

    private final int bytes;
    private final boolean perSuper;

    Plane(int bytes, boolean perSuper) {
      this.bytes = bytes;
      this.perSuper = perSuper;
    }

    /** Bytes of this plane for one row of {@code cols} elements. */
    int rowBytes(long cols) {
      return Math.toIntExact(cols / (perSuper ? 256 : 32) * bytes);
    }

    /** Bytes of this plane for a matrix, its last rows filled up. */
    long bytes(long rows, long cols) {
      return Math.ceilDiv(rows, ROWS) * ROWS * rowBytes(cols);
    }
  }

  /** The layout of a quantised format. */
  static WeightLayout of(DType format) {
    return new WeightLayout(
        switch (format) {
          case Q4_0, IQ4_NL -> List.of(NIBBLES, SCALE);
          case Q4_1 -> List.of(NIBBLES, SCALE_MIN);
          case Q5_0 -> List.of(NIBBLES, BITS, SCALE);
          case Q5_1 -> List.of(NIBBLES, BITS, SCALE_MIN);
          case Q8_0 -> List.of(LOW_BYTES, HIGH_BYTES, SCALE);
          case Q2_K -> List.of(PAIRS, TWO_BYTES, SUPER_SCALE_MIN);
          case Q3_K -> List.of(PAIRS, BITS, SIX_BITS, SUPER_SCALE);
          case Q4_K -> List.of(NIBBLES, SCALE_MIN_SIX_BITS);
          case Q5_K -> List.of(NIBBLES, BITS, SCALE_MIN_SIX_BITS);
          case Q6_K -> List.of(NIBBLES, PAIRS, TWO_BYTES, SUPER_SCALE);
          default -> throw new IllegalArgumentException(format + " has no planes");
        });
  }
}
