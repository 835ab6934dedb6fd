// The kernels that read weights, compiled once per weight format: -DGATUN_FORMAT=Q4_K.
// embed: table rows to f32.   matvec_N: up to N rows of x times W, W read once.   gated_N: the same with two weights.
// matmul: many rows, on tensor cores.
#include "activations.cuh"
#include "codecs.cuh"
#include "matmul_half.cuh"
#include "matmul_int8.cuh"


// One block per token; a thread decodes a group of 32 (quantised) or single elements.
template <int FMT>
__device__ inline void embedRow(const Step& step, const Weight& table, float* y, float scale, int first) {
  int r = blockIdx.x;
  if (r >= step.tokens()) return;
  int id = step.row(TOKEN, r) - first;
  float* out = y + (size_t)r * table.cols;
  if (id < 0 || id >= table.rows) {
    for (int i = threadIdx.x; i < table.cols; i += blockDim.x) out[i] = 0;
    return;
  }
  if constexpr (isQuantized<FMT>) {
    for (int g = threadIdx.x; g < table.cols >> 5; g += blockDim.x) {
      Group w;
      Codec<FMT>::load(table, id, g, w);
#pragma unroll
      for (int j = 0; j < 8; j++) {
        float s = w.s[j >> 2], m = w.m[j >> 2];
        float4 v;
        v.x = (s * ((int8_t)(w.q[j]) - Codec<FMT>::OFFSET) - m) * scale;
        v.y = (s * ((int8_t)(w.q[j] >> 8) - Codec<FMT>::OFFSET) - m) * scale;
        v.z = (s * ((int8_t)(w.q[j] >> 16) - Codec<FMT>::OFFSET) - m) * scale;
        v.w = (s * ((int8_t)(w.q[j] >> 24) - Codec<FMT>::OFFSET) - m) * scale;
        ((float4*)out)[g * 8 + j] = v;
      }
    }
  } else {
    for (int i = threadIdx.x; i < table.cols; i += blockDim.x)
      out[i] = plainAt<FMT>(table, (size_t)id * table.cols + i) * scale;
  }
}

KERNEL embed(Step step, Weight table, float* y, float scale, int first) {
  embedRow<GATUN_FORMAT>(step, table, y, scale, first);
}

// Adds a group's share to acc[n] for each of N activation rows: 8 dp4a, then one fma per scale.
template <int FMT, int N>
__device__ inline void groupDot(const Group& w, const Rows8& x, const size_t at[N], int group, float acc[N]) {
#pragma unroll
  for (int n = 0; n < N; n++) {
    size_t i = at[n] + group;
    int4 lo = x.low(i), hi = x.high(i);
    int2 ds = x.scaleAndSums(i);
    int a = __dp4a(w.q[0], lo.x, __dp4a(w.q[1], lo.y, __dp4a(w.q[2], lo.z, __dp4a(w.q[3], lo.w, 0))));
    int b = __dp4a(w.q[4], hi.x, __dp4a(w.q[5], hi.y, __dp4a(w.q[6], hi.z, __dp4a(w.q[7], hi.w, 0))));
    int sumA = (int16_t)ds.y, sumB = ds.y >> 16;
    float dot;
    if constexpr (Codec<FMT>::HALVES) {
      dot = w.s[0] * (a - Codec<FMT>::OFFSET * sumA) + w.s[1] * (b - Codec<FMT>::OFFSET * sumB);
      if constexpr (Codec<FMT>::MIN) dot -= w.m[0] * sumA + w.m[1] * sumB;
    } else {
      dot = w.s[0] * (a + b - Codec<FMT>::OFFSET * (sumA + sumB));
      if constexpr (Codec<FMT>::MIN) dot -= w.m[0] * (sumA + sumB);
    }
    acc[n] += __int_as_float(ds.x) * dot;
  }
}

// `lanes` lanes share an output row (32, 16, 8 or 4: the host picks the one that divides the groups best), so a warp makes
// 32 / lanes outputs and reads that many contiguous stretches of each plane.
template <int FMT, int N, bool GATED, int ACTIVATION>
__device__ inline void quantizedRows(
    const Step& step, int rowField, Weight w, Weight up, Rows8 x, const float* bias, float* y, int lanes) {
  int rows = step.count(rowField), first = blockIdx.y * N;
  if (first >= rows) return;
  int thread = blockIdx.x * blockDim.x + threadIdx.x;
  int o = thread / lanes, lane = thread % lanes, groups = w.cols >> 5;
  size_t at[N];
  float acc[N], accUp[N];
#pragma unroll
  for (int n = 0; n < N; n++) {
    at[n] = (size_t)min(first + n, rows - 1) * groups;
    acc[n] = accUp[n] = 0;
  }
  if (o < w.rows) {
    for (int g = lane; g < groups; g += lanes) {
      Group q;
      Codec<FMT>::load(w, o, g, q);
      groupDot<FMT, N>(q, x, at, g, acc);
      if constexpr (GATED) {
        Codec<FMT>::load(up, o, g, q);
        groupDot<FMT, N>(q, x, at, g, accUp);
      }
    }
  }
  for (int d = lanes >> 1; d > 0; d >>= 1) {
#pragma unroll
    for (int n = 0; n < N; n++) {
      acc[n] += __shfl_xor_sync(FULL_WARP, acc[n], d);
      if constexpr (GATED) accUp[n] += __shfl_xor_sync(FULL_WARP, accUp[n], d);
    }
  }
  if (lane != 0 || o >= w.rows) return;
#pragma unroll
  for (int n = 0; n < N; n++) {
    if (first + n < rows) {
      float v = acc[n];
      if constexpr (GATED) v = activate<ACTIVATION>(v) * accUp[n];
      y[(size_t)(first + n) * w.rows + o] = v + (bias ? bias[o] : 0.0f);
    }
  }
}

template <int FMT, int N>
__device__ inline void plainDot(const Weight& w, int o, int lane, int lanes, const float* const x[N], float acc[N]) {
  size_t at = (size_t)o * w.cols;
  if (w.cols % 8 == 0) {
    for (int k = 8 * lane; k < w.cols; k += 8 * lanes) {
      float v[8];
      if constexpr (FMT == F32) {
        float4 a = __ldg((const float4*)((const float*)w.plane[0] + at + k));
        float4 b = __ldg((const float4*)((const float*)w.plane[0] + at + k) + 1);
        v[0] = a.x, v[1] = a.y, v[2] = a.z, v[3] = a.w, v[4] = b.x, v[5] = b.y, v[6] = b.z, v[7] = b.w;
      } else {
        uint4 a = __ldg((const uint4*)((const uint16_t*)w.plane[0] + at + k));
        uint32_t p[4] = {a.x, a.y, a.z, a.w};
#pragma unroll
        for (int i = 0; i < 4; i++) {
          float2 f;
          if constexpr (FMT == F16) {
            f = __half22float2(*(const __half2*)&p[i]);
          } else {
            f = make_float2(__uint_as_float(p[i] << 16), __uint_as_float(p[i] & 0xffff0000u));
          }
          v[2 * i] = f.x, v[2 * i + 1] = f.y;
        }
      }
#pragma unroll
      for (int n = 0; n < N; n++) {
        float4 a = ((const float4*)(x[n] + k))[0], b = ((const float4*)(x[n] + k))[1];
        acc[n] += v[0] * a.x + v[1] * a.y + v[2] * a.z + v[3] * a.w + v[4] * b.x + v[5] * b.y + v[6] * b.z + v[7] * b.w;
      }
    }
  } else {
    for (int k = lane; k < w.cols; k += lanes) {
      float v = plainAt<FMT>(w, at + k);
#pragma unroll
      for (int n = 0; n < N; n++) acc[n] += v * x[n][k];
    }
  }
}

template <int FMT, int N, bool GATED, int ACTIVATION>
__device__ inline void plainRows(
    const Step& step, int rowField, Weight w, Weight up, const float* x, const float* bias, float* y, int lanes) {
  int rows = step.count(rowField), first = blockIdx.y * N;
  if (first >= rows) return;
  int thread = blockIdx.x * blockDim.x + threadIdx.x;
  int o = thread / lanes, lane = thread % lanes;
  const float* at[N];
  float acc[N], accUp[N];
#pragma unroll
  for (int n = 0; n < N; n++) {
    at[n] = x + (size_t)min(first + n, rows - 1) * w.cols;
    acc[n] = accUp[n] = 0;
  }
  if (o < w.rows) {
    plainDot<FMT, N>(w, o, lane, lanes, at, acc);
    if constexpr (GATED) plainDot<FMT, N>(up, o, lane, lanes, at, accUp);
  }
  for (int d = lanes >> 1; d > 0; d >>= 1) {
#pragma unroll
    for (int n = 0; n < N; n++) {
      acc[n] += __shfl_xor_sync(FULL_WARP, acc[n], d);
      if constexpr (GATED) accUp[n] += __shfl_xor_sync(FULL_WARP, accUp[n], d);
    }
  }
  if (lane != 0 || o >= w.rows) return;
#pragma unroll
  for (int n = 0; n < N; n++) {
    if (first + n < rows) {
      float v = acc[n];
      if constexpr (GATED) v = activate<ACTIVATION>(v) * accUp[n];
      y[(size_t)(first + n) * w.rows + o] = v + (bias ? bias[o] : 0.0f);
    }
  }
}

// Both roads have one parameter list: x8 for quantised weights, x for plain ones.
template <int FMT, int N, bool GATED, int ACTIVATION>
__device__ inline void rowsTimes(const Step& step, int rowField, const Weight& w, const Weight& up, const Rows8& x8,
                                 const float* x, const float* bias, float* y, int lanes) {
  if constexpr (isQuantized<FMT>) {
    quantizedRows<FMT, N, GATED, ACTIVATION>(step, rowField, w, up, x8, bias, y, lanes);
  } else {
    plainRows<FMT, N, GATED, ACTIVATION>(step, rowField, w, up, x, bias, y, lanes);
  }
}

#define MATVEC(N)                                                                                             \
  KERNEL matvec_##N(Step step, int rowField, Weight w, Rows8 x8, const float* x, const float* bias, float* y, \
                    int lanes) {                                                                              \
    rowsTimes<GATUN_FORMAT, N, false, 0>(step, rowField, w, w, x8, x, bias, y, lanes);                                      \
  }                                                                                                           \
  KERNEL gated_silu_##N(Step step, int rowField, Weight w, Weight up, Rows8 x8, const float* x, float* y,     \
                        int lanes) {                                                                          \
    rowsTimes<GATUN_FORMAT, N, true, 0>(step, rowField, w, up, x8, x, nullptr, y, lanes);                                   \
  }                                                                                                           \
  KERNEL gated_gelu_##N(Step step, int rowField, Weight w, Weight up, Rows8 x8, const float* x, float* y,     \
                        int lanes) {                                                                          \
    rowsTimes<GATUN_FORMAT, N, true, 1>(step, rowField, w, up, x8, x, nullptr, y, lanes);                                   \
  }

MATVEC(1)
MATVEC(2)
MATVEC(4)
MATVEC(8)

// Many rows: tensor cores. F32 weights have no such road and stay with matvec_8.
template <int FMT>
__device__ inline void manyRows(const Step& step, int rowField, const Weight& w, const Rows8& x8, const float* x,
                                const float* bias, float* y) {
  if constexpr (isQuantized<FMT>) {
    matmulInt8<FMT>(step, rowField, w, x8, bias, y);
  } else if constexpr (FMT != F32) {
    matmulHalf<FMT>(step, rowField, w, x, bias, y);
  }
}

KERNEL __launch_bounds__(MATMUL_THREADS)
    matmul(Step step, int rowField, Weight w, Rows8 x8, const float* x, const float* bias, float* y) {
  manyRows<GATUN_FORMAT>(step, rowField, w, x8, x, bias, y);
}
