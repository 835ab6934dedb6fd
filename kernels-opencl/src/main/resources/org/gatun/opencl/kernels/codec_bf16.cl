#define BLOCK 16
#define SEG 16
#define HEAD_BYTES 0
#define WORDS 8
#define SCALE(p, s) 1.0f
#define UNSCALED
#define COLUMNS(p, k)                        \
  {                                          \
    VU v = WORD(p, k);                       \
    EMIT(2 * (k), BITS(v << 16))             \
    EMIT(2 * (k) + 1, BITS(v & 0xffff0000u)) \
  }
#define DECODE(p, s) \
  COLUMNS(p, 0)      \
  COLUMNS(p, 1)      \
  COLUMNS(p, 2)      \
  COLUMNS(p, 3)      \
  COLUMNS(p, 4)      \
  COLUMNS(p, 5)      \
  COLUMNS(p, 6)      \
  COLUMNS(p, 7)
