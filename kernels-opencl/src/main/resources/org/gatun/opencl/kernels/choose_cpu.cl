// Block top-k's choice on a CPU, behind blocks.cl and rows.cl: one work-item per (KV head, row)
// reads each compressed key once for four query heads, and softmax is over vectors.
#define CHOICE_QUERIES 4
// Compressed keys between those that are asked for and those that are multiplied.
#define AHEAD 32

// v[query][16] = the scores of 16 keys; `key` gives where the key of k lies.
#define KEY_SCORES(v, key)                                  \
  for (int from_ = 0; from_ < 16; from_ += WIDE) {          \
    const global float *at_[WIDE];                          \
    for (int w = 0; w < WIDE; w++) {                        \
      int k = from_ + w;                                    \
      at_[w] = key;                                         \
      k += AHEAD;                                           \
      ASK(key, DIM * sizeof(float))                         \
    }                                                       \
    float sums_[16];                                        \
    ROW_DOTS(sums_, CHOICE_QUERIES, qs, vload16(c, at_[w])) \
    for (int i_ = 0; i_ < CHOICE_QUERIES * WIDE; i_++) {    \
      v[i_ / WIDE * 16 + from_ + i_ % WIDE] = sums_[i_];    \
    }                                                       \
  }

INLINE const global float *compressed_key(const global int *step, const Sight *v,
                                          const global float *compressed, int head, int page,
                                          int place) {
  return compressed + (((long)step[v->table + page] * KV_HEADS + head) * SIDE + place) * DIM;
}

INLINE float16 capped(float16 v, float softCap) {
  return softCap > 0 ? softCap * tanh(v / softCap) : v;
}

// Adds the heads' p of every compressed key. That of key j stands at j + 1: four of a page lie
// together; behind the last and at 0 there is 0.
INLINE void add_shares(const global int *step, const Sight *v, const global float *q, int row,
                       int head, const global float *compressed, global float *shares, float scale,
                       float softCap) {
  const int16 lanes = (int16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  float qs[CHOICE_QUERIES * DIM];
  float x[CHOICE_QUERIES * 16];
  for (int g = 0; g < G; g += CHOICE_QUERIES) {
    int count = min(CHOICE_QUERIES, G - g);
    float most[CHOICE_QUERIES];
    float16 sum[CHOICE_QUERIES];
    for (int t = 0; t < CHOICE_QUERIES; t++) {
      const global float *query = q + ((long)row * HEADS + head * G + g + min(t, count - 1)) * DIM;
      for (int d = 0; d < DIM; d++) {
        qs[t * DIM + d] = query[d] * scale;
      }
      most[t] = -INFINITY;
      sum[t] = 0;
    }
    for (int i = 0; i < v->coarse; i += 16) {
      KEY_SCORES(x, compressed_key(step, v, compressed, head, min(i + k, v->coarse - 1) + 1, PER))
      for (int t = 0; t < CHOICE_QUERIES; t++) {
        float16 s = select((float16)(-INFINITY), capped(vload16(t, x), softCap),
                           lanes + i < (int16)v->coarse);
        float top = fmax(most[t], max16(s));
        sum[t] = sum[t] * exp(most[t] - top) + exp(s - top);
        most[t] = top;
      }
    }
    float logSum[CHOICE_QUERIES];
    for (int t = 0; t < CHOICE_QUERIES; t++) {
      logSum[t] = most[t] + log(sum16(sum[t]));
    }
    for (int i = 0; i <= v->fine; i += 16) {
      KEY_SCORES(x, compressed_key(step, v, compressed, head, clamp(i + k, 1, v->fine) / PER,
                                   clamp(i + k, 1, v->fine) % PER))
      float16 all = 0;
      for (int t = 0; t < count; t++) {
        all += exp(capped(vload16(t, x), softCap) - logSum[t]);
      }
      vstore16(select((float16)0, all, lanes + i >= 1 && lanes + i <= (int16)v->fine), 0, x);
      for (int k = 0; k < min(16, v->fine + 1 - i); k++) {
        shares[i + k] += x[k];
      }
    }
  }
}

//   shares [row][kv head][4 × pages]      scores [row][kv head][pages]
kernel void choose(const global int *step, int4 lim, const global float *q,
                   const global float *compressed, global float *shares, global float *scores,
                   global uint *bits, int words, int pages, float scale, float softCap, int blocks,
                   int init, int localPages) {
  int head = get_global_id(0);
  int row = get_global_id(1);
  Sight v;
  find_sight(step, lim, row, localPages, &v);
  long own = (long)row * KV_HEADS + head;
  bits += own * words;
  bool all = v.total <= blocks;
  for (int i = 0; i < words; i++) {
    bits[i] = all ? 0xffffffffu : 0;
  }
  if (all) {
    return;
  }
  shares += own * PER * pages;
  scores += own * pages;
  for (int i = 0; i < PER * v.total; i++) {
    shares[i] = 0;
  }
  add_shares(step, &v, q, row, head, compressed, shares, scale, softCap);
  for (int b = 0; b < v.total; b++) {
    float best = 0;
    for (int i = PER * b; i <= min(v.fine, PER * b + PER); i++) {
      best = fmax(best, shares[i]);
    }
    bool forced = b < init || b >= v.near;
    scores[b] = forced ? -1 : best;
    if (forced) {
      bits[b / 32] |= 1u << (b % 32);
    }
  }
  for (int left = blocks - (v.total - v.near) - min(init, v.near); left > 0; left--) {
    float16 tops = -1;
    int whole = v.total / 16;
    for (int c = 0; c < whole; c++) {
      tops = fmax(tops, vload16(c, scores));
    }
    float best = max16(tops);
    for (int b = whole * 16; b < v.total; b++) {
      best = fmax(best, scores[b]);
    }
    if (best < 0) {  // no page is left
      return;
    }
    int at = 0;
    while (scores[at] != best) {
      at++;
    }
    scores[at] = -1;
    bits[at / 32] |= 1u << (at % 32);
  }
}
