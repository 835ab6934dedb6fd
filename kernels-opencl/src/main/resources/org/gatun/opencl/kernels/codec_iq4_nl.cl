// half d, 16 bytes of nibbles as in Q4_0, each an index into a table of 16 unevenly spaced values
#define BLOCK 32
#define SEG 32
#define HEAD_BYTES 32
#define WORDS 4
constant float IQ4_NL[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                             1,    13,   25,  38,  53,  69,  89,  113};
#define SCALE(p, s) HALF_HEAD(p)
#define NIBBLE(v, sh) LOOKUP(IQ4_NL, (v) >> (sh) & 15u)
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
#define CODE(v, sh) ((uint)(uchar)(char)IQ4_NL[(v) >> (sh) & 15u])
#define PACKED(p, s, k) iq4_nl_bytes(WORD(p, (k) & 3) >> ((k) & 4))
#define OFFSET 0
INLINE uint iq4_nl_bytes(uint v) {
  return CODE(v, 0) | CODE(v, 8) << 8 | CODE(v, 16) << 16 | CODE(v, 24) << 24;
}
#define DECODE(p, s) \
  COLUMNS(p, 0)      \
  COLUMNS(p, 1)      \
  COLUMNS(p, 2)      \
  COLUMNS(p, 3)
