// half d, 32 × int8
#define BLOCK 32
#define SEG 32
#define HEAD_BYTES 32
#define WORDS 8
#define SCALE(p, s) HALF_HEAD(p)
#define COLUMNS(p, k)                           \
  {                                             \
    VU v = WORD(p, k);                          \
    EMIT(4 * (k) + 0, F(SIGNED(v << 24) >> 24)) \
    EMIT(4 * (k) + 1, F(SIGNED(v << 16) >> 24)) \
    EMIT(4 * (k) + 2, F(SIGNED(v << 8) >> 24))  \
    EMIT(4 * (k) + 3, F(SIGNED(v) >> 24))       \
  }
#define PACKED(p, s, k) WORD(p, k)
#define OFFSET 0
#define DECODE(p, s) \
  COLUMNS(p, 0)      \
  COLUMNS(p, 1)      \
  COLUMNS(p, 2)      \
  COLUMNS(p, 3)      \
  COLUMNS(p, 4)      \
  COLUMNS(p, 5)      \
  COLUMNS(p, 6)      \
  COLUMNS(p, 7)
