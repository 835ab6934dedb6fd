// Kernels over rows of activations: norms, RoPE, residual, gate, gathers, rounding to 8 bits. All
// f32.
#include "activations.cuh"
#include "rope.cuh"

// grid (rows, groups): one block normalises one group of dim elements.
KERNEL rms_norm(Step step, int rowField, const float* x, const float* w, float* y, int dim,
                float eps) {
  if (blockIdx.x >= step.count(rowField)) return;
  __shared__ float part[32];
  size_t at = ((size_t)blockIdx.x * gridDim.y + blockIdx.y) * dim;
  float sum = 0;
  for (int i = threadIdx.x; i < dim; i += blockDim.x) sum += x[at + i] * x[at + i];
  float scale = 1.0f / sqrtf(blockSum(sum, part) / dim + eps);
  for (int i = threadIdx.x; i < dim; i += blockDim.x) y[at + i] = x[at + i] * scale * w[i];
}

// grid (rows): sum = residual + x, or residual + norm(x, wx); y = norm(sum, w). A thread reads back
// only what it wrote.
KERNEL add_rms_norm(Step step, int rowField, const float* x, const float* residual, const float* w,
                    const float* wx, float* sum, float* y, int dim, float eps) {
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

// grid (rows): rotates pairs.
KERNEL rope(Step step, int rowField, const float* x, const double* turns, float* y, int heads,
            int headDim, int rotaryDim, int interleaved) {
  if (blockIdx.x >= step.count(rowField)) return;
  int position = step.row(POSITION, blockIdx.x), pairs = rotaryDim >> 1, slots = headDim - pairs;
  size_t row = (size_t)blockIdx.x * heads * headDim;
  for (int i = threadIdx.x; i < heads * slots; i += blockDim.x) {
    int h = i / slots, p = i % slots;
    size_t at = row + (size_t)h * headDim;
    if (p < pairs) {
      float2 cs = rotation(position, turns[p]);
      size_t a = at + (interleaved ? 2 * p : p), b = interleaved ? a + 1 : a + pairs;
      float u = x[a], v = x[b];
      y[a] = u * cs.x - v * cs.y;
      y[b] = u * cs.y + v * cs.x;
    } else {
      y[at + pairs + p] = x[at + pairs + p];  // p ≥ pairs: elements from rotaryDim on
    }
  }
}

// Four neighbouring elements per thread: y = f(a, b), element by element.
template <typename F>
__device__ inline void fours(const float* a, const float* b, float* y, int cols, F f) {
  int i = 4 * (blockIdx.x * blockDim.x + threadIdx.x);
  if (i >= cols) return;
  if (cols % 4 == 0) {
    float4 u = *(const float4*)(a + i), v = *(const float4*)(b + i);
    *(float4*)(y + i) = make_float4(f(u.x, v.x), f(u.y, v.y), f(u.z, v.z), f(u.w, v.w));
  } else {
    for (int k = i; k < min(i + 4, cols); k++) y[k] = f(a[k], b[k]);
  }
}

__device__ inline void copyFours(const float* x, float* y, int cols) {
  fours(x, x, y, cols, [](float u, float) { return u; });
}

KERNEL add(Step step, int rowField, const float* a, const float* b, float* y, int cols) {
  if (blockIdx.y >= step.count(rowField)) return;
  size_t at = (size_t)blockIdx.y * cols;
  fours(a + at, b + at, y + at, cols, [](float u, float v) { return u + v; });
}

KERNEL copy_rows(Step step, int rowField, const float* x, float* y, int cols) {
  if (blockIdx.y >= step.count(rowField)) return;
  size_t at = (size_t)blockIdx.y * cols;
  copyFours(x + at, y + at, cols);
}

template <int ACTIVATION>
__device__ inline void gate(const Step& step, int rowField, const float* g, const float* u,
                            float* y, int cols) {
  if (blockIdx.y >= step.count(rowField)) return;
  size_t at = (size_t)blockIdx.y * cols;
  fours(g + at, u + at, y + at, cols, [](float a, float b) { return activate<ACTIVATION>(a) * b; });
}

KERNEL gated_act_silu(Step step, int rowField, const float* g, const float* u, float* y, int cols) {
  gate<0>(step, rowField, g, u, y, cols);
}

KERNEL gated_act_gelu(Step step, int rowField, const float* g, const float* u, float* y, int cols) {
  gate<1>(step, rowField, g, u, y, cols);
}

// grid (column blocks, rows): order holds column numbers as f32.
KERNEL gather_columns(Step step, int rowField, const float* x, const float* order, float* y,
                      int cols, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (blockIdx.y >= step.count(rowField) || i >= n) return;
  y[(size_t)blockIdx.y * n + i] = x[(size_t)blockIdx.y * cols + (int)order[i]];
}

KERNEL gather_rows(Step step, const float* x, float* y, int cols) {
  int l = blockIdx.y;
  if (l >= step.count(2)) return;
  copyFours(x + (size_t)step.logit(LOGIT_ROW, l) * cols, y + (size_t)l * cols, cols);
}

// Four elements per thread; cols is a multiple of 32, so a group's eight lanes stay together.
KERNEL round_rows(Step step, int rowField, const float* x, Rows8 out, int cols) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (blockIdx.y >= step.count(rowField)) return;
  bool valid = 4 * i < cols;
  float4 v = valid ? ((const float4*)(x + (size_t)blockIdx.y * cols))[i] : make_float4(0, 0, 0, 0);
  roundGroup(out, blockIdx.y, i >> 3, cols >> 5, i & 7, v, valid);
}

// For a library's 16-bit products. grid (rows): a row in half precision, divided by a power of two
// near its largest element (f16 has a narrow range), which `shrink` keeps; or in bfloat16, which
// needs none.
template <bool F16>
__device__ inline void narrowRow(const Step& step, int rowField, const float* x, uint16_t* y,
                                 float* shrink, int cols) {
  if (blockIdx.x >= step.count(rowField)) return;
  __shared__ float part[32];
  size_t at = (size_t)blockIdx.x * cols;
  float power = 1;
  if (F16) {
    float top = 0;
    for (int i = threadIdx.x; i < cols; i += blockDim.x) top = fmaxf(top, fabsf(x[at + i]));
    top = warpMax(top);
    if ((threadIdx.x & 31) == 0) part[threadIdx.x >> 5] = top;
    __syncthreads();  // the warps' maxima are there
    for (int i = 0; i < blockDim.x >> 5; i++) top = fmaxf(top, part[i]);
    power = top > 0 && top < INFINITY ? exp2f(-floorf(log2f(top))) : 1.0f;
    if (threadIdx.x == 0) shrink[blockIdx.x] = power;
  }
  for (int i = threadIdx.x; i < cols; i += blockDim.x) {
    y[at + i] = F16 ? __half_as_ushort(__float2half_rn(x[at + i] * power))
                    : __bfloat16_as_ushort(__float2bfloat16_rn(x[at + i]));
  }
}

KERNEL narrow_rows_f16(Step step, int rowField, const float* x, uint16_t* y, float* shrink,
                       int cols) {
  narrowRow<true>(step, rowField, x, y, shrink, cols);
}

KERNEL narrow_rows_bf16(Step step, int rowField, const float* x, uint16_t* y, float* shrink,
                        int cols) {
  narrowRow<false>(step, rowField, x, y, shrink, cols);
}

// grid (rows): the powers of two taken back (shrink null: none), the bias added (null: none).
KERNEL widen_rows(Step step, int rowField, float* y, const float* shrink, const float* bias,
                  int cols) {
  if (blockIdx.x >= step.count(rowField)) return;
  float power = shrink ? shrink[blockIdx.x] : 1.0f;
  size_t at = (size_t)blockIdx.x * cols;
  for (int i = threadIdx.x; i < cols; i += blockDim.x)
    y[at + i] = y[at + i] / power + (bias ? bias[i] : 0.0f);
}
