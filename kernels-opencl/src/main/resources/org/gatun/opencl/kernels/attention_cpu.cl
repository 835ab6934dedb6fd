// One work-item per (tile, KV head, split). Lanes are slots for S = Q Kᵀ and elements for O = P V:
// no horizontal sums but for the maximum and the sum of a row.
#define CHUNKS (DIM / 16)
// Vectors that a product takes at once: with one, few sums are in flight; WIDE is what registers
// hold.
#define WIDE_V (CHUNKS % WIDE ? 1 : WIDE)

#ifdef PLAN_KEPT
// Keys of a prefix lie as rows, as values do: a kept token costs its own bytes. Lanes are elements
// for S too. Kept tokens are listed by 64 and brought to the cache before anything waits for one.
#define QUERY(i, d) ((i) * DIM + (d))
#define KEPT_BLOCK(token) (((first + (token) / PAGE) * KV_HEADS + head) * KV_BLOCK(DIM))
#define VALUE_ROW(j) (values + at[j])

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

// Writes where the tokens' rows begin to `at`, and their scores to p.
INLINE void kept_scores(const global KV *keys, const global KV *values, long first, int head,
                        const int *rows, int n, const float *qt, float *p, long *at,
                        float softCap) {
  for (int j = 0; j < n; j++) {
    at[j] = KEPT_BLOCK(rows[j]) + rows[j] % PAGE * DIM;
    touch(keys + at[j], DIM * sizeof(KV));
    touch(values + at[j], DIM * sizeof(KV));
  }
  for (int j = 0; j < n; j++) {
    const global KV *k = keys + at[j];
    float16 s[QT];
    for (int i = 0; i < QT; i++) {
      s[i] = 0;
    }
    for (int c = 0; c < CHUNKS; c++) {
      float16 x = KV_RAW16(k + c * 16);
      _Pragma("unroll") for (int i = 0; i < QT; i++) {
        s[i] = fma(vload16(c, qt + i * DIM), x, s[i]);
      }
    }
#ifdef KV_INT8
    float scale = KV_SCALES(keys + KEPT_BLOCK(rows[j]), DIM)[rows[j] % PAGE];
#else
    float scale = KV_SCALE;
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

// s[i · WIDE + w] = the scores of query i with the w-th 16 slots; `load` gives their element d.
#define SCORES(load)                                                               \
  {                                                                                \
    _Pragma("unroll") for (int i = 0; i < QT * WIDE; i++) { s[i] = 0; }            \
    for (int d = 0; d < DIM; d++) {                                                \
      float16 k[WIDE];                                                             \
      _Pragma("unroll") for (int w = 0; w < WIDE; w++) { k[w] = load; }            \
      _Pragma("unroll") for (int i = 0; i < QT; i++) {                             \
        _Pragma("unroll") for (int w = 0; w < WIDE; w++) {                         \
          s[i * WIDE + w] = fma((float16)(qt[d * QT + i]), k[w], s[i * WIDE + w]); \
        }                                                                          \
      }                                                                            \
    }                                                                              \
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
      qt[QUERY(i, d)] = from[d] * scale * KV_SCALE;
    }
  }
  for (int i = 0; i < CHUNKS * QT; i++) {
    acc[i] = 0;
  }
#ifdef PLAN_KEPT
  int rows[PAGE];
  long at[PAGE];
  KeptWalk walk = {pages.x * (PAGE / 32), pages.y * (PAGE / 32), 0, 0};
  long first = (long)SEQ_FIELD(step, lim, SEQ_PREFIX, t.seq) * prefixPages;
  while (true) {
    int slots = kept_rows(&walk, bits + ((long)t.seq * KV_HEADS + head) * words, rows);
    if (slots == 0) {
      break;
    }
    kept_scores(keys, values, first, head, rows, slots, qt, p, at, softCap);
#else
  for (int page = pages.x; page < pages.y; page++) {
    PLAN_SKIP(page)
    long at = (PLAN_PAGE(page) * KV_HEADS + head) * KV_BLOCK(DIM);
    const global KV *kp = keys + at;
    const global KV *vp = values + at;
    int slots = min(PAGE, t.to - page * PAGE);
    touch(kp, PAGE * DIM * sizeof(KV));
    touch(vp, slots * DIM * sizeof(KV));
    for (int c = 0; c < PAGE / 16; c += WIDE) {
      float16 s[QT * WIDE];
      const global KV *from = kp + c * 16;
      int live = slots - c * 16;
      if (live >= 16 * WIDE) {
        SCORES(KV_RAW16(from + d * PAGE + w * 16))
      } else if (live > 0) {
        SCORES(KV_RAW_FIRST16(from + d * PAGE + w * 16, live - w * 16))
      }
      for (int i = 0; i < QT; i++) {
        for (int w = 0; w < WIDE; w++) {
          float16 v = -INFINITY;
          if (live > w * 16) {
            v = s[i * WIDE + w] * KV_SCALE;
#ifdef KV_INT8
            v *= KV_SCALES_FIRST16(kp, DIM, (c + w) * 16, live - w * 16);
#endif
            v = softCap > 0 ? softCap * tanh(v / softCap) : v;
          }
          vstore16(v, w, p + i * PAGE + c * 16);
        }
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
      vstore16(a * KV_SCALE * KV_SCALE, 0, p + i * PAGE);
      vstore16(b * KV_SCALE * KV_SCALE, 1, p + i * PAGE);
      vstore16(c * KV_SCALE * KV_SCALE, 2, p + i * PAGE);
      vstore16(d * KV_SCALE * KV_SCALE, 3, p + i * PAGE);
    }
    for (int c = 0; c < CHUNKS; c += WIDE_V) {
      float16 r[QT * WIDE_V];
      for (int i = 0; i < QT; i++) {
        for (int w = 0; w < WIDE_V; w++) {
          r[i * WIDE_V + w] = acc[(c + w) * QT + i] * correction[i];
        }
      }
      for (int j = 0; j < slots; j++) {  // slots behind the last may hold anything, NaN too
        float16 v[WIDE_V];
        _Pragma("unroll") for (int w = 0; w < WIDE_V; w++) {
          v[w] = KV_RAW16(VALUE_ROW(j) + (c + w) * 16);
        }
        _Pragma("unroll") for (int i = 0; i < QT; i++) {
          _Pragma("unroll") for (int w = 0; w < WIDE_V; w++) {
            r[i * WIDE_V + w] = fma((float16)(p[i * PAGE + j]), v[w], r[i * WIDE_V + w]);
          }
        }
      }
      for (int i = 0; i < QT; i++) {
        for (int w = 0; w < WIDE_V; w++) {
          acc[(c + w) * QT + i] = r[i * WIDE_V + w];
        }
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
