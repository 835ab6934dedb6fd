// Block top-k. A page holds, per KV head, the compressed keys whose last slot it has: 4 means of 32
// keys and one of 128, in f32: compressed [page][kv head][5][DIM].
#define G (HEADS / KV_HEADS)
#define PER 4
#define SIDE 5

INLINE int seen(int bound) { return bound < 31 ? 0 : (bound - 31) / 16 + 1; }
INLINE int seen_coarse(int bound) { return bound < 127 ? 0 : (bound - 127) / 64 + 1; }

INLINE float blocks_mean(const global int *step, int table, const global KV *keys, int head, int d,
                         int from, int width) {
  float sum = 0;
  for (int slot = from; slot < from + width; slot++) {
    long at = ((long)step[table + slot / PAGE] * KV_HEADS + head) * KV_BLOCK(DIM);
    float k = KV_LOAD(at + d * PAGE + slot % PAGE, keys);
#ifdef KV_INT8
    k *= KV_SCALES(keys + at, DIM)[slot % PAGE];
#endif
    sum += k;
  }
  return sum / width;
}

// One work-item per (element, KV head, sequence): compressed keys whose last slot the sequence did
// not have before.
kernel void compress(const global int *step, int4 lim, const global KV *keys,
                     global float *compressed) {
  int d = get_global_id(0);
  int head = get_global_id(1);
  int seq = get_global_id(2);
  int table = PAGE_BASE(lim) + SEQ_FIELD(step, lim, SEQ_TABLE, seq);
  int fresh = SEQ_FIELD(step, lim, SEQ_FRESH, seq);
  int length = SEQ_FIELD(step, lim, SEQ_KV_LENGTH, seq);
  for (int j = seen(fresh - 1); j < seen(length - 1); j++) {
    long page = step[table + (j + 1) / PER];
    compressed[((page * KV_HEADS + head) * SIDE + (j + 1) % PER) * DIM + d] =
        blocks_mean(step, table, keys, head, d, 16 * j, 32);
  }
  for (int i = seen_coarse(fresh - 1); i < seen_coarse(length - 1); i++) {
    long page = step[table + i + 1];
    compressed[((page * KV_HEADS + head) * SIDE + PER) * DIM + d] =
        blocks_mean(step, table, keys, head, d, 64 * i, 128);
  }
}

// One work-item per float of a page: a page that leaves its sharers takes its compressed keys
// along.
kernel void compressed_copy(global float *compressed, int count, int from, int to) {
  int i = get_global_id(0);
  if (i < count) {
    compressed[(long)to * count + i] = compressed[(long)from * count + i];
  }
}

// What a row sees: pages, of which those from `near` on are read anyway, and compressed keys.
typedef struct {
  int table, total, near, fine, coarse;
} Sight;

INLINE void find_sight(const global int *step, int4 lim, int row, int localPages, Sight *v) {
  int seq = ROW_FIELD(step, lim, ROW_SEQUENCE, row);
  int length = SEQ_FIELD(step, lim, SEQ_KV_LENGTH, seq);
  bool causal = SEQ_FIELD(step, lim, SEQ_MASK, seq) == MASK_CAUSAL;
  int slot = ROW_FIELD(step, lim, ROW_SLOT, row);
  int bound = causal ? slot : length - SEQ_FIELD(step, lim, SEQ_ROW_COUNT, seq) - 1;
  v->table = PAGE_BASE(lim) + SEQ_FIELD(step, lim, SEQ_TABLE, seq);
  v->total = (causal ? slot : length - 1) / PAGE + 1;
  v->near =
      causal ? max(0, v->total - localPages) : max(0, (bound + 1) / PAGE - max(localPages, 2) + 1);
  v->fine = seen(bound);
  v->coarse = seen_coarse(bound);
}
