package org.gatun.tensor.codec;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.random.RandomGenerator;
import org.gatun.tensor.DType;

/**
 * Random blocks that are valid in their format: any bits for the codes, small finite scales. The
 * values have a mean near zero and about the wanted deviation. Equal generators give equal bytes.
 */
public final class RandomBlocks {
  /**
   * Where a block keeps its f16 scales, and what its codes are like.
   *
   * @param scale byte of the scale d
   * @param min byte of the second scale, or -1
   * @param minRatio second scale ÷ d that centres the values on zero
   * @param deviation standard deviation of the values at d = 1
   */
  private record Scales(int scale, int min, float minRatio, float deviation) {}

  private RandomBlocks() {}

  private static Scales scales(DType dtype) {
    return switch (dtype) {
      case Q4_0 -> new Scales(0, -1, 0, 4.6f);
      case Q4_1 -> new Scales(0, 2, -7.5f, 4.6f);
      case Q5_0 -> new Scales(0, -1, 0, 9.2f);
      case Q5_1 -> new Scales(0, 2, -15.5f, 9.2f);
      case Q8_0 -> new Scales(0, -1, 0, 74);
      case IQ4_NL -> new Scales(0, -1, 0, 70);
      case Q2_K -> new Scales(80, 82, 1.5f, 13);
      case Q3_K -> new Scales(108, -1, 0, 43);
      case Q4_K -> new Scales(0, 2, 7.5f, 250);
      case Q5_K -> new Scales(0, 2, 15.5f, 510);
      case Q6_K -> new Scales(208, -1, 0, 1365);
      default -> throw new IllegalArgumentException(dtype + " has no scales");
    };
  }

  /**
   * Fills {@code dst} with blocks.
   *
   * @param dst a whole number of blocks
   * @param deviation the wanted standard deviation of the decoded values
   */
  public static void fill(DType dtype, MemorySegment dst, RandomGenerator random, float deviation) {
    if (dst.byteSize() % dtype.blockBytes() != 0) {
      throw new IllegalArgumentException(
          dst.byteSize() + " bytes are not whole blocks of " + dtype);
    }
    if (dtype.isQuantized()) {
      fillQuantized(dtype, dst, random, deviation);
      return;
    }
    BlockCodec.Encoder encoder = (BlockCodec.Encoder) Codecs.of(dtype);
    float[] value = new float[1];
    for (long at = 0; at < dst.byteSize(); at += dtype.blockBytes()) {
      // A uniform number in [-1, 1) has deviation 1 / sqrt(3).
      value[0] = (2 * random.nextFloat() - 1) * 1.7320508f * deviation;
      encoder.encode(value, 0, dst, at);
    }
  }

  /**
   * A deviation at which elements (F32, BF16, F16) or block scales are subnormal in their own type:
   * a kernel that flushes them to zero shows.
   */
  public static float subnormal(DType dtype) {
    return switch (dtype) {
      case F32, BF16 -> 1e-39f;
      case F16 -> 1e-5f;
      default -> 2e-6f * scales(dtype).deviation;
    };
  }

  private static void fillQuantized(
      DType dtype, MemorySegment dst, RandomGenerator random, float deviation) {
    fillBits(dst, random);
    Scales scales = scales(dtype);
    for (long at = 0; at < dst.byteSize(); at += dtype.blockBytes()) {
      // The factor keeps neighbouring blocks apart: a kernel that takes the wrong scale must show.
      // Both signs occur in real files, and centre the formats whose codes are not symmetric.
      float factor = 0.75f + 0.5f * random.nextFloat();
      float d = deviation / scales.deviation * (random.nextBoolean() ? factor : -factor);
      Bytes.putF16(dst, at + scales.scale, d);
      if (scales.min >= 0) {
        Bytes.putF16(dst, at + scales.min, d * scales.minRatio);
      }
    }
  }

  private static void fillBits(MemorySegment dst, RandomGenerator random) {
    long at = 0;
    for (; at + 8 <= dst.byteSize(); at += 8) {
      dst.set(ValueLayout.JAVA_LONG_UNALIGNED, at, random.nextLong());
    }
    for (; at < dst.byteSize(); at++) {
      Bytes.put8(dst, at, random.nextInt());
    }
  }
}
