// Products of rows on a CPU: lanes are elements, WIDE rows at once share the loads of queries.

// The sums of 16 vectors, in their order: neighbours are halved into one four times.
#define HALVE_8(a, b)                                                                            \
  ((float16)(a.s0, a.s1, a.s2, a.s3, a.s4, a.s5, a.s6, a.s7, b.s0, b.s1, b.s2, b.s3, b.s4, b.s5, \
             b.s6, b.s7) +                                                                       \
   (float16)(a.s8, a.s9, a.sa, a.sb, a.sc, a.sd, a.se, a.sf, b.s8, b.s9, b.sa, b.sb, b.sc, b.sd, \
             b.se, b.sf))
#define HALVE_4(a, b)                                                                            \
  ((float16)(a.s0, a.s1, a.s2, a.s3, a.s8, a.s9, a.sa, a.sb, b.s0, b.s1, b.s2, b.s3, b.s8, b.s9, \
             b.sa, b.sb) +                                                                       \
   (float16)(a.s4, a.s5, a.s6, a.s7, a.sc, a.sd, a.se, a.sf, b.s4, b.s5, b.s6, b.s7, b.sc, b.sd, \
             b.se, b.sf))
#define HALVE_2(a, b)                                                                            \
  ((float16)(a.s0, a.s1, a.s4, a.s5, a.s8, a.s9, a.sc, a.sd, b.s0, b.s1, b.s4, b.s5, b.s8, b.s9, \
             b.sc, b.sd) +                                                                       \
   (float16)(a.s2, a.s3, a.s6, a.s7, a.sa, a.sb, a.se, a.sf, b.s2, b.s3, b.s6, b.s7, b.sa, b.sb, \
             b.se, b.sf))
#define HALVE_1(a, b)                                                                            \
  ((float16)(a.s0, a.s2, a.s4, a.s6, a.s8, a.sa, a.sc, a.se, b.s0, b.s2, b.s4, b.s6, b.s8, b.sa, \
             b.sc, b.se) +                                                                       \
   (float16)(a.s1, a.s3, a.s5, a.s7, a.s9, a.sb, a.sd, a.sf, b.s1, b.s3, b.s5, b.s7, b.s9, b.sb, \
             b.sd, b.sf))
INLINE float16 sums16(float16 *v) {
  _Pragma("unroll") for (int i = 0; i < 8; i++) { v[i] = HALVE_8(v[2 * i], v[2 * i + 1]); }
  _Pragma("unroll") for (int i = 0; i < 4; i++) { v[i] = HALVE_4(v[2 * i], v[2 * i + 1]); }
  _Pragma("unroll") for (int i = 0; i < 2; i++) { v[i] = HALVE_2(v[2 * i], v[2 * i + 1]); }
  return HALVE_1(v[0], v[1]);
}

// sums[query · WIDE + row], of 16 at most: the products of `queries` rows of floats at q with WIDE
// rows, whose w-th has 16 · c and its 15 followers in `load`.
#define ROW_DOTS(sums, queries, q, load)                                 \
  {                                                                      \
    float16 s_[16];                                                      \
    _Pragma("unroll") for (int i_ = 0; i_ < 16; i_++) { s_[i_] = 0; }    \
    for (int c = 0; c < DIM / 16; c++) {                                 \
      float16 x_[WIDE];                                                  \
      _Pragma("unroll") for (int w = 0; w < WIDE; w++) { x_[w] = load; } \
      _Pragma("unroll") for (int i_ = 0; i_ < (queries); i_++) {         \
        float16 y_ = vload16(c, (q) + i_ * DIM);                         \
        _Pragma("unroll") for (int w = 0; w < WIDE; w++) {               \
          s_[i_ * WIDE + w] = fma(y_, x_[w], s_[i_ * WIDE + w]);         \
        }                                                                \
      }                                                                  \
    }                                                                    \
    vstore16(sums16(s_), 0, sums);                                       \
  }
