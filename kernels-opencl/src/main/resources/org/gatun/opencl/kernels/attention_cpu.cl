// One work-item per (tile, KV head, split). Lanes are slots for S = Q Kᵀ and elements for O = P V:
// no horizontal sums but for the maximum and the sum of a row.
#define CHUNKS (DIM / 16)

#ifdef PLAN_KEPT
// Keys of a prefix lie as rows, as values do: a kept token costs its own bytes. Lanes are elements
// for S too. Kept tokens are listed by 64 and brought to the cache before anything waits for one.
#define QUERY(i, d) ((i) * DIM + (d))
#define KEPT_BLOCK(token) (((first + (token) / PAGE) * KV_HEADS + head) * KV_BLOCK(DIM))
#define KEPT_ROW(token) (KEPT_BLOCK(token) + (token) % PAGE * DIM)
#define VALUE_ROW(j) (values + KEPT_ROW(rows[j]))

typedef struct {
  int word, end;  // words not yet read
  int token;      // of the first bit in `left`
  uint left;      // bits of the last word that were not taken
} KeptWalk;

// Lists the next kept tokens, 64 of them or the last; returns their number.
INLINE int kept_rows(KeptWalk *w, const global uint *bits, int *rows) {
  int n = 0;
  while (n < PAGE) {
    if (w->left == 0) {
      if (w->word == w->end) {
        break;
      }
      w->token = w->word * 32;
      w->left = bits[w->word++];
      continue;
    }
    rows[n++] = w->token + popcount((w->left & -w->left) - 1);
    w->left &= w->left - 1;
  }
  return n;
}

INLINE void kept_scores(const global KV *keys, const global KV *values, long first, int head,
                        const int *rows, int n, const float *qt, float *p, float softCap) {
  for (int j = 0; j < n; j++) {
    touch(keys + KEPT_ROW(rows[j]), DIM * sizeof(KV));
    touch(values + KEPT_ROW(rows[j]), DIM * sizeof(KV));
  }
  for (int j = 0; j < n; j++) {
    const global KV *k = keys + KEPT_ROW(rows[j]);
    float16 s[QT];
    for (int i = 0; i < QT; i++) {
      s[i] = 0;
    }
    for (int c = 0; c < CHUNKS; c++) {
      float16 x = KV_LOAD16(k + c * 16);
      _Pragma("unroll") for (int i = 0; i < QT; i++) {
        s[i] = fma(vload16(c, qt + i * DIM), x, s[i]);
      }
    }
#ifdef KV_INT8
    float scale = KV_SCALES(keys + KEPT_BLOCK(rows[j]), DIM)[rows[j] % PAGE];
#else
    float scale = 1;
#endif
    for (int i = 0; i < QT; i++) {
      float v = sum16(s[i]) * scale;
      p[i * PAGE + j] = softCap > 0 ? softCap * tanh(v / softCap) : v;
    }
  }
  for (int i = 0; i < QT; i++) {
    for (int j = n; j < PAGE; j++) {
      p[i * PAGE + j] = -INFINITY;
    }
  }
}
#else
// A broadcast has a constant offset.
#define QUERY(i, d) ((d) * QT + (i))
#define VALUE_ROW(j) (vp + (j) * DIM)
#endif

// s[i] = the scores of query i with 16 slots; `load` gives their element d.
#define SCORES(load)                                    \
  {                                                     \
    for (int i = 0; i < QT; i++) {                      \
      s[i] = 0;                                         \
    }                                                   \
    for (int d = 0; d < DIM; d++) {                     \
      float16 k = load;                                 \
      _Pragma("unroll") for (int i = 0; i < QT; i++) {  \
        s[i] = fma((float16)(qt[d * QT + i]), k, s[i]); \
      }                                                 \
    }                                                   \
  }

kernel void attention(const global int *step, int4 lim, const global float *restrict q,
                      const global KV *restrict keys, const global KV *restrict values,
                      global float *o, global float *lse, global float *parts, float scale,
                      int window, float softCap, int splits PLAN_PARTS_ARGS PLAN_ARGS) {
  int index = get_global_id(0);
  int head = get_global_id(1);
  int split = get_global_id(2);
  Tile t = find_tile(step, lim, index, window);
  PLAN_TILE;
  int2 pages = split_pages(&t, split, splits);
  float qt[DIM * QT];        // scaled
  float16 acc[CHUNKS * QT];  // [chunk][query]
  float p[QT * PAGE];        // [query][slot]
  float maximum[QT];
  float sum[QT];
  for (int i = 0; i < QT; i++) {
    maximum[i] = -INFINITY;
    sum[i] = 0;
    int f = min(t.first + i, max(0, t.rowCount * G - 1));
    const global float *from = q + ((long)(t.rowStart + f / G) * HEADS + head * G + f % G) * DIM;
    for (int d = 0; d < DIM; d++) {
      qt[QUERY(i, d)] = from[d] * scale;
    }
  }
  for (int i = 0; i < CHUNKS * QT; i++) {
    acc[i] = 0;
  }
#ifdef PLAN_KEPT
  int rows[PAGE];
  KeptWalk walk = {pages.x * (PAGE / 32), pages.y * (PAGE / 32), 0, 0};
  long first = (long)SEQ_FIELD(step, lim, SEQ_PREFIX, t.seq) * prefixPages;
  while (true) {
    int slots = kept_rows(&walk, bits + ((long)t.seq * KV_HEADS + head) * words, rows);
    if (slots == 0) {
      break;
    }
    kept_scores(keys, values, first, head, rows, slots, qt, p, softCap);
#else
  for (int page = pages.x; page < pages.y; page++) {
    PLAN_SKIP(page)
    long at = (PLAN_PAGE(page) * KV_HEADS + head) * KV_BLOCK(DIM);
    const global KV *kp = keys + at;
    const global KV *vp = values + at;
    int slots = min(PAGE, t.to - page * PAGE);
    touch(kp, PAGE * DIM * sizeof(KV));
    touch(vp, slots * DIM * sizeof(KV));
    for (int c = 0; c < PAGE / 16; c++) {
      float16 s[QT];
      int live = slots - c * 16;
      if (live >= 16) {
        SCORES(KV_LOAD16(kp + d * PAGE + c * 16))
      } else if (live > 0) {
        SCORES(KV_FIRST16(kp + d * PAGE + c * 16, live))
      }
      for (int i = 0; i < QT; i++) {
        float16 v = -INFINITY;
        if (live > 0) {
#ifdef KV_INT8
          s[i] *= KV_SCALES_FIRST16(kp, DIM, c * 16, live);
#endif
          v = softCap > 0 ? softCap * tanh(s[i] / softCap) : s[i];
        }
        vstore16(v, 0, p + i * PAGE + c * 16);
      }
    }
    if (slots < PAGE) {  // a part of the last 16 may be behind the end
      for (int i = 0; i < QT; i++) {
        for (int j = slots; j % 16 != 0; j++) {
          p[i * PAGE + j] = -INFINITY;
        }
      }
    }
    if (!PLAN_INSIDE) {
      for (int i = 0; i < QT; i++) {
        for (int j = 0; j < slots; j++) {
          bool see = i < t.count && PLAN_SEES(t.first + i, page * PAGE + j);
          p[i * PAGE + j] = see ? p[i * PAGE + j] : -INFINITY;
        }
      }
    }
#endif
    float correction[QT];
    for (int i = 0; i < QT; i++) {
      float16 a = vload16(0, p + i * PAGE);
      float16 b = vload16(1, p + i * PAGE);
      float16 c = vload16(2, p + i * PAGE);
      float16 d = vload16(3, p + i * PAGE);
      float m = fmax(maximum[i], max16(fmax(fmax(a, b), fmax(c, d))));
      float shift = m == -INFINITY ? 0 : m;
      correction[i] = exp(maximum[i] - shift);
      maximum[i] = m;
      a = exp(a - shift);
      b = exp(b - shift);
      c = exp(c - shift);
      d = exp(d - shift);
      sum[i] = sum[i] * correction[i] + sum16((a + b) + (c + d));
#ifdef KV_INT8
#ifdef PLAN_KEPT
      float scales[PAGE];
      for (int j = 0; j < PAGE; j++) {
        scales[j] = j < slots ? KV_SCALES(values + KEPT_BLOCK(rows[j]), DIM)[rows[j] % PAGE] : 0;
      }
#else
      const global float *scales = KV_SCALES(vp, DIM);
#endif
      a *= vload16(0, scales);
      b *= vload16(1, scales);
      c *= vload16(2, scales);
      d *= vload16(3, scales);
#endif
      vstore16(a, 0, p + i * PAGE);
      vstore16(b, 1, p + i * PAGE);
      vstore16(c, 2, p + i * PAGE);
      vstore16(d, 3, p + i * PAGE);
    }
    for (int c = 0; c < CHUNKS; c++) {
      float16 r[QT];
      for (int i = 0; i < QT; i++) {
        r[i] = acc[c * QT + i] * correction[i];
      }
      for (int j = 0; j < slots; j++) {  // slots behind the last may hold anything, NaN too
        float16 v = KV_LOAD16(VALUE_ROW(j) + c * 16);
        _Pragma("unroll") for (int i = 0; i < QT; i++) {
          r[i] = fma((float16)(p[i * PAGE + j]), v, r[i]);
        }
      }
      for (int i = 0; i < QT; i++) {
        acc[c * QT + i] = r[i];
      }
    }
  }
  for (int i = 0; i < t.count; i++) {
    if (PLAN_TOTAL > 1) {
      global float *out =
          parts +
          (((long)(index * KV_HEADS + head) * PLAN_TOTAL + PLAN_SPLIT) * QT + i) * (DIM + 2);
      for (int c = 0; c < CHUNKS; c++) {
        vstore16(acc[c * QT + i], c, out);
      }
      out[DIM] = maximum[i];
      out[DIM + 1] = sum[i];
    } else {
      int f = t.first + i;
      long row = (long)(t.rowStart + f / G) * HEADS + head * G + f % G;
      float inverse = sum[i] > 0 ? 1 / sum[i] : 0;
      for (int c = 0; c < CHUNKS; c++) {
        vstore16(acc[c * QT + i] * inverse, c, o + row * DIM);
      }
      if (lse) {
        lse[row] = sum[i] > 0 ? maximum[i] + log(sum[i]) : -INFINITY;
      }
    }
  }
}
