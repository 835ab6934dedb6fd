// half d, 32 fifth bits (bit c belongs to column c), 16 bytes of nibbles as in Q4_0; offset 16
#define BLOCK 32
#define SEG 32
#define HEAD_BYTES 32
#define WORDS 5
#define SCALE(p, s) HALF_HEAD(p)
#define FIVE(v, sh, c) F(SIGNED(((v) >> (sh) & 15u) | (high >> (c) & 1u) << 4) - 16)
#define COLUMNS(p, k)                             \
  {                                               \
    VU v = WORD(p, 1 + (k));                      \
    EMIT(4 * (k) + 0, FIVE(v, 0, 4 * (k)))        \
    EMIT(4 * (k) + 16, FIVE(v, 4, 4 * (k) + 16))  \
    EMIT(4 * (k) + 1, FIVE(v, 8, 4 * (k) + 1))    \
    EMIT(4 * (k) + 17, FIVE(v, 12, 4 * (k) + 17)) \
    EMIT(4 * (k) + 2, FIVE(v, 16, 4 * (k) + 2))   \
    EMIT(4 * (k) + 18, FIVE(v, 20, 4 * (k) + 18)) \
    EMIT(4 * (k) + 3, FIVE(v, 24, 4 * (k) + 3))   \
    EMIT(4 * (k) + 19, FIVE(v, 28, 4 * (k) + 19)) \
  }
#define PACKED(p, s, k)                                  \
  ((WORD(p, 1 + ((k) & 3)) >> ((k) & 4) & 0x0f0f0f0fu) | \
   ((WORD(p, 0) >> (4 * (k)) & 15u) * 0x00204081u & 0x01010101u) << 4)
#define OFFSET 16
#define DECODE(p, s)      \
  {                       \
    VU high = WORD(p, 0); \
    COLUMNS(p, 0)         \
    COLUMNS(p, 1)         \
    COLUMNS(p, 2)         \
    COLUMNS(p, 3)         \
  }
