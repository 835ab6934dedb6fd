// Which clusters of its prefix a (sequence, KV head) keeps: squeezed attention's centroid lookup.
// One work-group of LOCAL work-items each; lookup_means is of the device's class.
//   sizes [prefix][3]: tokens, fine clusters, coarse clusters     centroids [prefix][kv
//   head][K][DIM] in half precision starts, children [prefix][kv head][K + 1] scratch [sequence][kv
//   head][LOOKUP_QUERIES + 2][plane]: scores, means, keys bits [sequence][kv head][words]: a bit
//   per token
// A plane has room for K floats, in whole vectors.

kernel __attribute__((reqd_work_group_size(LOCAL, 1, 1))) void lookup(
    const global int *step, int4 lim, const global float *q, const global int *sizes,
    const global ushort *fine, const global int *starts, const global ushort *coarse,
    const global int *children, global float *scratch, volatile global uint *bits, int K, int words,
    float scale, float softCap) {
  local float s[GROUP_SCRATCH];
  int id = get_local_id(0);
  int head = get_group_id(0);
  int seq = get_group_id(1);
  int prefix = SEQ_FIELD(step, lim, SEQ_PREFIX, seq);
  if (id == 0 && head == 0 && seq == 0) {
    *KEPT_TAKEN(bits, lim, KV_HEADS, words) = 0;
  }
  if (prefix < 0) {  // the whole work-group
    return;
  }
  long at = (long)prefix * KV_HEADS + head;
  const global int *start = starts + at * (K + 1);
  const global int *child = children + at * (K + 1);
  int fines = sizes[prefix * 3 + 1];
  int coarses = LEVELS == 2 ? sizes[prefix * 3 + 2] : 0;
  int rows = SEQ_FIELD(step, lim, SEQ_ROW_COUNT, seq);
  q += (long)SEQ_FIELD(step, lim, SEQ_ROW_START, seq) * HEADS * DIM;
  long own = (long)seq * KV_HEADS + head;
  int plane = LOOKUP_PLANE(K);
  global float *mean = scratch + own * (LOOKUP_QUERIES + 2) * plane;
  global float *keys = mean + plane;
  global float *x = keys + plane;
  bits += own * words;
  for (int i = id; i < words; i += LOCAL) {
    bits[i] = 0;
  }
  if (coarses > 0) {
    for (int a = id; a < coarses; a += LOCAL) {
      keys[a] = start[child[a + 1]] - start[child[a]];
    }
    lookup_means(q, rows, head, coarse + at * K * DIM, coarses, x, mean, keys, scale, softCap, s);
    float threshold = as_float(SEQ_FIELD(step, lim, SEQ_COARSE, seq));
    // Marks go where scores were: the sizes of fine clusters take the place of the coarse ones'.
    for (int a = id; a < coarses; a += LOCAL) {
      x[a] = mean[a] > threshold ? 1 : 0;
    }
    barrier(CLK_GLOBAL_MEM_FENCE);  // marks are in, sizes of coarse clusters are read
    for (int a = id; a < coarses; a += LOCAL) {
      for (int i = child[a]; i < child[a + 1]; i++) {
        keys[i] = x[a] > 0 ? start[i + 1] - start[i] : 0;
      }
    }
  } else {
    for (int i = id; i < fines; i += LOCAL) {
      keys[i] = start[i + 1] - start[i];
    }
  }
  barrier(CLK_GLOBAL_MEM_FENCE);  // sizes are in, bits are zero
  lookup_means(q, rows, head, fine + at * K * DIM, fines, x, mean, keys, scale, softCap, s);
  float threshold = as_float(SEQ_FIELD(step, lim, SEQ_FINE, seq));
  for (int i = id; i < fines; i += LOCAL) {
    if (keys[i] > 0 && mean[i] > threshold) {
      for (int token = start[i]; token < start[i + 1];) {
        int end = min(start[i + 1], (token / 32 + 1) * 32);
        uint ones = end - token == 32 ? 0xffffffffu : (1u << (end - token)) - 1;
        atomic_or(bits + token / 32, ones << (token % 32));
        token = end;
      }
    }
  }
}
