// FlashAttention (Dao 2023, arXiv 2307.08691) over paged KV, split along the keys for decode
// (flash-decoding) and merged by log-sum-exp. HEADS, KV_HEADS, DIM, QT are compile-time.
//
// A tile is QT query rows that share one KV head: rows of one sequence × the G heads of the group,
// flattened as f = row · G + head. Tiles never cross sequences. Splits cut a tile's pages.
#define G (HEADS / KV_HEADS)

// Behind a prefix, positions are slots plus a constant: distances are then taken between slots.
#ifdef BEHIND_PREFIX
#define ROW_PLACE(t) ((t)->positions < 0 ? ROW_SLOT : ROW_POSITION)
#else
#define ROW_PLACE(t) ROW_POSITION
#endif

typedef struct {
  int seq, first, count;         // sequence, first flattened row, rows in the tile
  int rowStart, rowCount, base;  // the sequence's rows; base: slots before the step
  int length, table, positions;
  int from, to;  // slots that any row may see
} Tile;

inline Tile find_tile(const global int *step, int4 lim, int index, int window) {
  Tile t;
  int sequences = step[STEP_SEQUENCES];
  t.seq = 0;
  t.rowCount = SEQ_FIELD(step, lim, SEQ_ROW_COUNT, 0);
  for (; t.seq < sequences - 1; t.seq++) {
    int tiles = (t.rowCount * G + QT - 1) / QT;
    if (index < tiles) {
      break;
    }
    index -= tiles;
    t.rowCount = SEQ_FIELD(step, lim, SEQ_ROW_COUNT, t.seq + 1);
  }
  t.first = index * QT;
  t.count = clamp(t.rowCount * G - t.first, 0, QT);
  t.rowStart = SEQ_FIELD(step, lim, SEQ_ROW_START, t.seq);
  t.length = SEQ_FIELD(step, lim, SEQ_KV_LENGTH, t.seq);
  t.base = t.length - t.rowCount;
  t.table = PAGE_BASE(lim) + SEQ_FIELD(step, lim, SEQ_TABLE, t.seq);
  t.positions = SEQ_FIELD(step, lim, SEQ_POSITIONS, t.seq);
  t.from = 0;
  t.to = t.length;
  int causal = SEQ_FIELD(step, lim, SEQ_MASK, t.seq) == MASK_CAUSAL;
  if (causal) {
    t.to = min(t.length, t.base + (t.first + t.count - 1) / G + 1);
  }
  if (causal && window > 0 &&
      t.positions < 0) {  // positions rise with the rows, slots are positions
    t.from = max(0, ROW_FIELD(step, lim, ROW_PLACE(&t), t.rowStart + t.first / G) - window + 1);
  }
  return t;
}

// Whether flattened row f of the tile's sequence sees a slot.
inline bool visible(const global int *step, int4 lim, const Tile *t, int f, int slot, int window) {
  int i = f / G;
  if (slot >= t->length) {
    return false;
  }
  if (window > 0) {
    int at = t->positions < 0 ? slot : step[POSITION_BASE(lim) + t->positions + slot];
    if (ROW_FIELD(step, lim, ROW_PLACE(t), t->rowStart + i) - at >= window) {
      return false;
    }
  }
  int j = slot - t->base;
  if (j < 0) {
    return true;
  }
  int mask = SEQ_FIELD(step, lim, SEQ_MASK, t->seq);
  if (mask == MASK_EXPLICIT) {
    int word =
        SEQ_FIELD(step, lim, SEQ_MASK_OFFSET, t->seq) + i * ((t->rowCount + 31) / 32) + j / 32;
    return as_uint(step[MASK_BASE(lim) + word]) >> (j % 32) & 1u;
  }
  return mask == MASK_FULL || j <= i;
}

// Whether every row of the tile sees all of a page, so that no mask is needed.
inline bool interior(const global int *step, int4 lim, const Tile *t, int page, int window) {
  bool old = (page + 1) * PAGE <= t->base;
  if (window == 0 || !old) {
    return old;
  }
  int last = ROW_FIELD(step, lim, ROW_PLACE(t), t->rowStart + (t->first + t->count - 1) / G);
  return SEQ_FIELD(step, lim, SEQ_MASK, t->seq) == MASK_CAUSAL && t->positions < 0 &&
         last - page * PAGE < window;
}

// What a plan reads of a tile's pages. Kept: pages of the sequence's prefix, of which each
// (sequence, KV head) reads single tokens, a bit each. Blocks: the sequence's own pages, of which
// each (row, KV head) reads some, a bit each.
#if defined(PLAN_KEPT)
#define PLAN_ARGS \
  , int tiles, volatile global uint *bits, int words, const global int *sizes, int prefixPages
#define PLAN_TILE kept_tile(step, lim, &t, sizes)
#define PLAN_PAGE(page) ((long)SEQ_FIELD(step, lim, SEQ_PREFIX, t.seq) * prefixPages + (page))
#define PLAN_WORD(slot) bits[((long)t.seq * KV_HEADS + head) * words + (slot) / 32]
#define PLAN_READS(page) (PLAN_WORD((page) * PAGE) | PLAN_WORD((page) * PAGE + 32))
#define PLAN_SEES(f, slot) (PLAN_WORD(slot) >> ((slot) % 32) & 1u)
#define PLAN_INSIDE false
inline void kept_tile(const global int *step, int4 lim, Tile *t, const global int *sizes) {
  int id = SEQ_FIELD(step, lim, SEQ_PREFIX, t->seq);
  t->from = 0;
  t->to = id < 0 ? 0 : sizes[id * 3];
}
#elif defined(PLAN_BLOCKS)
#define PLAN_ARGS , const global uint *bits, int words
#define PLAN_TILE
#define PLAN_PAGE(page) (long)step[t.table + (page)]
#define PLAN_ROW(f, page)                                                                          \
  (bits[((long)(t.rowStart + (f) / G) * KV_HEADS + head) * words + (page) / 32] >> ((page) % 32) & \
   1u)
#define PLAN_READS(page) some_row_reads(bits, words, &t, head, page)
#define PLAN_SEES(f, slot) (PLAN_ROW(f, (slot) / PAGE) && visible(step, lim, &t, f, slot, window))
// A tile of one row: who does not skip the page reads it.
#define PLAN_INSIDE                                              \
  (t.count <= G && t.first / G == (t.first + t.count - 1) / G && \
   interior(step, lim, &t, page, window))
inline bool some_row_reads(const global uint *bits, int words, const Tile *tile, int head,
                           int page) {
  Tile t = *tile;
  for (int f = t.first; f < t.first + t.count; f++) {
    if (PLAN_ROW(f, page)) {
      return true;
    }
  }
  return false;
}
#else
#define PLAN_ARGS
#define PLAN_TILE
#define PLAN_PAGE(page) (long)step[t.table + (page)]
#define PLAN_READS(page) true
#define PLAN_SEES(f, slot) visible(step, lim, &t, f, slot, window)
#define PLAN_INSIDE interior(step, lim, &t, page, window)
#endif

// With kept tokens, a tile's states come from two launches: the pages' splits first, then the
// prefix's.
#ifdef PLAN_PARTS
#define PLAN_PARTS_ARGS , int total, int firstSplit
#define PLAN_TOTAL total
#define PLAN_SPLIT (firstSplit + split)
#else
#define PLAN_PARTS_ARGS
#define PLAN_TOTAL splits
#define PLAN_SPLIT split
#endif

// Split `split` of `splits`: its pages are [x, y).
inline int2 split_pages(const Tile *t, int split, int splits) {
  int a = t->from / PAGE;
  int b = (t->to + PAGE - 1) / PAGE;
  int each = (b - a + splits - 1) / splits;
  int x = min(b, a + split * each);
  return (int2)(x, min(b, x + each));
}

// Merges a row's splits; one work-item per (flattened row of a tile, KV head, tile).
//   parts [tile][kv head][split][QT][DIM + 2]: unscaled output, then maximum and sum
kernel void combine(const global int *step, int4 lim, const global float *parts, global float *o,
                    global float *lse, int splits) {
  int i = get_global_id(0);
  int head = get_global_id(1);
  int index = get_global_id(2);
  if (i >= QT) {
    return;
  }
  Tile t = find_tile(step, lim, index, 0);
  if (i >= t.count) {
    return;
  }
  const global float *p = parts + ((long)(index * KV_HEADS + head) * splits * QT + i) * (DIM + 2);
  long stride = (long)QT * (DIM + 2);
  float maximum = -INFINITY;
  for (int s = 0; s < splits; s++) {
    maximum = fmax(maximum, p[s * stride + DIM]);
  }
  float sum = 0;
  for (int s = 0; s < splits; s++) {
    float m = p[s * stride + DIM];
    sum += m == -INFINITY ? 0 : p[s * stride + DIM + 1] * exp(m - maximum);
  }
  long row = t.rowStart + (t.first + i) / G;
  int h = head * G + (t.first + i) % G;
  global float *out = o + (row * HEADS + h) * DIM;
  for (int c = 0; c < DIM / 16; c++) {
    float16 v = 0;
    for (int s = 0; s < splits; s++) {
      float m = p[s * stride + DIM];
      float weight = m == -INFINITY ? 0 : exp(m - maximum);
      v += weight > 0 ? vload16(c, p + s * stride) * weight : (float16)0;
    }
    vstore16(sum > 0 ? v / sum : (float16)0, c, out);
  }
  if (lse) {
    lse[row * HEADS + h] = sum > 0 ? maximum + log(sum) : -INFINITY;
  }
}
