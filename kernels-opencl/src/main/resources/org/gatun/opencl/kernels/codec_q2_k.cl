// 16 bytes (4-bit scale, 4-bit minimum per 16 columns), 64 bytes of 2-bit q, half d, half dmin
#define BLOCK 256
#define SEG 16
#define HEAD_BYTES 0
#define WORDS 21
#define AFFINE
#define SCALES(p, s) (WORD(p, (s) >> 2) >> (8 * ((s) & 3)))
#define SCALE(p, s) (HALF(WORD(p, 20) & 0xffffu) * F(SCALES(p, s) & 15u))
#define MINIMUM(p, s) (HALF(WORD(p, 20) >> 16) * F(SCALES(p, s) >> 4 & 15u))
#define PACKED(p, s, k) \
  (WORD(p, 4 + 8 * ((s) >> 3) + 4 * ((s) & 1) + (k)) >> (2 * ((s) >> 1 & 3)) & 0x03030303u)
#define OFFSET 0
#define COLUMNS(p, s, k)    \
  {                         \
    VU v = PACKED(p, s, k); \
    BYTES4(v, k)            \
  }
#define DECODE(p, s) \
  COLUMNS(p, s, 0)   \
  COLUMNS(p, s, 1)   \
  COLUMNS(p, s, 2)   \
  COLUMNS(p, s, 3)
