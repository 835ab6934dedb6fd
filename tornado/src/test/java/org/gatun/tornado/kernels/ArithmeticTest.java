package org.gatun.tornado.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class ArithmeticTest {
  @Test
  void everyHalf() {
    for (int bits = 0; bits < 1 << 16; bits++) {
      float want = Float.float16ToFloat((short) bits);
      assertThat(Float.compare(Arithmetic.half(bits), want)).as("%04x", bits).isZero();
      if (!Float.isNaN(want) && want != 0) {
        assertThat(Arithmetic.toHalf(want)).as("%04x", bits).isEqualTo(bits);
      }
    }
    assertThat(Arithmetic.toHalf(0f)).isZero();
    assertThat(Float.float16ToFloat((short) Arithmetic.toHalf(Float.NaN))).isNaN();
  }

  @Test
  void roundingToHalf() {
    SplittableRandom random = new SplittableRandom(1);
    for (int i = 0; i < 1_000_000; i++) {
      float x = Float.intBitsToFloat(random.nextInt());
      if (!Float.isNaN(x) && Math.abs(x) > 1e-9f) {
        short want = Float.floatToFloat16(x);
        assertThat((short) Arithmetic.toHalf(x)).as("%s", x).isEqualTo(want);
      }
    }
    for (float tie :
        new float[] {1 + 0x1p-11f, 1 + 0x3p-11f, 65519.99f, 65520f, 0x1p-25f, 0x3p-25f}) {
      assertThat((short) Arithmetic.toHalf(tie)).isEqualTo(Float.floatToFloat16(tie));
    }
  }

  @Test
  void everyBfloat() {
    for (int bits = 0; bits < 1 << 16; bits++) {
      float want = Float.intBitsToFloat(bits << 16);
      assertThat(Float.compare(Arithmetic.bfloat(bits), want)).as("%04x", bits).isZero();
    }
  }

  @Test
  void functions() {
    for (float x = -40; x <= 0; x += 0.0137f) {
      assertThat((double) Arithmetic.expNegative(x))
          .as("exp %s", x)
          .isCloseTo(Math.exp(x), within(3e-7 * Math.exp(x)));
    }
    assertThat(Arithmetic.expNegative(-100)).isZero();
    assertThat(Arithmetic.expNegative(Float.NaN)).isNaN();
    for (float x = -12; x <= 12; x += 0.0123f) {
      assertThat((double) Arithmetic.tanh(x))
          .as("tanh %s", x)
          .isCloseTo(Math.tanh(x), within(4e-6 * Math.abs(Math.tanh(x)) + 1e-12));
      assertThat((double) Arithmetic.silu(x))
          .as("silu %s", x)
          .isCloseTo(x / (1 + Math.exp(-x)), within(4e-7 * (1 + Math.abs(x))));
    }
    for (float x = 1e-30f; x < 1e30f; x *= 1.37f) {
      assertThat((double) Arithmetic.reciprocalRoot(x))
          .as("root of %s", x)
          .isCloseTo(1 / Math.sqrt(x), within(4e-7 / Math.sqrt(x)));
    }
    for (float x = 1; x < 1e9f; x *= 1.017f) {
      assertThat((double) Arithmetic.log(x))
          .as("log %s", x)
          .isCloseTo(Math.log(x), within(4e-7 * Math.max(1, Math.log(x))));
    }
    for (float a = -0.7854f; a <= 0.7854f; a += 0.001f) {
      assertThat((double) Arithmetic.sinSmall(a)).isCloseTo(Math.sin(a), within(5e-7));
      assertThat((double) Arithmetic.cosSmall(a)).isCloseTo(Math.cos(a), within(5e-7));
    }
  }
}
