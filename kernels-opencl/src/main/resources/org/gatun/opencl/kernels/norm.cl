// RMS norm; one work-group of LOCAL work-items per row (and head). WIDTH floats per load.
#if WIDTH == 16
typedef float16 V;
#define LOADV(p) vload16(0, p)
#define STOREV(v, p) vstore16(v, 0, p)
#define SUMV(v) sum16(v)
#else
typedef float4 V;
#define LOADV(p) vload4(0, p)
#define STOREV(v, p) vstore4(v, 0, p)
#define SUMV(v) ((v).x + (v).y + (v).z + (v).w)
#endif

inline float inverse_rms(const global float *x, int cols, float eps, local float *scratch) {
  V sum = 0;
  float tail = 0;
  int whole = cols / WIDTH * WIDTH;
  for (int i = get_local_id(0) * WIDTH; i < whole; i += LOCAL * WIDTH) {
    V v = LOADV(x + i);
    sum += v * v;
  }
  for (int i = whole + get_local_id(0); i < cols; i += LOCAL) {
    tail += x[i] * x[i];
  }
  return rsqrt(group_sum(SUMV(sum) + tail, scratch) / cols + eps);
}

inline void scale_row(const global float *x, const global float *w, float f, int cols,
                      global float *y) {
  int whole = cols / WIDTH * WIDTH;
  for (int i = get_local_id(0) * WIDTH; i < whole; i += LOCAL * WIDTH) {
    STOREV(LOADV(x + i) * f * LOADV(w + i), y + i);
  }
  for (int i = whole + get_local_id(0); i < cols; i += LOCAL) {
    y[i] = x[i] * f * w[i];
  }
}

// Work-groups: (heads, rows).
kernel void rms_norm(const global float *x, const global float *w, global float *y, int cols,
                     float eps) {
  local float scratch[GROUP_SCRATCH];
  long at = ((long)get_group_id(1) * get_num_groups(0) + get_group_id(0)) * cols;
  scale_row(x + at, w, inverse_rms(x + at, cols, eps, scratch), cols, y + at);
}

// sum = residual + (wx ? norm(x, wx) : x); y = norm(sum, w). Work-groups: (1, rows).
kernel void add_rms_norm(const global float *x, const global float *residual, const global float *w,
                         const global float *wx, global float *sum, global float *y, int cols,
                         float eps) {
  local float scratch[GROUP_SCRATCH];
  long at = (long)get_group_id(1) * cols;
  float f = wx ? inverse_rms(x + at, cols, eps, scratch) : 1;
  int whole = cols / WIDTH * WIDTH;
  V squares = 0;
  float tail = 0;
  for (int i = get_local_id(0) * WIDTH; i < whole; i += LOCAL * WIDTH) {
    V v = LOADV(x + at + i);
    v = LOADV(residual + at + i) + (wx ? v * f * LOADV(wx + i) : v);
    STOREV(v, sum + at + i);
    squares += v * v;
  }
  for (int i = whole + get_local_id(0); i < cols; i += LOCAL) {
    float v = residual[at + i] + (wx ? x[at + i] * f * wx[i] : x[at + i]);
    sum[at + i] = v;
    tail += v * v;
  }
  // Each work-item reads back only what it wrote.
  float g = rsqrt(group_sum(SUMV(squares) + tail, scratch) / cols + eps);
  scale_row(sum + at, w, g, cols, y + at);
}
