package org.gatun.backend.jvm;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;
import org.gatun.attention.KvCodec;

/**
 * Vector loads by absolute address. One source serves 128, 256 and 512 bits: the species are
 * constants to the compiler and come from the property {@code gatun.vector.bits} (default: the
 * widest that the CPU has).
 *
 * <p>Addresses are plain longs over one segment that spans all memory: it has no liveness check and
 * no allocation per view. Callers own the bounds.
 */
final class Lanes {
  /**
   * What an address is at most. {@code base & ADDRESS} plus an int index that is not negative is
   * within {@link #ALL} for the compiler as well: no bounds check is left in the loop.
   */
  static final long ADDRESS = (1L << 56) - 1;

  /** {@code i & INDEX} is an index that is plainly not negative. */
  static final int INDEX = (1 << 24) - 1;

  static final MemorySegment ALL = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);
  static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(LITTLE_ENDIAN);
  static final ValueLayout.OfInt I32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(LITTLE_ENDIAN);
  static final ValueLayout.OfLong I64 = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(LITTLE_ENDIAN);
  static final ValueLayout.OfShort I16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(LITTLE_ENDIAN);
  static final ValueLayout.OfByte I8 = ValueLayout.JAVA_BYTE;

  /** Width of every vector. */
  static final int BITS = bits();

  static final VectorSpecies<Float> F = VectorSpecies.of(float.class, VectorShape.forBitSize(BITS));
  static final VectorSpecies<Integer> I = VectorSpecies.of(int.class, VectorShape.forBitSize(BITS));

  /** Floats per vector: 4, 8 or 16. */
  static final int N = BITS / 32;

  /** Sums that a kernel for one activation row keeps in flight. */
  static final int CHAINS = 4;

  /**
   * Rows of W that such a kernel takes at once, and that the weight layout interleaves: 64, 32 or
   * 16.
   */
  static final int ROWS = CHAINS * N;

  /** Rows of W that a decoded column holds. */
  static final int STRIP = 16;

  /**
   * As many bytes as there are lanes; with 128 bits twice as many, of which conversions take the
   * first half.
   */
  static final VectorSpecies<Byte> B = N == 16 ? ByteVector.SPECIES_128 : ByteVector.SPECIES_64;

  /** As many shorts as there are lanes. */
  static final VectorSpecies<Short> S =
      N == 16 ? ShortVector.SPECIES_256 : N == 8 ? ShortVector.SPECIES_128 : ShortVector.SPECIES_64;

  private static final IntVector IOTA = IntVector.zero(I).addIndex(1);
  private static final float F16_SCALE = 0x1p112f;

  private static final VectorShuffle<Float> DOWN_8 = VectorShuffle.iota(F, 8 % N, 1, true);
  private static final VectorShuffle<Float> DOWN_4 = VectorShuffle.iota(F, 4 % N, 1, true);
  private static final VectorShuffle<Float> DOWN_2 = VectorShuffle.iota(F, 2, 1, true);
  private static final VectorShuffle<Float> DOWN_1 = VectorShuffle.iota(F, 1, 1, true);

  private Lanes() {}

  private static int bits() {
    int widest = Math.min(512, FloatVector.SPECIES_PREFERRED.vectorBitSize());
    int bits = Integer.getInteger("gatun.vector.bits", widest);
    if (bits != 128 && bits != 256 && bits != 512) {
      throw new IllegalArgumentException(
          "gatun.vector.bits is " + bits + "; it must be 128, 256 or 512");
    }
    return bits;
  }

  static FloatVector load(long at) {
    return FloatVector.fromMemorySegment(F, ALL, at & ADDRESS, LITTLE_ENDIAN);
  }

  static void store(FloatVector v, long at) {
    v.intoMemorySegment(ALL, at & ADDRESS, LITTLE_ENDIAN);
  }

  static FloatVector zero() {
    return FloatVector.zero(F);
  }

  static FloatVector splat(float x) {
    return FloatVector.broadcast(F, x);
  }

  /** One float in every lane. */
  static FloatVector splatAt(long at) {
    return FloatVector.broadcast(F, ALL.get(F32, at & ADDRESS));
  }

  static float get(long at) {
    return ALL.get(F32, at & ADDRESS);
  }

  static void put(long at, float x) {
    ALL.set(F32, at & ADDRESS, x);
  }

  /** Lanes {@code 0 … count − 1}. */
  static VectorMask<Float> first(int count) {
    return F.indexInRange(0, count);
  }

  /** Lanes {@code lo … hi − 1}, of which any number may exist. */
  static VectorMask<Float> between(int lo, int hi) {
    return IOTA.compare(VectorOperators.GE, lo).and(IOTA.compare(VectorOperators.LT, hi)).cast(F);
  }

  /** The first {@code count} lanes from memory, zero in the others. */
  static FloatVector load(long at, int count) {
    return count >= N
        ? load(at)
        : FloatVector.fromMemorySegment(F, ALL, at & ADDRESS, LITTLE_ENDIAN, first(count));
  }

  /** Writes the first {@code count} lanes. */
  static void store(FloatVector v, long at, int count) {
    if (count >= N) {
      store(v, at);
    } else {
      v.intoMemorySegment(ALL, at & ADDRESS, LITTLE_ENDIAN, first(count));
    }
  }

  /**
   * The sum of all lanes, halves added to halves. The library's own reduction may add in another
   * order once it is compiled: results would change while the JVM warms up.
   */
  static float sum(FloatVector v) {
    FloatVector s = v;
    if (N == 16) {
      s = s.add(s.rearrange(DOWN_8));
    }
    if (N >= 8) {
      s = s.add(s.rearrange(DOWN_4));
    }
    s = s.add(s.rearrange(DOWN_2));
    return s.add(s.rearrange(DOWN_1)).lane(0);
  }

  /** As many bytes as there are lanes, 0 … 255. */
  static IntVector u8(long at) {
    return (IntVector)
        ByteVector.fromMemorySegment(B, ALL, at & ADDRESS, LITTLE_ENDIAN)
            .convertShape(VectorOperators.ZERO_EXTEND_B2I, I, 0);
  }

  /** As many bytes as there are lanes, −128 … 127. */
  static IntVector s8(long at) {
    return (IntVector)
        ByteVector.fromMemorySegment(B, ALL, at & ADDRESS, LITTLE_ENDIAN)
            .convertShape(VectorOperators.B2I, I, 0);
  }

  /** As many 16-bit words as there are lanes, 0 … 65535. */
  static IntVector u16(long at) {
    return (IntVector)
        ShortVector.fromMemorySegment(S, ALL, at & ADDRESS, LITTLE_ENDIAN)
            .convertShape(VectorOperators.ZERO_EXTEND_S2I, I, 0);
  }

  static FloatVector toFloat(IntVector v) {
    return (FloatVector) v.convertShape(VectorOperators.I2F, F, 0);
  }

  /** Half-precision floats; exact for every finite value, subnormals included. */
  static FloatVector f16(long at) {
    return halfBits(at).mul(F16_SCALE);
  }

  /** Converts KV elements to f32; INT8 codes stay without their scales. */
  static void widen(KvCodec codec, long from, int count, long to) {
    switch (codec) {
      case F32 -> {
        for (int i = 0; i < count; i += N) {
          store(load(from + 4L * i), to + 4L * i);
        }
      }
      case F16 -> {
        for (int i = 0; i < count; i += N) {
          store(f16(from + 2L * i), to + 4L * i);
        }
      }
      case INT8 -> {
        for (int i = 0; i < count; i += N) {
          store(toFloat(s8(from + i)), to + 4L * i);
        }
      }
    }
  }

  /** What {@link #halfBits} makes of a value: its product with this. */
  static final float HALF_SCALE_DOWN = 0x1p-112f;

  /**
   * What a query is multiplied with before products with {@link #halfBits}, and their sums after:
   * half of the way back each, so that nothing overflows.
   */
  static final float HALF_WAY = 0x1p56f;

  /** Sign, exponent and mantissa of a half, shifted; without the sign's copies. */
  static final int HALF_MASK = 0x8FFFFFFF;

  /** Half-precision floats times 2^−112, exactly: sign, exponent and mantissa moved into place. */
  static FloatVector halfBits(long at) {
    // Sign-extended, so that one shift serves; the sign's copies before the exponent go.
    IntVector h =
        (IntVector)
            ShortVector.fromMemorySegment(S, ALL, at, LITTLE_ENDIAN)
                .convertShape(VectorOperators.S2I, I, 0);
    return h.lanewise(VectorOperators.LSHL, 13).and(HALF_MASK).reinterpretAsFloats();
  }

  /** An address kept in memory. */
  static long address(long at) {
    return ALL.get(I64, at);
  }

  static FloatVector bf16(long at) {
    return u16(at).lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
  }

  /** {@code from, from + 1, …} */
  static IntVector indices(int from) {
    return IOTA.add(from);
  }
}
