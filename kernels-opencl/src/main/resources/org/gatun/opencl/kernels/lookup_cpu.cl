// One work-item has all clusters: centroids are read once for four queries, row by row, and softmax
// is over vectors.
#define G (HEADS / KV_HEADS)
#define LOOKUP_QUERIES 4
// Centroids between the one that is asked for and the one that is multiplied.
#define AHEAD 32

// Mean estimated softmax weight per key of every cluster that has keys. Planes end with whole
// vectors.
INLINE void lookup_means(const global float *q, int rows, int head, const global ushort *centroids,
                         int n, global float *x, global float *mean, global float *keys,
                         float scale, float softCap, local float *s) {
  int plane = LOOKUP_PLANE(n);
  for (int i = n; i < plane; i++) {
    keys[i] = 0;
  }
  for (int i = 0; i < plane; i++) {
    mean[i] = 0;
  }
  float qs[LOOKUP_QUERIES * DIM];  // [query][element], scaled
  for (int f = 0; f < rows * G; f += LOOKUP_QUERIES) {
    int count = min(LOOKUP_QUERIES, rows * G - f);
    for (int t = 0; t < LOOKUP_QUERIES; t++) {
      int from = f + min(t, count - 1);
      const global float *query = q + ((long)(from / G) * HEADS + head * G + from % G) * DIM;
      for (int d = 0; d < DIM; d++) {
        qs[t * DIM + d] = query[d] * scale * RAW_SCALE;
      }
    }
    for (int c = 0; c < LOOKUP_QUERIES * plane / 16; c++) {
      vstore16(-INFINITY, c, x);
    }
    for (int i = 0; i < n;) {
      // No loop over `at` ends at `found`: LLVM before 20 loses stores to an array that is smaller
      // than the vectors of such a loop (docs/opencl.md). Rows that were not found are row 0.
      int at[WIDE];
      _Pragma("unroll") for (int w = 0; w < WIDE; w++) { at[w] = 0; }
      int found = 0;
      for (; i < n && found < WIDE; i++) {
        if (i + AHEAD < n && keys[i + AHEAD] > 0) {
          ASK(centroids + (long)(i + AHEAD) * DIM, 2 * DIM)
        }
        if (keys[i] > 0) {
          _Pragma("unroll") for (int w = 0; w < WIDE; w++) { at[w] = w == found ? i : at[w]; }
          found++;
        }
      }
      float sums[16];
      ROW_DOTS(sums, LOOKUP_QUERIES, qs, raw_half16(vload16(c, centroids + (long)at[w] * DIM)))
      for (int t = 0; t < LOOKUP_QUERIES; t++) {
        _Pragma("unroll") for (int w = 0; w < WIDE; w++) {
          if (w < found) {
            x[(long)t * plane + at[w]] = sums[t * WIDE + w] * RAW_SCALE;
          }
        }
      }
    }
    for (int t = 0; t < count; t++) {
      global float *row = x + (long)t * plane;
      float16 top = -INFINITY;
      for (int c = 0; c < plane / 16; c++) {
        float16 v = vload16(c, row);
        if (softCap > 0) {
          v = select((float16)(-INFINITY), softCap * tanh(v / softCap), vload16(c, keys) > 0);
          vstore16(v, c, row);
        }
        top = fmax(top, v);
      }
      float most = max16(top);
      if (most == -INFINITY) {  // no cluster has keys
        continue;
      }
      float16 sum = 0;
      for (int c = 0; c < plane / 16; c++) {
        float16 e = exp(vload16(c, row) - most);
        sum = fma(e, vload16(c, keys), sum);
        vstore16(e, c, row);
      }
      float share = 1 / (sum16(sum) * (rows * G));
      for (int c = 0; c < plane / 16; c++) {
        vstore16(fma(vload16(c, row), (float16)share, vload16(c, mean)), c, mean);
      }
    }
  }
}
