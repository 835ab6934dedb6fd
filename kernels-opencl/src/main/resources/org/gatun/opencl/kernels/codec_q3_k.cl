// 32 bytes of third bits (bit s/2 of byte l), 64 bytes of 2-bit q, 12 bytes of 6-bit scales, half d
#define BLOCK 256
#define SEG 16
#define HEAD_BYTES 32
#define WORDS 27
#define SCALE_LOW(p, s) (WORD(p, 24 + (((s) & 7) >> 2)) >> (8 * ((s) & 3) + 4 * ((s) >> 3)) & 15u)
#define SCALE_HIGH(p, s) (WORD(p, 26) >> (8 * ((s) & 3) + 2 * ((s) >> 2)) & 3u)
#define SCALE(p, s) (HALF_HEAD(p) * F(SIGNED(SCALE_LOW(p, s) | SCALE_HIGH(p, s) << 4) - 32))
#define THREE(v, sh) F(SIGNED((v) >> (sh) & 7u) - 4)
#define PACKED(p, s, k)                                                                        \
  ((WORD(p, 8 + 8 * ((s) >> 3) + 4 * ((s) & 1) + (k)) >> (2 * ((s) >> 1 & 3)) & 0x03030303u) | \
   (WORD(p, 4 * ((s) & 1) + (k)) >> ((s) >> 1) & 0x01010101u) << 2)
#define OFFSET 4
#define COLUMNS(p, s, k)            \
  {                                 \
    VU v = PACKED(p, s, k);         \
    EMIT(4 * (k) + 0, THREE(v, 0))  \
    EMIT(4 * (k) + 1, THREE(v, 8))  \
    EMIT(4 * (k) + 2, THREE(v, 16)) \
    EMIT(4 * (k) + 3, THREE(v, 24)) \
  }
#define DECODE(p, s) \
  COLUMNS(p, s, 0)   \
  COLUMNS(p, s, 1)   \
  COLUMNS(p, s, 2)   \
  COLUMNS(p, s, 3)
