// y = x Wᵀ on a CPU: one work-item holds 16 rows of W in a vector and NT tokens in accumulators.
//
//            x packed: [tile][k][NT]             acc[NT] of 16 rows
//   W block ──decode──▶ 16 rows of column k ──▶ acc[t] += w · x[k][t]
//
// NT 1 reads x as it is (decode); larger NT reuse a decoded column NT times (prefill).
#if NT == 1
#define CHAINS 4  // independent sums hide the latency of the multiply-add
#elif NT == 2
#define CHAINS 2
#else
#define CHAINS 1
#endif
#define BLOCK_BYTES (HEAD_BYTES + 64 * WORDS)

// EACH(X): X(0) … X(NT − 1). Sums are only ever named by constants, so that they live in registers
// from the start: of an array that a loop indexes, PoCL 3.1 keeps a copy in memory up to date.
#define TOKENS_1(X) X(0)
#define TOKENS_2(X) TOKENS_1(X) X(1)
#define TOKENS_4(X) TOKENS_2(X) X(2) X(3)
#define TOKENS_6(X) TOKENS_4(X) X(4) X(5)
#define TOKENS_8(X) TOKENS_6(X) X(6) X(7)
#define TOKENS_12(X) TOKENS_8(X) X(8) X(9) X(10) X(11)
#define TOKENS_24(X) \
  TOKENS_12(X) X(12) X(13) X(14) X(15) X(16) X(17) X(18) X(19) X(20) X(21) X(22) X(23)
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define EACH(X) JOIN(TOKENS_, NT)(X)

// SUMS(X): X(i) for every chain of every token.
#if NT == 1
#define SUMS(X) TOKENS_4(X)
#define TOTAL(from, t) ((from[0] + from[1]) + (from[2] + from[3]))
#elif NT == 2
#define SUMS(X) TOKENS_4(X)
#define TOTAL(from, t) (from[t] + from[NT + t])
#else
#define SUMS(X) EACH(X)
#define TOTAL(from, t) from[t]
#endif

// Accumulates one group's product into acc[NT].
inline void product(const global uchar *restrict p, const global float *restrict x, int blocks,
                    float16 *acc) {
  float16 sum[CHAINS * NT];
#define ZERO(i) sum[i] = 0;
  SUMS(ZERO)
#undef ZERO
  for (int b = 0; b < blocks; b++, p += BLOCK_BYTES) {
    for (int s = 0; s < BLOCK / SEG; s++, x += SEG * NT) {
#if defined(AFFINE)
      float16 scale = SCALE(p, s);
      float16 minimum = MINIMUM(p, s);
#define VALUE(q) (scale * (q) - minimum)
#elif defined(UNSCALED)
#define VALUE(q) (q)
#elif NT > 2
      float16 scale = SCALE(p, s);
#define VALUE(q) (scale * (q))
#else
#define VALUE(q) (q)
#define SCALE_LAST
      float16 part[CHAINS * NT];
#define ZERO(i) part[i] = 0;
      SUMS(ZERO)
#undef ZERO
#endif
#ifdef SCALE_LAST
#define SUM part
#else
#define SUM sum
#endif
#define EMIT(c, q)                         \
  {                                        \
    float16 w = VALUE(q);                  \
    const global float *xc = x + (c) * NT; \
    const int chain = (c) % CHAINS * NT;   \
    EACH(ADD)                              \
  }
#define ADD(t) SUM[chain + (t)] = fma(w, (float16)(xc[t]), SUM[chain + (t)]);
      DECODE(p, s)
#undef ADD
#undef EMIT
#ifdef SCALE_LAST
      float16 scale = SCALE(p, s);
#define ADD(t) sum[t] = fma(scale, TOTAL(part, t), sum[t]);
      EACH(ADD)
#undef ADD
#endif
    }
  }
#define STORE(t) acc[t] = TOTAL(sum, t);
  EACH(STORE)
#undef STORE
}

inline float16 activate(float16 g) { return ACTIVATE(g); }

// Work-items: (runs of `run` groups, token tiles). `counter`: the header field with the row count.
kernel void project(const global int *step, int counter, const global uchar *restrict w,
                    const global uchar *restrict w2, const global float *restrict xp,
                    global float *restrict y, const global float *bias, int outs, int blocks,
                    int run) {
  int rows = step[counter];
  int tile = get_global_id(1);
  int groups = (outs + 15) / 16;
  const global float *x = xp + (long)tile * blocks * BLOCK * NT;
  int end = min(groups, (int)(get_global_id(0) + 1) * run);
  for (int g = get_global_id(0) * run; g < end; g++) {
    long at = (long)g * blocks * BLOCK_BYTES;
    float16 acc[NT];
    product(w + at, x, blocks, acc);
#if PRODUCTS == 2
    float16 gate[NT];
    for (int t = 0; t < NT; t++) {
      gate[t] = acc[t];
    }
    product(w2 + at, x, blocks, acc);
#endif
    float16 b = 0;
    int lanes = min(16, outs - 16 * g);
    if (bias) {
      float tail[16];
      for (int i = 0; i < 16; i++) {
        tail[i] = i < lanes ? bias[16 * g + i] : 0;
      }
      b = vload16(0, tail);
    }
    for (int t = 0; t < NT && tile * NT + t < rows; t++) {
      global float *out = y + (long)(tile * NT + t) * outs + 16 * g;
#if GATED
      float16 v = activate(gate[t]) * acc[t];
#else
      float16 v = acc[t] + b;
#endif
      if (lanes == 16) {
        vstore16(v, 0, out);
      } else {
        float tail[16];
        vstore16(v, 0, tail);
        for (int i = 0; i < lanes; i++) {
          out[i] = tail[i];
        }
      }
    }
  }
}
