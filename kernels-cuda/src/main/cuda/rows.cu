// Kernels over rows of activations: norms, RoPE, residual, gate, gathers, rounding to 8 bits. All f32.
#include "activations.cuh"

// grid (rows, groups): one block normalises one group of dim elements.
KERNEL rms_norm(Step step, int rowField, const float* x, const float* w, float* y, int dim, float eps) {
  if (blockIdx.x >= step.count(rowField)) return;
  __shared__ float part[32];
  size_t at = ((size_t)blockIdx.x * gridDim.y + blockIdx.y) * dim;
  float sum = 0;
  for (int i = threadIdx.x; i < dim; i += blockDim.x) sum += x[at + i] * x[at + i];
  float scale = 1.0f / sqrtf(blockSum(sum, part) / dim + eps);
  for (int i = threadIdx.x; i < dim; i += blockDim.x) y[at + i] = x[at + i] * scale * w[i];
}

// grid (rows): sum = residual + x, or residual + norm(x, wx); y = norm(sum, w). A thread reads back only what it wrote.
KERNEL add_rms_norm(Step step, int rowField, const float* x, const float* residual, const float* w, const float* wx,
                    float* sum, float* y, int dim, float eps) {
  if (blockIdx.x >= step.count(rowField)) return;
  __shared__ float part[32];
  size_t at = (size_t)blockIdx.x * dim;
  float scale = 1;
  if (wx) {
    float s = 0;
    for (int i = threadIdx.x; i < dim; i += blockDim.x) s += x[at + i] * x[at + i];
    scale = 1.0f / sqrtf(blockSum(s, part) / dim + eps);
  }
  float squares = 0;
  for (int i = threadIdx.x; i < dim; i += blockDim.x) {
    float v = residual[at + i] + (wx ? x[at + i] * scale * wx[i] : x[at + i]);
    sum[at + i] = v;
    squares += v * v;
  }
  float norm = 1.0f / sqrtf(blockSum(squares, part) / dim + eps);
  for (int i = threadIdx.x; i < dim; i += blockDim.x) y[at + i] = sum[at + i] * norm * w[i];
}

// grid (rows): rotates pairs. `turns` holds each pair's frequency in turns per position as f64, so that the angle keeps
// its precision at position 131071 with one f64 product and no slow range reduction.
KERNEL rope(Step step, int rowField, const float* x, const double* turns, float* y, int heads, int headDim, int rotaryDim,
            int interleaved) {
  if (blockIdx.x >= step.count(rowField)) return;
  int position = step.row(POSITION, blockIdx.x), pairs = rotaryDim >> 1, slots = headDim - pairs;
  size_t row = (size_t)blockIdx.x * heads * headDim;
  for (int i = threadIdx.x; i < heads * slots; i += blockDim.x) {
    int h = i / slots, p = i % slots;
    size_t at = row + (size_t)h * headDim;
    if (p < pairs) {
      double t = position * turns[p];
      float s, c;
      sincospif(2.0f * (float)(t - floor(t)), &s, &c);
      size_t a = at + (interleaved ? 2 * p : p), b = interleaved ? a + 1 : a + pairs;
      float u = x[a], v = x[b];
      y[a] = u * c - v * s;
      y[b] = u * s + v * c;
    } else {
      y[at + pairs + p] = x[at + pairs + p];  // p ≥ pairs: elements from rotaryDim on
    }
  }
}

KERNEL add(Step step, int rowField, const float* a, const float* b, float* y, int cols) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (blockIdx.y >= step.count(rowField) || i >= cols) return;
  size_t at = (size_t)blockIdx.y * cols + i;
  y[at] = a[at] + b[at];
}

KERNEL copy_rows(Step step, int rowField, const float* x, float* y, int cols) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (blockIdx.y >= step.count(rowField) || i >= cols) return;
  size_t at = (size_t)blockIdx.y * cols + i;
  y[at] = x[at];
}

template <int ACTIVATION>
__device__ inline void gate(const Step& step, int rowField, const float* g, const float* u, float* y, int cols) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (blockIdx.y >= step.count(rowField) || i >= cols) return;
  size_t at = (size_t)blockIdx.y * cols + i;
  y[at] = activate<ACTIVATION>(g[at]) * u[at];
}

KERNEL gated_act_silu(Step step, int rowField, const float* g, const float* u, float* y, int cols) {
  gate<0>(step, rowField, g, u, y, cols);
}

KERNEL gated_act_gelu(Step step, int rowField, const float* g, const float* u, float* y, int cols) {
  gate<1>(step, rowField, g, u, y, cols);
}

KERNEL gather_rows(Step step, const float* x, float* y, int cols) {
  int i = blockIdx.x * blockDim.x + threadIdx.x, l = blockIdx.y;
  if (l >= step.count(2) || i >= cols) return;
  y[(size_t)l * cols + i] = x[(size_t)step.logit(LOGIT_ROW, l) * cols + i];
}

// Four elements per thread; cols is a multiple of 32, so a group's eight lanes stay together.
KERNEL round_rows(Step step, int rowField, const float* x, Rows8 out, int cols) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (blockIdx.y >= step.count(rowField)) return;
  bool valid = 4 * i < cols;
  float4 v = valid ? ((const float4*)(x + (size_t)blockIdx.y * cols))[i] : make_float4(0, 0, 0, 0);
  roundGroup(out, (size_t)blockIdx.y * (cols >> 5) + (i >> 3), i & 7, v, valid);
}
