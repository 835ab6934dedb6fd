// half d, 16 bytes: low nibbles are columns 0-15, high nibbles 16-31; offset 8
#define BLOCK 32
#define SEG 32
#define HEAD_BYTES 32
#define WORDS 4
#define SCALE(p, s) HALF_HEAD(p)
#define NIBBLE(v, sh) F(SIGNED((v) >> (sh) & 15u) - 8)
#define COLUMNS(p, k)                 \
  {                                   \
    VU v = WORD(p, k);                \
    EMIT(4 * (k) + 0, NIBBLE(v, 0))   \
    EMIT(4 * (k) + 16, NIBBLE(v, 4))  \
    EMIT(4 * (k) + 1, NIBBLE(v, 8))   \
    EMIT(4 * (k) + 17, NIBBLE(v, 12)) \
    EMIT(4 * (k) + 2, NIBBLE(v, 16))  \
    EMIT(4 * (k) + 18, NIBBLE(v, 20)) \
    EMIT(4 * (k) + 3, NIBBLE(v, 24))  \
    EMIT(4 * (k) + 19, NIBBLE(v, 28)) \
  }
#define PACKED(p, s, k) (WORD(p, (k) & 3) >> ((k) & 4) & 0x0f0f0f0fu)
#define OFFSET 8
#define DECODE(p, s) \
  COLUMNS(p, 0)      \
  COLUMNS(p, 1)      \
  COLUMNS(p, 2)      \
  COLUMNS(p, 3)
