// half d, half dmin, 12 bytes of scales, 128 bytes: per 64 columns 32 bytes, low nibbles first
#define BLOCK 256
#define SEG 32
#define HEAD_BYTES 0
#define WORDS 36
#define AFFINE
#define PACKED(p, s, k) (WORD(p, 4 + 8 * ((s) >> 1) + (k)) >> (4 * ((s) & 1)) & 0x0f0f0f0fu)
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
  COLUMNS(p, s, 3)   \
  COLUMNS(p, s, 4)   \
  COLUMNS(p, s, 5)   \
  COLUMNS(p, s, 6)   \
  COLUMNS(p, s, 7)
