// One work-item has all clusters: centroids are read once for four queries, row by row, and softmax
// is over vectors.
#define G (HEADS / KV_HEADS)
#define LOOKUP_QUERIES 4

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
    float most[LOOKUP_QUERIES];
    for (int t = 0; t < LOOKUP_QUERIES; t++) {
      int from = f + min(t, count - 1);
      const global float *query = q + ((long)(from / G) * HEADS + head * G + from % G) * DIM;
      for (int d = 0; d < DIM; d++) {
        qs[t * DIM + d] = query[d] * scale * RAW_SCALE;
      }
      most[t] = -INFINITY;
    }
    for (int i = 0; i < plane; i++) {
      if (i % 64 == 0) {
        touch(centroids + (long)i * DIM, 2 * DIM * min(64, n - i));
      }
      if (keys[i] == 0) {
        for (int t = 0; t < LOOKUP_QUERIES; t++) {
          x[(long)t * plane + i] = -INFINITY;
        }
        continue;
      }
      float16 dot[LOOKUP_QUERIES];
      for (int t = 0; t < LOOKUP_QUERIES; t++) {
        dot[t] = 0;
      }
      for (int d = 0; d < DIM / 16; d++) {
        float16 c = raw_half16(vload16(d, centroids + (long)i * DIM));
        _Pragma("unroll") for (int t = 0; t < LOOKUP_QUERIES; t++) {
          dot[t] = fma(vload16(d, qs + t * DIM), c, dot[t]);
        }
      }
      for (int t = 0; t < LOOKUP_QUERIES; t++) {
        float v = sum16(dot[t]) * RAW_SCALE;
        v = softCap > 0 ? softCap * tanh(v / softCap) : v;
        x[(long)t * plane + i] = v;
        most[t] = fmax(most[t], v);
      }
    }
    for (int t = 0; t < count; t++) {
      if (most[t] == -INFINITY) {  // no cluster has keys
        continue;
      }
      global float *row = x + (long)t * plane;
      float16 sum = 0;
      for (int c = 0; c < plane / 16; c++) {
        float16 e = exp(vload16(c, row) - most[t]);
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
