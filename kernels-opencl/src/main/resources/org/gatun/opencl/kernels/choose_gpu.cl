// Block top-k's choice by work-groups: behind blocks.cl.

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
  Sight v;
  find_sight(step, lim, row, localPages, &v);
  long own = (long)row * KV_HEADS + head;
  bits += own * words;
  bool all = v.total <= blocks;
  for (int i = id; i < words; i += LOCAL) {
    bits[i] = all ? 0xffffffffu : 0;
  }
  if (all) {  // the whole work-group
    return;
  }
  shares += own * PER * pages;
  scores += own * pages;
  for (int j = id; j < v.fine; j += LOCAL) {
    shares[j] = 0;
  }
  for (int g = 0; g < G; g++) {
    const global float *query = q + ((long)row * HEADS + head * G + g) * DIM;
    float most = -INFINITY;
    for (int i = id; i < v.coarse; i += LOCAL) {
      long page = step[v.table + i + 1];
      most =
          fmax(most, blocks_score(query, compressed + ((page * KV_HEADS + head) * SIDE + PER) * DIM,
                                  scale, softCap));
    }
    most = group_max(most, s);
    float sum = 0;
    for (int i = id; i < v.coarse; i += LOCAL) {
      long page = step[v.table + i + 1];
      sum += exp(blocks_score(query, compressed + ((page * KV_HEADS + head) * SIDE + PER) * DIM,
                              scale, softCap) -
                 most);
    }
    float logSum = most + log(group_sum(sum, s));
    for (int j = id; j < v.fine; j += LOCAL) {
      long page = step[v.table + (j + 1) / PER];
      const global float *key =
          compressed + ((page * KV_HEADS + head) * SIDE + (j + 1) % PER) * DIM;
      shares[j] += exp(blocks_score(query, key, scale, softCap) - logSum);
    }
  }
  barrier(CLK_GLOBAL_MEM_FENCE);  // shares of all compressed keys are in, bits are zero
  for (int b = id; b < v.total; b += LOCAL) {
    float best = 0;
    for (int j = max(0, PER * b - 1); j <= min(v.fine - 1, PER * b + 3); j++) {
      best = fmax(best, shares[j]);
    }
    bool forced = b < init || b >= v.near;
    scores[b] = forced ? -1 : best;
    if (forced) {
      atomic_or(bits + b / 32, 1u << (b % 32));
    }
  }
  barrier(CLK_GLOBAL_MEM_FENCE);  // scores are in
  int left = blocks - (v.total - v.near) - min(init, v.near);
  for (; left > 0; left--) {
    float best = -1;
    int at = -1;
    for (int b = id; b < v.total; b += LOCAL) {
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
