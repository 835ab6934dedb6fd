// y = x Wᵀ on a GPU. With X_INT8, x comes in 8 bits from quantise.cl and products are sums of
// integers:
//   Σ w x = scale · d · Σ q qx − (minimum + OFFSET · scale) · d · Σ qx          per segment
#define BLOCK_BYTES (HEAD_BYTES + 64 * WORDS)
#define SEGS (BLOCK / SEG)

#ifdef AFFINE
#define MINIMUM_OR_0(p, s) MINIMUM(p, s)
#else
#define MINIMUM_OR_0(p, s) 0
#endif
#ifdef X_INT8
#define X_ARGS const global uint *x, const global float2 *xs
#define X_PASS x, xs
#define SEG_WORDS (SEG / 4)
#else
#define X_ARGS const global float *x
#define X_PASS x
#endif

inline float activate(float g) { return ACTIVATE(g); }

INLINE void store(global float *y, float v, const global float *bias, int row) {
  *y = bias ? v + bias[row] : v;
}

// Matrix-vector: a work-group of 16 lanes × SLICES covers 16 rows; lane = row, so the words of a
// block are read as 64 adjacent bytes; slice i takes segments i, i + SLICES, …
#define SLICES 8
inline void slice_product(const global uchar *w, X_ARGS, int cols, int first, int lane, int slice,
                          int segments, int tokens, float *acc) {
  for (int t = 0; t < NT; t++) {
    acc[t] = 0;
  }
  for (int i = slice; i < segments; i += SLICES) {
    const global uchar *p = w + (long)(i / SEGS) * BLOCK_BYTES;
    int s = i % SEGS;
    float scale = SCALE(p, s);
#ifdef X_INT8
    float below = MINIMUM_OR_0(p, s) + OFFSET * scale;
    int sum[NT];
    for (int t = 0; t < NT; t++) {
      sum[t] = 0;
    }
    for (int k = 0; k < SEG_WORDS; k++) {
      uint q = PACKED(p, s, k);
      for (int t = 0; t < NT; t++) {
        sum[t] =
            dot4(q, x[((long)(first + min(t, tokens - 1)) * segments + i) * SEG_WORDS + k], sum[t]);
      }
    }
    for (int t = 0; t < NT; t++) {
      float2 d = xs[(long)(first + min(t, tokens - 1)) * segments + i];
      acc[t] += scale * d.x * sum[t] - below * d.y;
    }
#else
#ifdef AFFINE
    float minimum = MINIMUM(p, s);
#define VALUE(q) (scale * (q) - minimum)
#else
#define VALUE(q) (scale * (q))
#endif
    const global float *xs = x + (long)first * cols + i * SEG;
    int left = cols - i * SEG;
    if (left >= SEG && tokens == NT) {
#define EMIT(c, q)                                                                  \
  {                                                                                 \
    float decoded = VALUE(q);                                                       \
    for (int t = 0; t < NT; t++) acc[t] = fma(decoded, xs[t * cols + (c)], acc[t]); \
  }
      DECODE(p, s)
#undef EMIT
    } else {
#define EMIT(c, q)                                                                      \
  if ((c) < left) {                                                                     \
    float decoded = VALUE(q);                                                           \
    for (int t = 0; t < tokens; t++) acc[t] = fma(decoded, xs[t * cols + (c)], acc[t]); \
  }
      DECODE(p, s)
#undef EMIT
    }
#endif
  }
}

kernel void project(const global int *step, int counter, const global uchar *w,
                    const global uchar *w2, X_ARGS, global float *y, const global float *bias,
                    int outs, int cols) {
  local float part[SLICES * NT * 16 * PRODUCTS];
  int lane = get_local_id(0);
  int slice = get_local_id(1);
  int group = get_group_id(0);
  int first = get_group_id(1) * NT;
  int tokens = min(NT, step[counter] - first);
  int blocks = (cols + BLOCK - 1) / BLOCK;
  int segments = (cols + SEG - 1) / SEG;
  long at = (long)group * blocks * BLOCK_BYTES;
  float acc[NT];
  slice_product(w + at, X_PASS, cols, first, lane, slice, segments, tokens, acc);
  for (int t = 0; t < NT; t++) {
    part[(slice * NT + t) * 16 + lane] = acc[t];
  }
#if PRODUCTS == 2
  slice_product(w2 + at, X_PASS, cols, first, lane, slice, segments, tokens, acc);
  for (int t = 0; t < NT; t++) {
    part[((SLICES + slice) * NT + t) * 16 + lane] = acc[t];
  }
#endif
  barrier(CLK_LOCAL_MEM_FENCE);  // every slice's part is read below
  int row = group * 16 + lane;
  for (int t = slice; t < tokens; t += SLICES) {
    float v = 0;
    for (int i = 0; i < SLICES; i++) {
      v += part[(i * NT + t) * 16 + lane];
    }
#if PRODUCTS == 2
    float up = 0;
    for (int i = 0; i < SLICES; i++) {
      up += part[((SLICES + i) * NT + t) * 16 + lane];
    }
    v = activate(v) * up;
#endif
    if (row < outs) {
      store(y + (long)(first + t) * outs + row, v, bias, row);
    }
  }
}

// Matrix-matrix: 64 rows × 64 tokens per work-group of 16 × 16, a 4 × 4 tile per work-item.
//
//   wt[SEG][64]  decoded weights      xt[SEG][64]  tokens      per segment of SEG columns
#define TM 64
#define TN 64
#define TILE(CELL) \
  CELL(0, x, x)    \
  CELL(1, y, x)    \
  CELL(2, z, x)    \
  CELL(3, w, x)    \
  CELL(4, x, y)    \
  CELL(5, y, y)    \
  CELL(6, z, y)    \
  CELL(7, w, y)    \
  CELL(8, x, z)    \
  CELL(9, y, z)    \
  CELL(10, z, z)   \
  CELL(11, w, z)   \
  CELL(12, x, w)   \
  CELL(13, y, w)   \
  CELL(14, z, w)   \
  CELL(15, w, w)
#ifdef X_INT8
// Words of four columns; behind each tile, per row or token and segment: (scale, minimum + OFFSET ·
// scale), (d, d Σ qx).
typedef uint TILED;
#define TILE_DEPTH (SEG_WORDS + 2)
#else
typedef float TILED;
#define TILE_DEPTH SEG
#endif
inline void tile_product(const global uchar *w, X_ARGS, int cols, int groups, int group0, int first,
                         int rows, local TILED *wt, local TILED *xt, float *acc) {
  int lx = get_local_id(0);
  int ly = get_local_id(1);
  int id = ly * 16 + lx;
  int blocks = (cols + BLOCK - 1) / BLOCK;
  for (int i = 0; i < 16; i++) {
    acc[i] = 0;
  }
  for (int seg = 0; seg < (cols + SEG - 1) / SEG; seg++) {
    barrier(CLK_LOCAL_MEM_FENCE);  // the last segment's tiles are read
    if (id < TM) {
      int lane = id % 16;
      int group = min(group0 + id / 16, groups - 1);
      const global uchar *p = w + ((long)group * blocks + seg / SEGS) * BLOCK_BYTES;
      int s = seg % SEGS;
      float scale = SCALE(p, s);
#ifdef X_INT8
      for (int k = 0; k < SEG_WORDS; k++) {
        wt[k * TM + id] = PACKED(p, s, k);
      }
      wt[SEG_WORDS * TM + id] = as_uint(scale);
      wt[(SEG_WORDS + 1) * TM + id] = as_uint(MINIMUM_OR_0(p, s) + OFFSET * scale);
#else
#ifdef AFFINE
      float minimum = MINIMUM(p, s);
#endif
#define EMIT(c, q) wt[(c) * TM + id] = VALUE(q);
      DECODE(p, s)
#undef EMIT
#endif
    }
#ifdef X_INT8
    int segments = (cols + SEG - 1) / SEG;
    for (int i = id; i < TN * TILE_DEPTH; i += 256) {
      int t = i / TILE_DEPTH;
      int k = i % TILE_DEPTH;
      long at = (long)min(first + t, rows - 1) * segments + seg;
      xt[k * TN + t] =
          k < SEG_WORDS ? x[at * SEG_WORDS + k] : as_uint(k == SEG_WORDS ? xs[at].x : xs[at].y);
    }
    barrier(CLK_LOCAL_MEM_FENCE);  // both tiles are whole
    int sum[16];
    for (int i = 0; i < 16; i++) {
      sum[i] = 0;
    }
    for (int k = 0; k < SEG_WORDS; k++) {
      uint4 a = vload4(lx, wt + k * TM);
      uint4 b = vload4(ly, xt + k * TN);
#define ADD(i, r, t) sum[i] = dot4(a.r, b.t, sum[i]);
      TILE(ADD)
#undef ADD
    }
    float4 scale = as_float4(vload4(lx, wt + SEG_WORDS * TM));
    float4 below = as_float4(vload4(lx, wt + (SEG_WORDS + 1) * TM));
    float4 d = as_float4(vload4(ly, xt + SEG_WORDS * TN));
    float4 dsum = as_float4(vload4(ly, xt + (SEG_WORDS + 1) * TN));
#define ADD(i, r, t) acc[i] += scale.r * d.t * sum[i] - below.r * dsum.t;
    TILE(ADD)
#undef ADD
#else
    for (int i = id; i < TN * SEG; i += 256) {
      int t = i / SEG;
      int c = i % SEG;
      int k = seg * SEG + c;
      xt[c * TN + t] = first + t < rows && k < cols ? x[(long)(first + t) * cols + k] : 0;
    }
    barrier(CLK_LOCAL_MEM_FENCE);  // both tiles are whole
    for (int c = 0; c < SEG; c++) {
      float4 a = vload4(lx, wt + c * TM);
      float4 b = vload4(ly, xt + c * TN);
#define ADD(i, r, t) acc[i] += a.r * b.t;
      TILE(ADD)
#undef ADD
    }
#endif
  }
}

kernel void project_tiled(const global int *step, int counter, const global uchar *w,
                          const global uchar *w2, X_ARGS, global float *y, const global float *bias,
                          int outs, int cols) {
  local TILED wt[TILE_DEPTH * TM] __attribute__((aligned(16)));
  local TILED xt[TILE_DEPTH * TN] __attribute__((aligned(16)));
  int groups = (outs + 15) / 16;
  int group0 = get_group_id(0) * (TM / 16);
  int first = get_group_id(1) * TN;
  int rows = step[counter];
  float acc[16];
  tile_product(w, X_PASS, cols, groups, group0, first, rows, wt, xt, acc);
#if PRODUCTS == 2
  float gate[16];
  for (int i = 0; i < 16; i++) {
    gate[i] = activate(acc[i]);
  }
  tile_product(w2, X_PASS, cols, groups, group0, first, rows, wt, xt, acc);
#endif
  for (int j = 0; j < 4; j++) {
    int t = first + get_local_id(1) * 4 + j;
    for (int i = 0; i < 4; i++) {
      int row = group0 * 16 + get_local_id(0) * 4 + i;
      if (t < rows && row < outs) {
        float v = acc[j * 4 + i];
#if PRODUCTS == 2
        v *= gate[j * 4 + i];
#endif
        store(y + (long)t * outs + row, v, bias, row);
      }
    }
  }
}
