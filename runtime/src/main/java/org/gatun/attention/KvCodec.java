package org.gatun.attention;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** How a KV layer stores its elements. */
public enum KvCodec {
  /** 4 bytes per element. */
  F32,
  /** 2 bytes per element, IEEE half precision. */
  F16,
  /**
   * 1 byte per element and one f32 scale per token and head (after xFasterTransformer, arXiv
   * 2407.07304).
   */
  INT8;

  /** Bytes that one head of one token takes, for K or for V. */
  public int headBytes(int headDim) {
    return switch (this) {
      case F32 -> 4 * headDim;
      case F16 -> 2 * headDim;
      case INT8 -> headDim + 4;
    };
  }

  /**
   * Rounds one head of one token to what is stored of it.
   *
   * <p>F16 saturates: an infinity would turn every score of the sequence into NaN. INT8 has the
   * scale {@code max |x| / 127} and rounds to nearest.
   */
  public void round(double[] x, int at, int count) {
    switch (this) {
      case F32 -> {
        for (int i = at; i < at + count; i++) {
          x[i] = (float) x[i];
        }
      }
      case F16 -> {
        for (int i = at; i < at + count; i++) {
          x[i] = Float.float16ToFloat(half((float) x[i]));
        }
      }
      case INT8 -> {
        float scale = scale(x, at, count);
        for (int i = at; i < at + count; i++) {
          x[i] = quantise((float) x[i], scale) * (double) scale;
        }
      }
    }
  }

  /**
   * Decodes {@code count} stored elements from element {@code from} on; scale is 1 but for INT8.
   */
  public void read(MemorySegment plane, long from, float scale, double[] dst, int at, int count) {
    for (int i = 0; i < count; i++) {
      dst[at + i] =
          switch (this) {
            case F32 -> plane.getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, from + i);
            case F16 ->
                Float.float16ToFloat(plane.getAtIndex(ValueLayout.JAVA_SHORT_UNALIGNED, from + i));
            case INT8 -> plane.get(ValueLayout.JAVA_BYTE, from + i) * (double) scale;
          };
    }
  }

  /** Encodes {@code count} elements to element {@code to} on; returns the scale. */
  public float write(double[] x, int at, int count, MemorySegment plane, long to) {
    float scale = this == INT8 ? scale(x, at, count) : 1;
    for (int i = 0; i < count; i++) {
      float v = (float) x[at + i];
      switch (this) {
        case F32 -> plane.setAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, to + i, v);
        case F16 -> plane.setAtIndex(ValueLayout.JAVA_SHORT_UNALIGNED, to + i, half(v));
        case INT8 -> plane.set(ValueLayout.JAVA_BYTE, to + i, quantise(v, scale));
      }
    }
    return scale;
  }

  /** Bytes of one element, scales apart. */
  public int elementBytes() {
    return switch (this) {
      case F32 -> 4;
      case F16 -> 2;
      case INT8 -> 1;
    };
  }

  /** Half precision, saturating. */
  public static short half(float x) {
    return Float.floatToFloat16(Math.clamp(x, -65504f, 65504f));
  }

  /** The INT8 code of an element. */
  public static byte quantise(float x, float scale) {
    return scale == 0 ? 0 : (byte) Math.round(x / scale);
  }

  private static float scale(double[] x, int at, int count) {
    float max = 0;
    for (int i = at; i < at + count; i++) {
      max = Math.max(max, Math.abs((float) x[i]));
    }
    return max / 127;
  }
}
