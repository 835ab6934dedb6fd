package org.gatun.parallel.shm;

import static jdk.incubator.vector.VectorOperators.I2S;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.ZERO_EXTEND_S2I;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/** 16-bit floats to and from vectors of f32, rounding to nearest even; NaN stays NaN. */
final class Halves {
  static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_PREFERRED;
  static final VectorSpecies<Integer> INTS = IntVector.SPECIES_PREFERRED;
  static final VectorSpecies<Short> SHORTS =
      VectorSpecies.of(short.class, VectorShape.forBitSize(FLOATS.vectorBitSize() / 2));

  private static final float TWO_POW_112 = 0x1p112f;

  private Halves() {}

  static FloatVector fromBf16(ShortVector h) {
    return widen(h).lanewise(LSHL, 16).reinterpretAsFloats();
  }

  static ShortVector toBf16(FloatVector f) {
    IntVector bits = f.reinterpretAsInts();
    IntVector odd = bits.lanewise(LSHR, 16).and(1);
    IntVector rounded = bits.add(odd).add(0x7fff).lanewise(LSHR, 16);
    IntVector nan = bits.lanewise(LSHR, 16).or(0x40);
    return narrow(rounded.blend(nan, f.test(VectorOperators.IS_NAN).cast(INTS)));
  }

  /**
   * Shifted into f32's fields, the exponent is 112 too small: multiplying also fixes subnormals.
   */
  static FloatVector fromF16(ShortVector h) {
    IntVector bits = widen(h);
    IntVector sign = bits.and(0x8000).lanewise(LSHL, 16);
    IntVector magnitude = bits.and(0x7fff).lanewise(LSHL, 13);
    IntVector scaled = magnitude.reinterpretAsFloats().mul(TWO_POW_112).reinterpretAsInts();
    IntVector special = magnitude.or(0x7f800000);
    var isSpecial = magnitude.compare(VectorOperators.GE, 0x0f800000);
    return scaled.blend(special, isSpecial).or(sign).reinterpretAsFloats();
  }

  static ShortVector toF16(FloatVector f) {
    IntVector bits = f.reinterpretAsInts();
    IntVector sign = bits.lanewise(LSHR, 16).and(0x8000);
    IntVector magnitude = bits.and(0x7fffffff);
    // Normal halves: rebias, round the 13 dropped bits; an overflow carries into infinity.
    IntVector odd = magnitude.lanewise(LSHR, 13).and(1);
    IntVector normal = magnitude.sub(112 << 23).add(0xfff).add(odd).lanewise(LSHR, 13);
    // Subnormal halves: adding 0.5 leaves multiples of 2^-24 in the low mantissa bits, rounded.
    IntVector tiny = magnitude.reinterpretAsFloats().add(0.5f).reinterpretAsInts().sub(0x3f000000);
    IntVector h = normal.blend(tiny, magnitude.compare(VectorOperators.LT, 113 << 23));
    h = h.min(0x7c00);
    IntVector nan = magnitude.lanewise(LSHR, 13).and(0x3ff).or(0x7e00);
    h = h.blend(nan, magnitude.compare(VectorOperators.GT, 0x7f800000));
    return narrow(h.or(sign));
  }

  static float fromBf16(short h) {
    return Float.intBitsToFloat(h << 16);
  }

  static short toBf16(float f) {
    int bits = Float.floatToRawIntBits(f);
    if (Float.isNaN(f)) {
      return (short) ((bits >>> 16) | 0x40);
    }
    return (short) ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16);
  }

  private static IntVector widen(ShortVector h) {
    return (IntVector) h.convertShape(ZERO_EXTEND_S2I, INTS, 0);
  }

  private static ShortVector narrow(IntVector v) {
    return (ShortVector) v.convertShape(I2S, SHORTS, 0);
  }
}
