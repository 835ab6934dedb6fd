package org.gatun.tornado.kernels;

/**
 * Functions of f32 by arithmetic alone. Each is within a few units of 2^-23 where the kernels use
 * it.
 */
final class Arithmetic {
  private Arithmetic() {}

  /** 2^-n for n from 0 to 60. */
  private static float powerDown(int n) {
    int half = n >> 1;
    float a = 1f / (float) (1 << half);
    return a * (1f / (float) (1 << (n - half)));
  }

  /**
   * e^x for x ≤ 0; 0 below −41, which is under 2^-59. Cody and Waite's reduction, then Taylor's
   * series to degree 7 on |r| ≤ ln 2 / 2.
   */
  static float expNegative(float x) {
    if (!(x > -41f)) {
      return x < 0f ? 0f : x; // x is NaN
    }
    int n = (int) (0.5f - x * 1.4426950f);
    float r = x + n * 0.693359375f - n * 2.12194440e-4f;
    float p =
        1f
            + r
                * (1f
                    + r
                        * (0.5f
                            + r
                                * (0.16666667f
                                    + r
                                        * (0.041666668f
                                            + r
                                                * (0.008333334f
                                                    + r * (0.0013888889f + r * 1.984127e-4f))))));
    return p * powerDown(n);
  }

  /** tanh x. */
  static float tanh(float x) {
    float a = x < 0f ? -x : x;
    float y;
    if (a < 0.05f) {
      float s = a * a;
      y = a * (1f + s * (-0.33333334f + s * 0.13333334f));
    } else {
      float t = expNegative(-2f * a);
      y = (1f - t) / (1f + t);
    }
    return x < 0f ? -y : y;
  }

  /** x · sigmoid(x). */
  static float silu(float x) {
    if (x < 0f) {
      float t = expNegative(x);
      return x * t / (1f + t);
    }
    return x / (1f + expNegative(-x));
  }

  /** GELU in its tanh form. */
  static float geluTanh(float x) {
    return 0.5f * x * (1f + tanh(0.7978846f * (x + 0.044715f * x * x * x)));
  }

  /** 1 / √x for x &gt; 0, by Newton's iteration on a value scaled into [1, 4). */
  static float reciprocalRoot(float x) {
    float v = x;
    float scale = 1f;
    for (int i = 0; i < 70 && v >= 4f; i++) {
      v *= 0.25f;
      scale *= 0.5f;
    }
    for (int i = 0; i < 70 && v < 1f; i++) {
      v *= 4f;
      scale *= 2f;
    }
    float y = 1.1f - 0.16f * v;
    for (int i = 0; i < 5; i++) {
      y = y * (1.5f - 0.5f * v * y * y);
    }
    return y * scale;
  }

  /** ln x for x ≥ 1: halve into [1, 2), then the series of the inverse hyperbolic tangent. */
  static float log(float x) {
    float v = x;
    int n = 0;
    for (int i = 0; i < 128 && v >= 2f; i++) {
      v *= 0.5f;
      n++;
    }
    float z = (v - 1f) / (v + 1f);
    float s = z * z;
    float series =
        1f
            + s
                * (0.33333334f
                    + s
                        * (0.2f
                            + s * (0.14285715f + s * (0.11111111f + s * (0.09090909f + s / 13f)))));
    return n * 0.6931472f + 2f * z * series;
  }

  /** sin of an angle within ±π/4. */
  static float sinSmall(float a) {
    float s = a * a;
    return a * (1f + s * (-0.16666667f + s * (0.008333334f + s * -1.9841270e-4f)));
  }

  /** cos of an angle within ±π/4. */
  static float cosSmall(float a) {
    float s = a * a;
    return 1f + s * (-0.5f + s * (0.041666668f + s * (-0.0013888889f + s * 2.4801587e-5f)));
  }

  /**
   * The value of IEEE half-precision bits, without a branch. Exponent 31 overflows by a product,
   * since infinity cannot be written as a constant.
   */
  static float half(int bits) {
    int e = bits >> 10 & 31;
    int m = bits & 1023;
    int power = e > 0 ? e - 1 : 0;
    int mantissa = e > 0 ? m + 1024 : m;
    int special = e > 30 ? m : 0;
    float v = (float) mantissa * (float) (1 << power) * 5.9604645e-8f;
    v = v * (e > 30 ? 3.0e38f : 1f) * (special > 0 ? 0f : 1f);
    return (bits & 0x8000) != 0 ? -v : v;
  }

  /** IEEE half-precision bits, rounded to nearest even, without a branch. */
  static int toHalf(float x) {
    float size = x < 0f ? -x : x;
    int special = size >= 65520f ? 0x7c00 : 0x7e00;
    int over = size < 65520f ? 0 : 1; // NaN too
    float a = over > 0 ? 1f : size;
    float t = a * 16384f;
    int big = t >= 65536f ? 1 : 0;
    int e = 1 + 16 * big;
    t = big > 0 ? t * 1.5258789e-5f : t;
    big = t >= 256f ? 1 : 0;
    e += 8 * big;
    t = big > 0 ? t * 0.00390625f : t;
    big = t >= 16f ? 1 : 0;
    e += 4 * big;
    t = big > 0 ? t * 0.0625f : t;
    big = t >= 4f ? 1 : 0;
    e += 2 * big;
    t = big > 0 ? t * 0.25f : t;
    big = t >= 2f ? 1 : 0;
    e += big;
    t = big > 0 ? t * 0.5f : t;
    int normal = (e << 10) + round(t * 1024f) - 1024;
    int subnormal = round(a * 16777216f);
    int bits = a < 6.1035156e-5f ? subnormal : normal;
    return (x < 0f ? 0x8000 : 0) | (over > 0 ? special : bits);
  }

  /** To nearest even, for x from 0 to 2^30. */
  private static int round(float x) {
    int n = (int) x;
    float rest = x - n;
    int up = rest > 0.5f ? 1 : 0;
    return n + (rest == 0.5f ? n & 1 : up);
  }

  /** The value of bfloat16 bits, without a branch. */
  static float bfloat(int bits) {
    int e = bits >> 7 & 255;
    int m = bits & 127;
    int special = e > 254 ? m : 0;
    // (128 + m) · 2^(e − 134), or m · 2^-133 below the normal range: 2^n as five powers of |n| ≤ 30
    int n = (e > 0 ? e : 1) - 134;
    int down = n < 0 ? -n : 0;
    int up = n > 0 ? n : 0;
    float v = (float) (e > 0 ? m + 128 : m);
    for (int i = 0; i < 5; i++) {
      int d = down < 30 ? down : 30;
      int u = up < 30 ? up : 30;
      v = v * (1f / (float) (1 << d)) * (float) (1 << u);
      down -= d;
      up -= u;
    }
    v = v * (e > 254 ? 3.0e38f : 1f) * (special > 0 ? 0f : 1f);
    return (bits & 0x8000) != 0 ? -v : v;
  }
}
