package org.gatun.tensor.codec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;
import org.gatun.tensor.DType;
import org.gatun.tensor.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

class CodecsTest {
  @ParameterizedTest
  @EnumSource(DType.class)
  void everyWeightFormatHasACodec(DType dtype) {
    if (dtype.isWeight()) {
      assertThat(Codecs.of(dtype).dtype()).isEqualTo(dtype);
    } else {
      assertThatThrownBy(() -> Codecs.of(dtype)).hasMessageContaining(dtype.name());
    }
  }

  @ParameterizedTest
  @MethodSource("org.gatun.tensor.codec.Codecs#encodable")
  void encodingStaysWithinHalfAStep(DType dtype) {
    SplittableRandom random = new SplittableRandom(7);
    int n = 64 * 32;
    float[] x = new float[n];
    for (int i = 0; i < n; i++) {
      x[i] = (float) random.nextDouble(-1, 1);
    }
    MemorySegment bytes = MemorySegment.ofArray(new byte[(int) dtype.bytes(n)]);
    Codecs.encode(dtype, x, 0, n, bytes, 0);
    float[] y = new float[n];
    Codecs.decodeRow(Tensor.dense("x", dtype, 1, n, bytes), 0, y);
    // The step at |x| <= 1: 1/8 for 4 bits symmetric (one end clips), 2/15 with a minimum, and so
    // on.
    double tolerance =
        switch (dtype) {
          case Q4_0 -> 1.02 / 8;
          case Q5_0 -> 1.02 / 16;
          case Q4_1 -> 1.02 / 15;
          case Q5_1 -> 1.02 / 31;
          case Q8_0 -> 1.2 / 254;
          case F16 -> 0x1p-12;
          case BF16 -> 0x1p-9;
          default -> 0;
        };
    for (int i = 0; i < n; i++) {
      assertThat(Math.abs(y[i] - x[i])).as("element %d", i).isLessThanOrEqualTo((float) tolerance);
    }
  }

  @ParameterizedTest
  @MethodSource("org.gatun.tensor.codec.Codecs#encodable")
  void zerosStayZeros(DType dtype) {
    int n = dtype.blockSize();
    MemorySegment bytes = MemorySegment.ofArray(new byte[dtype.blockBytes()]).fill((byte) -1);
    Codecs.encode(dtype, new float[n], 0, n, bytes, 0);
    float[] y = new float[n];
    Codecs.of(dtype).decode(bytes, 0, y, 0);
    for (float v : y) {
      assertThat(v == 0).isTrue(); // -0 will do
    }
  }

  @Test
  void bf16RoundsToNearestEvenAndKeepsNaN() {
    float[] x = {1 + 0x1p-8f, 1 + 0x1.8p-7f, Float.intBitsToFloat(0x7F800001), 1 + 0x1.8p-8f};
    MemorySegment bytes = MemorySegment.ofArray(new byte[8]);
    Codecs.encode(DType.BF16, x, 0, 4, bytes, 0);
    float[] y = new float[4];
    Codecs.of(DType.BF16).decode(bytes, 0, y, 0, 4);
    assertThat(y).containsExactly(1f, 1 + 0x1p-6f, Float.NaN, 1 + 0x1p-7f);
  }

  @Test
  void formatsWithoutEncoderSaySo() {
    assertThatThrownBy(
            () -> Codecs.encode(DType.Q4_K, new float[256], 0, 256, MemorySegment.NULL, 0))
        .hasMessageStartingWith("Q4_K cannot be encoded; formats that can: [F32, F16");
  }

  @ParameterizedTest
  @EnumSource(DType.class)
  void randomBlocksAreFiniteCentredAndRepeatable(DType dtype) {
    if (!dtype.isWeight()) {
      return;
    }
    int n = 256 * 400;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment a = arena.allocate(dtype.bytes(n));
      MemorySegment b = arena.allocate(dtype.bytes(n));
      RandomBlocks.fill(dtype, a, new SplittableRandom(42), 0.02f);
      RandomBlocks.fill(dtype, b, new SplittableRandom(42), 0.02f);
      assertThat(a.mismatch(b)).isEqualTo(-1);
      float[] x = new float[n];
      Codecs.decodeRow(Tensor.dense("x", dtype, 1, n, a), 0, x);
      double sum = 0;
      double squares = 0;
      for (float v : x) {
        assertThat(v).isFinite();
        sum += v;
        squares += (double) v * v;
      }
      double deviation = Math.sqrt(squares / n);
      assertThat(deviation).isBetween(0.016, 0.025);
      assertThat(Math.abs(sum / n)).isLessThan(0.1 * deviation);
    }
  }

  @Test
  void decodeRowFollowsTheStride() {
    SplittableRandom random = new SplittableRandom(1);
    MemorySegment bytes = MemorySegment.ofArray(new byte[(int) DType.Q4_K.bytes(3 * 1024)]);
    RandomBlocks.fill(DType.Q4_K, bytes, random, 1);
    Tensor whole = Tensor.dense("w", DType.Q4_K, 3, 1024, bytes);
    float[] row = new float[1024];
    Codecs.decodeRow(whole, 2, row);
    float[] shard = new float[512];
    Codecs.decodeRow(whole.columnSlice(256, 512), 2, shard);
    assertThat(shard).containsExactly(java.util.Arrays.copyOfRange(row, 256, 768));
  }
}
