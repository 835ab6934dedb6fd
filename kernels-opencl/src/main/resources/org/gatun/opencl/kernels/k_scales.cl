// Q4_K and Q5_K: words 1-3 hold eight 6-bit scales and eight 6-bit minima. Bytes 0-3 and 4-7 are
// the low ones (6 bits) with two bits more of the high ones, whose low four bits share bytes 8-11.
#define K_SCALE(p, s)                  \
  ((s) < 4                             \
       ? WORD(p, 1) >> (8 * (s)) & 63u \
       : (WORD(p, 3) >> (8 * ((s) & 3)) & 15u) | (WORD(p, 1) >> (8 * ((s) & 3) + 6) & 3u) << 4)
#define K_MINIMUM(p, s)                                                                           \
  ((s) < 4 ? WORD(p, 2) >> (8 * (s)) & 63u                                                        \
           : (WORD(p, 3) >> (8 * ((s) & 3) + 4) & 15u) | (WORD(p, 2) >> (8 * ((s) & 3) + 6) & 3u) \
                                                             << 4)
#define SCALE(p, s) (HALF(WORD(p, 0) & 0xffffu) * F(K_SCALE(p, s)))
#define MINIMUM(p, s) (HALF(WORD(p, 0) >> 16) * F(K_MINIMUM(p, s)))
