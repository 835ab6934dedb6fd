// One work-item per (tile, KV head, split). Lanes are slots for S = Q Kᵀ and elements for O = P V:
// no horizontal sums but for the maximum and the sum of a row.
#define CHUNKS (DIM / 16)
// Vectors that a product takes at once: with one, few sums are in flight; WIDE is what registers
// hold.
#define WIDE_V (CHUNKS % WIDE == 0 ? WIDE : CHUNKS % 2 == 0 && WIDE > 1 ? 2 : 1)
// Products with keys ask for this page's values, products with values for the next page's keys.

#ifndef PLAN_KEPT
// A broadcast has a constant offset.
#define QUERY(i, d) ((d) * QT + (i))
#define VALUE_ROW(j) (vp + (j) * DIM)
#define NEXT_KEYS(e) (ahead + (e))
#define EACH_UNIT
#define UNIT_TILE get_global_id(0)
#define UNIT_HEAD get_global_id(1)
#define UNIT_SPLIT get_global_id(2)
#endif

// The next page that the plan reads, this one or behind it; and where a page lies.
#define SEEK(page)                                \
  while (page < pages.y && !(PLAN_READS(page))) { \
    page++;                                       \
  }
#define PAGE_AT(page) ((PLAN_PAGE(page) * KV_HEADS + head) * KV_BLOCK(DIM))

// s[i · WIDE + w] = the scores of query i with the w-th 16 slots; `load` gives their element d.
#define SCORES(load)                                                               \
  {                                                                                \
    _Pragma("unroll") for (int i = 0; i < QT * WIDE; i++) { s[i] = 0; }            \
    for (int d = 0; d < DIM; d++) {                                                \
      float16 k[WIDE];                                                             \
      ASK(vp + d * PAGE + c * 16, WIDE * 16 * sizeof(KV))                          \
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
  float qt[DIM * QT];        // scaled
  float16 acc[CHUNKS * QT];  // [chunk][query]
  float p[QT * PAGE];        // [query][slot]
  float maximum[QT];
  float sum[QT];
#ifdef PLAN_KEPT
  ulong at[PAGE];
  float scales[PAGE];
  ulong rows[PAGE];
  for (int j = 0; j < PAGE; j++) {
    rows[j] = 0;
  }
  KeptWalk walk = {.units = tiles * KV_HEADS * splits, .tiles = tiles, .splits = splits};
  take_unit(&walk, step, lim, bits, words, sizes, prefixPages);
  int next = kept_rows(&walk, rows);
  for (int j = 0; j < next; j++) {
    ASK(NEXT_KEYS(j * DIM), DIM * sizeof(KV))
  }
#endif
  EACH_UNIT {
    int index = UNIT_TILE;
    int head = UNIT_HEAD;
    int split = UNIT_SPLIT;
    Tile t = find_tile(step, lim, index, window);
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
    for (bool more = true; more;) {
      int slots = next;
      if (slots > 0) {
        kept_scores(keys, values, rows, slots, qt, p, at, scales, softCap);
      }
      next = kept_rows(&walk, rows);
      if (next == 0) {
        more = false;
        take_unit(&walk, step, lim, bits, words, sizes, prefixPages);
        next = kept_rows(&walk, rows);
      }
      if (slots == 0) {
        continue;
      }
#else
    int2 pages = split_pages(&t, split, splits);
    int page = pages.x;
    SEEK(page)
    const global KV *ahead = keys + (page < pages.y ? PAGE_AT(page) : 0);
    ASK(ahead, PAGE * DIM * sizeof(KV))
    while (page < pages.y) {
      const global KV *kp = ahead;
      const global KV *vp = values + PAGE_AT(page);
      int slots = min(PAGE, t.to - page * PAGE);
      int next = page + 1;
      SEEK(next)
      ahead = next < pages.y ? keys + PAGE_AT(next) : kp;
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
#ifndef PLAN_KEPT
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
          ASK(NEXT_KEYS((c / WIDE_V * PAGE + j) * WIDE_V * 16), WIDE_V * 16 * sizeof(KV))
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
#ifndef PLAN_KEPT
      page = next;
#endif
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
}
