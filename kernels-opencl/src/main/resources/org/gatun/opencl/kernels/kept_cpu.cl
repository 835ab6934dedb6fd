// Attention over kept tokens of prefixes on a CPU: what stands in the place of pages.
#ifdef PLAN_KEPT
// Keys of a prefix lie as rows, as values do: a kept token costs its own bytes. Lanes are elements
// for S too. Kept tokens are listed by 64, in place of a page.
#define QUERY(i, d) ((i) * DIM + (d))
#define KEPT_BLOCK (2 * KV_BLOCK(DIM))
#define KEPT_ROW(w, token) \
  ((((w)->first + (token) / PAGE) * KV_HEADS + (w)->head) * KEPT_BLOCK + (token) % PAGE * 2 * DIM)
#define KEPT_SCALE(at)                                            \
  ((const global float *)(keys + (at) / KEPT_BLOCK * KEPT_BLOCK + \
                          2 * DIM * PAGE))[(at) % KEPT_BLOCK / DIM]
#define VALUE_ROW(j) (values + at[j] + DIM)
#define NEXT_KEYS(e) (keys + rows[(e) / DIM] + (e) % DIM)

// Units are splits of a (tile, KV head). Heads keep unequal numbers of tokens, so work-items take
// unit by unit, and ask for the first keys of the next while they have values of the last.
typedef struct {
  int unit, units, tiles, splits;
  int head;
  long first;  // page of the sequence's prefix
  const global uint *bits;
  int word, end;  // words not yet read
  int token;      // of the first bit in `left`
  uint left;      // bits of the last word that were not taken
} KeptWalk;

// Takes the next unit, if one is left.
INLINE void take_unit(KeptWalk *w, const global int *step, int4 lim, volatile global uint *bits,
                      int words, const global int *sizes, int prefixPages) {
  w->unit = atomic_inc(KEPT_TAKEN(bits, lim, KV_HEADS, words));
  w->word = w->end = 0;
  if (w->unit >= w->units) {
    return;
  }
  Tile t = find_tile(step, lim, w->unit % w->tiles, 0);
  kept_tile(step, lim, &t, sizes);
  int2 pages = split_pages(&t, w->unit / w->tiles / KV_HEADS, w->splits);
  w->head = w->unit / w->tiles % KV_HEADS;
  w->first = (long)SEQ_FIELD(step, lim, SEQ_PREFIX, t.seq) * prefixPages;
  w->bits = (const global uint *)bits + ((long)t.seq * KV_HEADS + w->head) * words;
  w->word = pages.x * (PAGE / 32);
  w->end = pages.y * (PAGE / 32);
}

// Lists where the rows of the unit's next kept tokens begin, 64 of them or the last; returns their
// number.
INLINE int kept_rows(KeptWalk *w, ulong *rows) {
  int n = 0;
  while (n < PAGE) {
    if (w->left == 0) {
      if (w->word == w->end) {
        break;
      }
      w->token = w->word * 32;
      w->left = w->bits[w->word++];
      continue;
    }
    uint token = w->token + popcount((w->left & -w->left) - 1);
    rows[n++] = KEPT_ROW(w, token);
    w->left &= w->left - 1;
  }
  return n;
}

// 16 elements of a kept token's key; asks for its value.
INLINE float16 kept_key(const global KV *key, const global KV *value, int c) {
  if (c * 16 * sizeof(KV) % 64 == 0) {
    ASK(value + c * 16, 16 * sizeof(KV))
  }
  return KV_RAW16(key + c * 16);
}

// Copies the list to `at`, for another takes its place; writes the tokens' scores to p and the
// scales of their values to `scales`.
INLINE void kept_scores(const global KV *keys, const global KV *values, const ulong *rows, int n,
                        const float *qt, float *p, ulong *at, float *scales, float softCap) {
  float keyScales[PAGE];
  for (int j = 0; j < PAGE; j++) {
    at[j] = rows[min(j, n - 1)];
#ifdef KV_INT8
    keyScales[j] = KEPT_SCALE(at[j]);
    scales[j] = KEPT_SCALE(at[j] + DIM);
#endif
  }
  for (int j = 0; j < n; j += WIDE) {
    float sums[16];
    ROW_DOTS(sums, QT, qt, kept_key(keys + at[j + w], VALUE_ROW(j + w), c))
    for (int i = 0; i < QT; i++) {
      for (int w = 0; w < WIDE; w++) {
        p[i * PAGE + j + w] = sums[i * WIDE + w];
      }
    }
  }
  for (int i = 0; i < QT; i++) {
    for (int c = 0; c < PAGE / 16; c++) {
      float16 v = vload16(c, p + i * PAGE) * KV_SCALE;
#ifdef KV_INT8
      v *= vload16(c, keyScales);
#endif
      v = softCap > 0 ? softCap * tanh(v / softCap) : v;
      int16 slot = convert_int16(KV_LANES) + c * 16;
      vstore16(select(v, (float16)(-INFINITY), slot >= (int16)n), c, p + i * PAGE);
    }
  }
}
#define EACH_UNIT while (walk.unit < walk.units)
#define UNIT_TILE (walk.unit % tiles)
#define UNIT_HEAD walk.head
#define UNIT_SPLIT (walk.unit / tiles / KV_HEADS)
#endif
