#define BLOCK 16
#define SEG 16
#define HEAD_BYTES 0
#define WORDS 16
#define SCALE(p, s) 1.0f
#define UNSCALED
#define COLUMN(p, k) EMIT(k, BITS(WORD(p, k)))
#define DECODE(p, s) \
  COLUMN(p, 0)       \
  COLUMN(p, 1)       \
  COLUMN(p, 2)       \
  COLUMN(p, 3)       \
  COLUMN(p, 4)       \
  COLUMN(p, 5)       \
  COLUMN(p, 6)       \
  COLUMN(p, 7)       \
  COLUMN(p, 8)       \
  COLUMN(p, 9)       \
  COLUMN(p, 10)      \
  COLUMN(p, 11)      \
  COLUMN(p, 12)      \
  COLUMN(p, 13)      \
  COLUMN(p, 14)      \
  COLUMN(p, 15)
