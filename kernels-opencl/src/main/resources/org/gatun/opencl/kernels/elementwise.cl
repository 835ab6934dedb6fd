// Activations of `cols` columns; `counter` is the header field that holds the row count.
kernel void add(const global int *step, int counter, const global float *a, const global float *b,
                global float *y, int cols) {
  long i = get_global_id(0);
  if (i < (long)step[counter] * cols) {
    y[i] = a[i] + b[i];
  }
}

kernel void copy(const global int *step, int counter, const global float *a, global float *y,
                 int cols) {
  long i = get_global_id(0);
  if (i < (long)step[counter] * cols) {
    y[i] = a[i];
  }
}

// kind 1: SiLU, 2: GELU in its tanh form
kernel void gated_act(const global int *step, int counter, const global float *gate,
                      const global float *up, int kind, global float *y, int cols) {
  long i = get_global_id(0);
  if (i < (long)step[counter] * cols) {
    float g = gate[i];
    float a = kind == 1 ? g / (1 + exp(-g))
                        : 0.5f * g * (1 + tanh(0.7978845608028654f * (g + 0.044715f * g * g * g)));
    y[i] = a * up[i];
  }
}

// order holds column numbers as f32
kernel void gather_columns(const global int *step, int counter, const global float *x,
                           const global float *order, int cols, global float *y, int n) {
  long i = get_global_id(0);
  if (i < (long)step[counter] * n) {
    y[i] = x[i / n * cols + (int)order[i % n]];
  }
}

kernel void gather_rows(const global int *step, int4 lim, const global float *x, global float *y,
                        int cols) {
  int c = get_global_id(0);
  int l = get_global_id(1);
  if (c < cols) {
    y[(long)l * cols + c] = x[(long)LOGIT_FIELD(step, lim, LOGIT_ROW, l) * cols + c];
  }
}

// One work-item per (pair of elements, row), over all heads, so that sine and cosine are taken
// once.
kernel void rope(const global int *step, int4 lim, const global float *x, global float *y,
                 const global float2 *turns, int cols, int headDim, int rotaryDim,
                 int interleaved) {
  int i = get_global_id(0);
  int row = get_global_id(1);
  int half_ = rotaryDim / 2;
  if (i >= half_ + headDim - rotaryDim) {
    return;
  }
  const global float *from = x + (long)row * cols;
  global float *to = y + (long)row * cols;
  if (i >= half_) {  // behind the rotated elements
    for (int h = 0; h < cols; h += headDim) {
      to[h + half_ + i] = from[h + half_ + i];
    }
    return;
  }
  // Turns per position come as high and low parts, and whole turns are dropped before rounding, so
  // that a far position keeps its angle.
  float position = ROW_FIELD(step, lim, ROW_POSITION, row);
  float p = position * turns[i].x;
  float turn = (p - rint(p)) + (fma(position, turns[i].x, -p) + position * turns[i].y);
  float c = cospi(2 * turn);
  float s = sinpi(2 * turn);
  int a = interleaved ? 2 * i : i;
  int b = interleaved ? a + 1 : a + half_;
  for (int h = 0; h < cols; h += headDim) {
    float u = from[h + a];
    float v = from[h + b];
    to[h + a] = u * c - v * s;
    to[h + b] = u * s + v * c;
  }
}
