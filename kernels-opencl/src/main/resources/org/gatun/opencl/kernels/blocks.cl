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

INLINE float blocks_score(const global float *query, const global float *key, float scale,
                          float softCap) {
  float16 dot = 0;
  for (int d = 0; d < DIM / 16; d++) {
    dot = fma(vload16(d, query), vload16(d, key), dot);
  }
  float v = sum16(dot) * scale;
  return softCap > 0 ? softCap * tanh(v / softCap) : v;
}

// One work-group per (KV head, row): the pages the row reads, a bit each.
//   shares [row][kv head][4 × pages]: p_j of the compressed keys      scores [row][kv head][pages]
kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1))) void choose(
    const global int *step, int4 lim, const global float *q, const global float *compressed,
    global float *shares, global float *scores, volatile global uint *bits, int words, int pages,
    float scale, float softCap, int blocks, int init, int localPages) {
  local float s[GROUP_SCRATCH];
  local int where[LOCAL];
  int id = get_local_id(0);
  int head = get_group_id(0);
  int row = get_group_id(1);
  int seq = ROW_FIELD(step, lim, ROW_SEQUENCE, row);
  int table = PAGE_BASE(lim) + SEQ_FIELD(step, lim, SEQ_TABLE, seq);
  int length = SEQ_FIELD(step, lim, SEQ_KV_LENGTH, seq);
  bool causal = SEQ_FIELD(step, lim, SEQ_MASK, seq) == MASK_CAUSAL;
  int slot = ROW_FIELD(step, lim, ROW_SLOT, row);
  int bound = causal ? slot : length - SEQ_FIELD(step, lim, SEQ_ROW_COUNT, seq) - 1;
  int total = (causal ? slot : length - 1) / PAGE + 1;
  long own = (long)row * KV_HEADS + head;
  bits += own * words;
  bool all = total <= blocks;
  for (int i = id; i < words; i += LOCAL) {
    bits[i] = all ? 0xffffffffu : 0;
  }
  if (all) {  // the whole work-group
    return;
  }
  int near =
      causal ? max(0, total - localPages) : max(0, (bound + 1) / PAGE - max(localPages, 2) + 1);
  shares += own * PER * pages;
  scores += own * pages;
  int fine = seen(bound);
  int coarse = seen_coarse(bound);
  for (int j = id; j < fine; j += LOCAL) {
    shares[j] = 0;
  }
  for (int g = 0; g < G; g++) {
    const global float *query = q + ((long)row * HEADS + head * G + g) * DIM;
    float most = -INFINITY;
    for (int i = id; i < coarse; i += LOCAL) {
      long page = step[table + i + 1];
      most =
          fmax(most, blocks_score(query, compressed + ((page * KV_HEADS + head) * SIDE + PER) * DIM,
                                  scale, softCap));
    }
    most = group_max(most, s);
    float sum = 0;
    for (int i = id; i < coarse; i += LOCAL) {
      long page = step[table + i + 1];
      sum += exp(blocks_score(query, compressed + ((page * KV_HEADS + head) * SIDE + PER) * DIM,
                              scale, softCap) -
                 most);
    }
    float logSum = most + log(group_sum(sum, s));
    for (int j = id; j < fine; j += LOCAL) {
      long page = step[table + (j + 1) / PER];
      const global float *key =
          compressed + ((page * KV_HEADS + head) * SIDE + (j + 1) % PER) * DIM;
      shares[j] += exp(blocks_score(query, key, scale, softCap) - logSum);
    }
  }
  barrier(CLK_GLOBAL_MEM_FENCE);  // shares of all compressed keys are in, bits are zero
  for (int b = id; b < total; b += LOCAL) {
    float best = 0;
    for (int j = max(0, PER * b - 1); j <= min(fine - 1, PER * b + 3); j++) {
      best = fmax(best, shares[j]);
    }
    bool forced = b < init || b >= near;
    scores[b] = forced ? -1 : best;
    if (forced) {
      atomic_or(bits + b / 32, 1u << (b % 32));
    }
  }
  barrier(CLK_GLOBAL_MEM_FENCE);  // scores are in
  int left = blocks - (total - near) - min(init, near);
  for (; left > 0; left--) {
    float best = -1;
    int at = -1;
    for (int b = id; b < total; b += LOCAL) {
      if (scores[b] > best) {
        best = scores[b];
        at = b;
      }
    }
    barrier(CLK_LOCAL_MEM_FENCE);  // an earlier choice is read
    s[id] = best;
    where[id] = at;
    barrier(CLK_LOCAL_MEM_FENCE);  // every work-item's best is in
    for (int i = 0; i < LOCAL; i++) {
      if (s[i] > best || (s[i] == best && where[i] >= 0 && (at < 0 || where[i] < at))) {
        best = s[i];
        at = where[i];
      }
    }
    if (at < 0) {  // the whole work-group: no page is left
      return;
    }
    if (at % LOCAL == id) {
      scores[at] = -1;
      atomic_or(bits + at / 32, 1u << (at % 32));
    }
  }
}
