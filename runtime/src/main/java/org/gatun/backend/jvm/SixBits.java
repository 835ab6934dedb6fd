package org.gatun.backend.jvm;

import static org.gatun.backend.jvm.Lanes.N;
import static org.gatun.backend.jvm.Lanes.ROWS;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/** The head of a Q4_K or Q5_K block: d, dmin and eight 6-bit scales and mins in 12 bytes. */
final class SixBits {
  private SixBits() {}

  /** Writes {@code d · scale} and {@code −dmin · min} of group {@code g} for sixteen rows. */
  static void scales(long w, int g, long tmp) {
    for (int s = 0; s < ROWS; s += N) {
      if (g < 4) {
        store(w, packed(w, g, s).and(63), packed(w, g + 4, s).and(63), s, tmp);
      } else {
        IntVector both = packed(w, g + 4, s);
        IntVector scale = both.and(15).or(top(packed(w, g - 4, s)));
        store(w, scale, both.lanewise(VectorOperators.LSHR, 4).or(top(packed(w, g, s))), s, tmp);
      }
    }
  }

  private static void store(long w, IntVector scale, IntVector min, int s, long tmp) {
    FloatVector d = Lanes.f16(w + 2 * s).mul(Lanes.toFloat(scale));
    FloatVector m = Lanes.f16(w + 2 * ROWS + 2 * s).mul(Lanes.toFloat(min)).neg();
    Runs.affine(d, m, tmp + 4 * s);
  }

  private static IntVector packed(long w, int i, int s) {
    return Lanes.u8(w + ROWS * (4 + i) + s);
  }

  private static IntVector top(IntVector b) {
    return b.lanewise(VectorOperators.LSHR, 6).lanewise(VectorOperators.LSHL, 4);
  }
}
