// One work-group of 64 × 2 per (tile, KV head, split); QT is even, side y has QT / 2 query rows.
// S: work-item = slot, keys read as 64 adjacent elements, queries broadcast from local memory.
// O: work-item = every 64th element, values read as 64 adjacent elements, P broadcast.
#define SIDE (QT / 2)
#define PER ((DIM + 63) / 64)

kernel __attribute__((reqd_work_group_size(64, 2, 1))) void attention(
    const global int *step, int4 lim, const global float *q, const global KV *keys,
    const global KV *values, global float *o, global float *lse, global float *parts, float scale,
    int window, float softCap, int splits PLAN_PARTS_ARGS PLAN_ARGS) {
  local float qs[QT * DIM];
  local float p[QT * PAGE];
  local float stats[QT * 3];  // maximum, sum, correction
  int lane = get_local_id(0);
  int side = get_local_id(1);
  int index = get_group_id(0);
  int head = get_group_id(1);
  int split = get_group_id(2);
  Tile t = find_tile(step, lim, index, window);
  PLAN_TILE;
  int2 pages = split_pages(&t, split, splits);
  for (int e = side * 64 + lane; e < QT * DIM; e += 128) {
    int f = t.first + e / DIM;
    qs[e] = e / DIM < t.count
                ? q[((long)(t.rowStart + f / G) * HEADS + head * G + f % G) * DIM + e % DIM] * scale
                : 0;
  }
  if (side == 0 && lane < QT) {
    stats[lane] = -INFINITY;
    stats[QT + lane] = 0;
  }
  float acc[SIDE * PER];
  for (int i = 0; i < SIDE * PER; i++) {
    acc[i] = 0;
  }
  for (int page = pages.x; page < pages.y; page++) {
    if (!PLAN_READS(page)) {
      continue;
    }
    long at = (PLAN_PAGE(page) * KV_HEADS + head) * KV_BLOCK(DIM);
    int slots = min(PAGE, t.to - page * PAGE);
    bool inside = PLAN_INSIDE && slots == PAGE;
    float s[SIDE];
    for (int i = 0; i < SIDE; i++) {
      s[i] = 0;
    }
    barrier(CLK_LOCAL_MEM_FENCE);  // queries are in; the last page's P is read
    if (lane < slots) {
      for (int d = 0; d < DIM; d++) {
        float k = KV_LOAD(at + d * PAGE + lane, keys);
        for (int i = 0; i < SIDE; i++) {
          s[i] = fma(qs[(side * SIDE + i) * DIM + d], k, s[i]);
        }
      }
#ifdef KV_INT8
      for (int i = 0; i < SIDE; i++) {
        s[i] *= KV_SCALES(keys + at, DIM)[lane];
      }
#endif
    }
    for (int i = 0; i < SIDE; i++) {
      int row = side * SIDE + i;
      float v = softCap > 0 ? softCap * tanh(s[i] / softCap) : s[i];
      bool see =
          lane < slots && row < t.count && (inside || PLAN_SEES(t.first + row, page * PAGE + lane));
      p[row * PAGE + lane] = see ? v : -INFINITY;
    }
    barrier(CLK_LOCAL_MEM_FENCE);  // scores of all slots are in
    if (side == 0 && lane < QT) {
      float old = stats[lane];
      float m = old;
      for (int j = 0; j < PAGE; j++) {
        m = fmax(m, p[lane * PAGE + j]);
      }
      float shift = m == -INFINITY ? 0 : m;
      float sum = 0;
      for (int j = 0; j < PAGE; j++) {
        float e = exp(p[lane * PAGE + j] - shift);
        sum += e;
#ifdef KV_INT8
        e *= j < slots ? KV_SCALES(values + at, DIM)[j] : 0;
#endif
        p[lane * PAGE + j] = e;
      }
      float correction = exp(old - shift);
      stats[lane] = m;
      stats[QT + lane] = stats[QT + lane] * correction + sum;
      stats[2 * QT + lane] = correction;
    }
    barrier(CLK_LOCAL_MEM_FENCE);  // probabilities and corrections are in
    for (int i = 0; i < SIDE; i++) {
      for (int e = 0; e < PER; e++) {
        acc[i * PER + e] *= stats[2 * QT + side * SIDE + i];
      }
    }
    for (int j = 0; j < slots; j++) {  // slots behind the last may hold anything, NaN too
      for (int e = 0; e < PER; e++) {
        int d = e * 64 + lane;
        if (d < DIM) {
          float v = KV_LOAD(at + j * DIM + d, values);
          for (int i = 0; i < SIDE; i++) {
            acc[i * PER + e] = fma(p[(side * SIDE + i) * PAGE + j], v, acc[i * PER + e]);
          }
        }
      }
    }
  }
  barrier(CLK_LOCAL_MEM_FENCE);  // without pages, the first statistics are still being written
  for (int i = 0; i < SIDE; i++) {
    int row = side * SIDE + i;
    if (row >= t.count) {
      continue;
    }
    float sum = stats[QT + row];
    if (PLAN_TOTAL > 1) {
      global float *out =
          parts +
          (((long)(index * KV_HEADS + head) * PLAN_TOTAL + PLAN_SPLIT) * QT + row) * (DIM + 2);
      for (int e = 0; e < PER; e++) {
        if (e * 64 + lane < DIM) {
          out[e * 64 + lane] = acc[i * PER + e];
        }
      }
      if (lane == 0) {
        out[DIM] = stats[row];
        out[DIM + 1] = sum;
      }
    } else {
      int f = t.first + row;
      long r = (long)(t.rowStart + f / G) * HEADS + head * G + f % G;
      for (int e = 0; e < PER; e++) {
        if (e * 64 + lane < DIM) {
          o[r * DIM + e * 64 + lane] = sum > 0 ? acc[i * PER + e] / sum : 0;
        }
      }
      if (lane == 0 && lse) {
        lse[r] = sum > 0 ? stats[row] + log(sum) : -INFINITY;
      }
    }
  }
}
