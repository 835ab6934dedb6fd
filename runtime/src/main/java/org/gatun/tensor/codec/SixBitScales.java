package org.gatun.tensor.codec;

import java.lang.foreign.MemorySegment;

/**
 * Eight 6-bit scales and eight 6-bit mins in 12 bytes, as Q4_K and Q5_K have them.
 *
 * <pre>
 * byte 0..3   scale 0..3 in bits 0-5; bits 4-5 of scale 4..7 in bits 6-7
 * byte 4..7   min   0..3 in bits 0-5; bits 4-5 of min   4..7 in bits 6-7
 * byte 8..11  bits 0-3 of scale 4..7 (low nibble) and of min 4..7 (high nibble)
 * </pre>
 */
final class SixBitScales {
  private SixBitScales() {}

  static int scale(MemorySegment s, long offset, int i) {
    return i < 4
        ? Bytes.u8(s, offset + i) & 63
        : Bytes.u8(s, offset + 4 + i) & 0xF | Bytes.u8(s, offset + i - 4) >> 6 << 4;
  }

  static int min(MemorySegment s, long offset, int i) {
    return i < 4
        ? Bytes.u8(s, offset + 4 + i) & 63
        : Bytes.u8(s, offset + 4 + i) >> 4 | Bytes.u8(s, offset + i) >> 6 << 4;
  }
}
