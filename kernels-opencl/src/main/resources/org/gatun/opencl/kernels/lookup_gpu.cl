// A work-item has every LOCAL-th cluster; the queries follow one another.
#define G (HEADS / KV_HEADS)
#define LOOKUP_QUERIES 1

// Mean estimated softmax weight per key of every cluster that has keys.
INLINE void lookup_means(const global float *q, int rows, int head, const global ushort *centroids,
                         int n, global float *x, global float *mean, const global float *keys,
                         float scale, float softCap, local float *s) {
  int id = get_local_id(0);
  for (int i = id; i < n; i += LOCAL) {
    mean[i] = 0;
  }
  for (int f = 0; f < rows * G; f++) {
    const global float *query = q + ((long)(f / G) * HEADS + head * G + f % G) * DIM;
    float most = -INFINITY;
    for (int i = id; i < n; i += LOCAL) {
      if (keys[i] > 0) {
        float16 dot = 0;
        for (int d = 0; d < DIM / 16; d++) {
          float16 c = half_bits16(convert_uint16(vload16(d, centroids + (long)i * DIM)));
          dot = fma(vload16(d, query), c, dot);
        }
        float v = sum16(dot) * scale;
        v = softCap > 0 ? softCap * tanh(v / softCap) : v;
        x[i] = v;
        most = fmax(most, v);
      }
    }
    most = group_max(most, s);
    float sum = 0;
    for (int i = id; i < n; i += LOCAL) {
      if (keys[i] > 0) {
        x[i] = exp(x[i] - most);
        sum += keys[i] * x[i];
      }
    }
    sum = group_sum(sum, s);
    for (int i = id; i < n; i += LOCAL) {
      if (keys[i] > 0) {
        mean[i] += x[i] / sum / (rows * G);
      }
    }
  }
}
