package org.gatun.tensor.codec;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.HexFormat;
import org.gatun.tensor.DType;
import org.junit.jupiter.api.Test;

/** Blocks written byte by byte from the format's description; 0.5 is f16 0x3800, 2 is 0x4000. */
class HandEncodedBlockTest {
  private static final String HALF = "0038";
  private static final String TWO = "0040";

  private static float[] decode(DType dtype, String hex) {
    byte[] bytes = HexFormat.of().parseHex(hex);
    assertThat(bytes).hasSize(dtype.blockBytes());
    float[] out = new float[dtype.blockSize() + 2];
    Arrays.fill(out, Float.NaN);
    // One byte ahead: blocks in a file are not aligned.
    byte[] shifted = new byte[bytes.length + 1];
    System.arraycopy(bytes, 0, shifted, 1, bytes.length);
    Codecs.of(dtype).decode(MemorySegment.ofArray(shifted), 1, out, 1);
    assertThat(out[0]).isNaN();
    assertThat(out[out.length - 1]).isNaN();
    return Arrays.copyOfRange(out, 1, out.length - 1);
  }

  /** An array of {@code base} with some elements replaced: pairs of index and value. */
  private static float[] except(int size, float base, float... pairs) {
    float[] x = new float[size];
    Arrays.fill(x, base);
    for (int i = 0; i < pairs.length; i += 2) {
      x[(int) pairs[i]] = pairs[i + 1];
    }
    return x;
  }

  private static String zeros(int bytes) {
    return "00".repeat(bytes);
  }

  @Test
  void plain() {
    assertThat(decode(DType.F32, "0000c0bf")).containsExactly(-1.5f);
    assertThat(decode(DType.F16, "00be")).containsExactly(-1.5f);
    assertThat(decode(DType.F16, "0100")).containsExactly(0x1p-24f);
    assertThat(decode(DType.BF16, "c0bf")).containsExactly(-1.5f);
  }

  @Test
  void q4_0() {
    // Byte 0 = 0xF1: element 0 has code 1, element 16 code 15.
    assertThat(decode(DType.Q4_0, HALF + "f1" + zeros(15)))
        .containsExactly(except(32, -4, 0, -3.5f, 16, 3.5f));
  }

  @Test
  void q4_1() {
    assertThat(decode(DType.Q4_1, HALF + TWO + zeros(15) + "f1"))
        .containsExactly(except(32, 2, 15, 2.5f, 31, 9.5f));
  }

  @Test
  void q5_0() {
    // qh bits 0 and 31: elements 0 and 31 get 16 on top.
    assertThat(decode(DType.Q5_0, HALF + "01000080" + "03" + zeros(14) + "20"))
        .containsExactly(except(32, -8, 0, 1.5f, 31, 1));
  }

  @Test
  void q5_1() {
    assertThat(decode(DType.Q5_1, HALF + TWO + "00800100" + "f0" + zeros(14) + "0f"))
        .containsExactly(except(32, 2, 15, 2 + 15.5f, 16, 2 + 15.5f));
  }

  @Test
  void q8_0() {
    assertThat(decode(DType.Q8_0, HALF + "80" + zeros(30) + "7f"))
        .containsExactly(except(32, 0, 0, -64, 31, 63.5f));
  }

  @Test
  void q2_K() {
    // Group 0: scale 3, min 1; group 15: scale 1, min 0; the rest scale 0, min 0.
    String scales = "13" + zeros(14) + "01";
    // Element 0: bits 0-1 of qs[0] = 2. Element 255: half 1, k 3, l 31: bits 6-7 of qs[63] = 3.
    String qs = "02" + zeros(62) + "c0";
    float[] want = except(256, 0);
    Arrays.fill(want, 0, 16, -2);
    want[0] = 0.5f * 3 * 2 - 2;
    want[255] = 0.5f * 3;
    assertThat(decode(DType.Q2_K, scales + qs + HALF + TWO)).containsExactly(want);
  }

  @Test
  void q2_K_everyGroupHasItsOwnBits() {
    // scale of group g is g; every code is 1.
    StringBuilder scales = new StringBuilder();
    for (int g = 0; g < 16; g++) {
      scales.append("%02x".formatted(g));
    }
    float[] want = new float[256];
    for (int i = 0; i < 256; i++) {
      want[i] = 0.5f * (i / 16);
    }
    assertThat(decode(DType.Q2_K, scales + "55".repeat(64) + HALF + TWO)).containsExactly(want);
  }

  @Test
  void q3_K() {
    // Low scale nibbles: group 0 = 5 (low half of byte 0), group 8 = 6 (high half).
    // High bits: groups 0, 4, 8, 12 share byte 8; 0b10_01_00_11 gives group 0 3, 4 0, 8 1, 12 2.
    String scales = "65" + zeros(7) + "93" + zeros(3);
    // hmask byte 0 bits 0 and 4: elements 0 and 128 lose the -4. qs: element 0 = 1, element 128 =
    // 2.
    String block = "11" + zeros(31) + "01" + zeros(31) + "02" + zeros(31) + scales + HALF;
    float[] x = decode(DType.Q3_K, block);
    float[] want = new float[256];
    int[] scale = new int[16];
    scale[0] = 5 + 48;
    scale[8] = 6 + 16;
    scale[12] = 32;
    for (int i = 0; i < 256; i++) {
      want[i] = 0.5f * (scale[i / 16] - 32) * -4;
    }
    want[0] = 0.5f * (53 - 32) * 1;
    want[128] = 0.5f * (22 - 32) * 2;
    assertThat(x).containsExactly(want);
  }

  /** Scales 1, 2, 3, 4, 17, 34, 51, 4 and mins 5, 6, 7, 8, 18, 36, 54, 8 packed by hand. */
  private static final String SIX_BITS = "4182c304" + "4586c708" + "21426384";

  private static final int[] SCALES = {1, 2, 3, 4, 17, 34, 51, 4};
  private static final int[] MINS = {5, 6, 7, 8, 18, 36, 54, 8};

  @Test
  void q4_K() {
    // Element 32 (group 1): high nibble of qs[0]; element 255 (group 7): high nibble of qs[127].
    String qs = "f1" + zeros(126) + "70";
    float[] want = new float[256];
    for (int i = 0; i < 256; i++) {
      want[i] = -2f * MINS[i / 32];
    }
    want[0] += 0.5f * SCALES[0];
    want[32] += 0.5f * SCALES[1] * 15;
    want[255] += 0.5f * SCALES[7] * 7;
    assertThat(decode(DType.Q4_K, HALF + TWO + SIX_BITS + qs)).containsExactly(want);
  }

  @Test
  void q5_K() {
    // qh byte 0 = bits 0 and 1 (groups 0 and 1), byte 31 = bit 7 (group 7).
    String qh = "03" + zeros(30) + "80";
    String qs = "f1" + zeros(126) + "70";
    float[] want = new float[256];
    for (int i = 0; i < 256; i++) {
      want[i] = -2f * MINS[i / 32];
    }
    want[0] += 0.5f * SCALES[0] * 17;
    want[32] += 0.5f * SCALES[1] * 31;
    want[255] += 0.5f * SCALES[7] * 23;
    assertThat(decode(DType.Q5_K, HALF + TWO + SIX_BITS + qh + qs)).containsExactly(want);
  }

  @Test
  void q6_K() {
    // ql[0] = 0xA5: element 0 low 5, element 64 low 10. qh[0] = 0b00_10_00_01: element 0 +16,
    // element 64 +32. Scales: group 0 = 3, group 4 (elements 64-79) = -2, group 15 = 1.
    String scales = "03000000fe" + zeros(10) + "01";
    String block = "a5" + zeros(127) + "21" + zeros(63) + scales + HALF;
    float[] want = new float[256];
    Arrays.fill(want, 0, 16, 0.5f * 3 * -32);
    Arrays.fill(want, 64, 80, 0.5f * -2 * -32);
    Arrays.fill(want, 240, 256, 0.5f * -32);
    want[0] = 0.5f * 3 * (5 + 16 - 32);
    want[64] = 0.5f * -2 * (10 + 32 - 32);
    assertThat(decode(DType.Q6_K, block)).usingComparatorWithPrecision(0f).containsExactly(want);
  }

  @Test
  void iq4_NL() {
    assertThat(decode(DType.IQ4_NL, HALF + "f8" + "88".repeat(15)))
        .containsExactly(except(32, 0.5f, 16, 56.5f));
  }
}
