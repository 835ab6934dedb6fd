// half d, half m, 16 bytes of nibbles as in Q4_0: w = d q + m
#define BLOCK 32
#define SEG 32
#define HEAD_BYTES 0
#define WORDS 5
#define AFFINE
#define SCALE(p, s) HALF(WORD(p, 0) & 0xffffu)
#define MINIMUM(p, s) -HALF(WORD(p, 0) >> 16)
#define NIBBLE(v, sh) F((v) >> (sh) & 15u)
#define COLUMNS(p, k)                 \
  {                                   \
    VU v = WORD(p, 1 + (k));          \
    EMIT(4 * (k) + 0, NIBBLE(v, 0))   \
    EMIT(4 * (k) + 16, NIBBLE(v, 4))  \
    EMIT(4 * (k) + 1, NIBBLE(v, 8))   \
    EMIT(4 * (k) + 17, NIBBLE(v, 12)) \
    EMIT(4 * (k) + 2, NIBBLE(v, 16))  \
    EMIT(4 * (k) + 18, NIBBLE(v, 20)) \
    EMIT(4 * (k) + 3, NIBBLE(v, 24))  \
    EMIT(4 * (k) + 19, NIBBLE(v, 28)) \
  }
#define PACKED(p, s, k) (WORD(p, 1 + ((k) & 3)) >> ((k) & 4) & 0x0f0f0f0fu)
#define OFFSET 0
#define DECODE(p, s) \
  COLUMNS(p, 0)      \
  COLUMNS(p, 1)      \
  COLUMNS(p, 2)      \
  COLUMNS(p, 3)
