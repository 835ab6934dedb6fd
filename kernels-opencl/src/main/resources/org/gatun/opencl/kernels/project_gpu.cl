// y = x Wᵀ on a GPU.
#define BLOCK_BYTES (HEAD_BYTES + 64 * WORDS)
#define SEGS (BLOCK / SEG)

inline float activate(float g) {
#if GATED == 2
  return 0.5f * g * (1 + tanh(0.7978845608028654f * (g + 0.044715f * g * g * g)));
#else
  return g / (1 + exp(-g));
#endif
}

// Matrix-vector: a work-group of 16 lanes × SLICES covers 16 rows; lane = row, so the words of a
// block are read as 64 adjacent bytes; slice i takes segments i, i + SLICES, …
#define SLICES 8
inline void slice_product(const global uchar *w, const global float *x, int cols, int lane, int slice, int segments,
    int tokens, float *acc) {
  for (int t = 0; t < NT; t++) {
    acc[t] = 0;
  }
  for (int i = slice; i < segments; i += SLICES) {
    const global uchar *p = w + (long)(i / SEGS) * BLOCK_BYTES;
    int s = i % SEGS;
    float scale = SCALE(p, s);
#ifdef AFFINE
    float minimum = MINIMUM(p, s);
#define VALUE(q) (scale * (q) - minimum)
#else
#define VALUE(q) (scale * (q))
#endif
    const global float *xs = x + i * SEG;
    int left = cols - i * SEG;
    if (left >= SEG && tokens == NT) {
#define EMIT(c, q) { float decoded = VALUE(q); for (int t = 0; t < NT; t++) acc[t] = fma(decoded, xs[t * cols + (c)], acc[t]); }
      DECODE(p, s)
#undef EMIT
    } else {
#define EMIT(c, q) if ((c) < left) { float decoded = VALUE(q); for (int t = 0; t < tokens; t++) acc[t] = fma(decoded, xs[t * cols + (c)], acc[t]); }
      DECODE(p, s)
#undef EMIT
    }
  }
}

kernel void project(const global int *step, int counter, const global uchar *w, const global uchar *w2,
    const global float *x, global float *y, const global float *bias, int outs, int cols) {
  local float part[SLICES * NT * 16 * (GATED ? 2 : 1)];
  int lane = get_local_id(0);
  int slice = get_local_id(1);
  int group = get_group_id(0);
  int first = get_group_id(1) * NT;
  int tokens = min(NT, step[counter] - first);
  int blocks = (cols + BLOCK - 1) / BLOCK;
  int segments = (cols + SEG - 1) / SEG;
  long at = (long)group * blocks * BLOCK_BYTES;
  float acc[NT];
  slice_product(w + at, x + (long)first * cols, cols, lane, slice, segments, tokens, acc);
  for (int t = 0; t < NT; t++) {
    part[(slice * NT + t) * 16 + lane] = acc[t];
  }
#if GATED
  slice_product(w2 + at, x + (long)first * cols, cols, lane, slice, segments, tokens, acc);
  for (int t = 0; t < NT; t++) {
    part[((SLICES + slice) * NT + t) * 16 + lane] = acc[t];
  }
#endif
  barrier(CLK_LOCAL_MEM_FENCE); // every slice's part is read below
  int row = group * 16 + lane;
  for (int t = slice; t < tokens; t += SLICES) {
    float v = 0;
    for (int i = 0; i < SLICES; i++) {
      v += part[(i * NT + t) * 16 + lane];
    }
#if GATED
    float up = 0;
    for (int i = 0; i < SLICES; i++) {
      up += part[((SLICES + i) * NT + t) * 16 + lane];
    }
    v = activate(v) * up;
#endif
    if (row < outs) {
      y[(long)(first + t) * outs + row] = bias ? v + bias[row] : v;
    }
  }
}

// Matrix-matrix: 64 rows × 64 tokens per work-group of 16 × 16, a 4 × 4 tile per work-item.
//
//   wt[SEG][64]  decoded weights      xt[SEG][64]  tokens      per segment of SEG columns
#define TM 64
#define TN 64
inline void tile_product(const global uchar *w, const global float *x, int cols, int groups, int group0, int first,
    int rows, local float *wt, local float *xt, float *acc) {
  int lx = get_local_id(0);
  int ly = get_local_id(1);
  int id = ly * 16 + lx;
  int blocks = (cols + BLOCK - 1) / BLOCK;
  for (int i = 0; i < 16; i++) {
    acc[i] = 0;
  }
  for (int seg = 0; seg < (cols + SEG - 1) / SEG; seg++) {
    barrier(CLK_LOCAL_MEM_FENCE); // the last segment's tiles are read
    if (id < TM) {
      int lane = id % 16;
      int group = min(group0 + id / 16, groups - 1);
      const global uchar *p = w + ((long)group * blocks + seg / SEGS) * BLOCK_BYTES;
      int s = seg % SEGS;
      float scale = SCALE(p, s);
#ifdef AFFINE
      float minimum = MINIMUM(p, s);
#endif
#define EMIT(c, q) wt[(c) * TM + id] = VALUE(q);
      DECODE(p, s)
#undef EMIT
    }
    for (int i = id; i < TN * SEG; i += 256) {
      int t = i / SEG;
      int c = i % SEG;
      int k = seg * SEG + c;
      xt[c * TN + t] = first + t < rows && k < cols ? x[(long)(first + t) * cols + k] : 0;
    }
    barrier(CLK_LOCAL_MEM_FENCE); // both tiles are whole
    for (int c = 0; c < SEG; c++) {
      float4 a = vload4(lx, wt + c * TM);
      float4 b = vload4(ly, xt + c * TN);
      acc[0] += a.x * b.x; acc[1] += a.y * b.x; acc[2] += a.z * b.x; acc[3] += a.w * b.x;
      acc[4] += a.x * b.y; acc[5] += a.y * b.y; acc[6] += a.z * b.y; acc[7] += a.w * b.y;
      acc[8] += a.x * b.z; acc[9] += a.y * b.z; acc[10] += a.z * b.z; acc[11] += a.w * b.z;
      acc[12] += a.x * b.w; acc[13] += a.y * b.w; acc[14] += a.z * b.w; acc[15] += a.w * b.w;
    }
  }
}

kernel void project_tiled(const global int *step, int counter, const global uchar *w, const global uchar *w2,
    const global float *x, global float *y, const global float *bias, int outs, int cols) {
  local float wt[SEG * TM] __attribute__((aligned(16)));
  local float xt[SEG * TN] __attribute__((aligned(16)));
  int groups = (outs + 15) / 16;
  int group0 = get_group_id(0) * (TM / 16);
  int first = get_group_id(1) * TN;
  int rows = step[counter];
  float acc[16];
  tile_product(w, x, cols, groups, group0, first, rows, wt, xt, acc);
#if GATED
  float gate[16];
  for (int i = 0; i < 16; i++) {
    gate[i] = activate(acc[i]);
  }
  tile_product(w2, x, cols, groups, group0, first, rows, wt, xt, acc);
#endif
  for (int j = 0; j < 4; j++) {
    int t = first + get_local_id(1) * 4 + j;
    for (int i = 0; i < 4; i++) {
      int row = group0 * 16 + get_local_id(0) * 4 + i;
      if (t < rows && row < outs) {
        float v = acc[j * 4 + i];
#if GATED
        v *= gate[j * 4 + i];
#endif
        y[(long)t * outs + row] = bias ? v + bias[row] : v;
      }
    }
  }
}
