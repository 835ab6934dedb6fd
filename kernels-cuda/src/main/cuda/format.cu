// The kernels that read weights, compiled once per weight format: -DGATUN_FORMAT=Q4_K.
// embed: table rows to f32.   matvec_N: up to N rows of x times W, W read once.   gated_N: the same
// with two weights. matmul: many rows, on tensor cores.
#include "activations.cuh"
#include "codecs.cuh"
#include "matmul_half.cuh"
#include "matmul_int8.cuh"

// One block per token; a thread writes four elements (quantised: eight lanes decode the same group)
// or single ones.
template <int FMT>
__device__ inline void embedRow(const Step& step, const Weight& table, float* y, float scale,
                                int first) {
  int r = blockIdx.x;
  if (r >= step.tokens()) return;
  int id = step.row(TOKEN, r) - first;
  float* out = y + (size_t)r * table.cols;
  if (id < 0 || id >= table.rows) {
    for (int i = threadIdx.x; i < table.cols; i += blockDim.x) out[i] = 0;
    return;
  }
  if constexpr (isQuantized<FMT>) {
    for (int i = threadIdx.x; i < table.cols >> 2; i += blockDim.x) {
      Group w;
      Codec<FMT>::load(table, id, i >> 3, w);
      int q = w.q[0];
#pragma unroll
      for (int j = 1; j < 8; j++) q = (i & 7) == j ? w.q[j] : q;
      float s = i & 4 ? w.s[1] : w.s[0], m = i & 4 ? w.m[1] : w.m[0];
      float4 v;
      v.x = (s * ((int8_t)(q)-Codec<FMT>::OFFSET) - m) * scale;
      v.y = (s * ((int8_t)(q >> 8) - Codec<FMT>::OFFSET) - m) * scale;
      v.z = (s * ((int8_t)(q >> 16) - Codec<FMT>::OFFSET) - m) * scale;
      v.w = (s * ((int8_t)(q >> 24) - Codec<FMT>::OFFSET) - m) * scale;
      ((float4*)out)[i] = v;
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
__device__ inline void groupDot(const Group& w, const Rows8& x, const int row[N], int group,
                                int groups, float acc[N]) {
#pragma unroll
  for (int n = 0; n < N; n++) {
    size_t at = (size_t)row[n] * groups + group;
    int4 lo = ((const int4*)x.lo)[at], hi = ((const int4*)x.hi)[at];
    int2 ds = ((const int2*)x.ds)[Rows8::scaleAt(row[n], group, groups)];
    int a =
        __dp4a(w.q[0], lo.x, __dp4a(w.q[1], lo.y, __dp4a(w.q[2], lo.z, __dp4a(w.q[3], lo.w, 0))));
    int b =
        __dp4a(w.q[4], hi.x, __dp4a(w.q[5], hi.y, __dp4a(w.q[6], hi.z, __dp4a(w.q[7], hi.w, 0))));
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

[[maybe_unused]] constexpr int MATVEC_WARPS = 4;

template <int N>
__device__ inline void sumLanes(float acc[N], int from, int to) {
  for (int d = from; d < to; d <<= 1) {
#pragma unroll
    for (int n = 0; n < N; n++) acc[n] += __shfl_xor_sync(FULL_WARP, acc[n], d);
  }
}

// Writes output o of rows first … first + N − 1.
template <int N, bool GATED, int ACTIVATION>
__device__ inline void finish(const float acc[N], const float accUp[N], const float* bias, float* y,
                              int first, int rows, int outputs, int o) {
#pragma unroll
  for (int n = 0; n < N; n++) {
    if (first + n < rows) {
      float v = acc[n];
      if constexpr (GATED) v = activate<ACTIVATION>(v) * accUp[n];
      y[(size_t)(first + n) * outputs + o] = v + (bias ? bias[o] : 0.0f);
    }
  }
}

// A warp makes eight outputs, four groups at a time: lane = 8 · group + output, so that each plane
// gives 32 neighbouring pieces. `split` warps of the block (1, 2 or 4) share eight outputs along
// the groups and meet in shared memory.
template <int FMT, int N, bool GATED, int ACTIVATION>
__device__ inline void quantizedRows(const Step& step, int rowField, const Weight& w,
                                     const Weight& up, const Rows8& x, const float* bias, float* y,
                                     int split) {
  __shared__ float part[MATVEC_WARPS][GATED ? 2 * N : N][8];
  int rows = step.count(rowField), first = blockIdx.y * N;
  if (first >= rows) return;
  int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, slice = warp & (split - 1),
      groups = w.cols >> 5;
  int o = (blockIdx.x * (MATVEC_WARPS / split) + warp / split) * 8 + (lane & 7);
  int row[N];
  float acc[N], accUp[N];
#pragma unroll
  for (int n = 0; n < N; n++) {
    row[n] = min(first + n, rows - 1);
    acc[n] = accUp[n] = 0;
  }
  if ((o & ~7) < w.rows) {  // the last eight are filled up with zeros
    for (int g = 4 * slice + (lane >> 3); g < groups; g += 4 * split) {
      Group q;
      Codec<FMT>::load(w, o, g, q);
      groupDot<FMT, N>(q, x, row, g, groups, acc);
      if constexpr (GATED) {
        Codec<FMT>::load(up, o, g, q);
        groupDot<FMT, N>(q, x, row, g, groups, accUp);
      }
    }
  }
  sumLanes<N>(acc, 8, 32);
  if constexpr (GATED) sumLanes<N>(accUp, 8, 32);
  if (split > 1) {
    if (lane < 8) {
#pragma unroll
      for (int n = 0; n < N; n++) {
        part[warp][n][lane] = acc[n];
        if constexpr (GATED) part[warp][N + n][lane] = accUp[n];
      }
    }
    __syncthreads();  // the slices' sums are there
    if (slice == 0 && lane < 8) {
      for (int i = 1; i < split; i++) {
#pragma unroll
        for (int n = 0; n < N; n++) {
          acc[n] += part[warp + i][n][lane];
          if constexpr (GATED) accUp[n] += part[warp + i][N + n][lane];
        }
      }
    }
  }
  if (slice == 0 && lane < 8 && o < w.rows)
    finish<N, GATED, ACTIVATION>(acc, accUp, bias, y, first, rows, w.rows, o);
}

// Four elements of a plain weight; `at` is a multiple of 4.
template <int FMT>
__device__ inline float4 plainFour(const Weight& w, size_t at) {
  if constexpr (FMT == F32) {
    return __ldg((const float4*)((const float*)w.plane[0] + at));
  } else {
    uint2 v = __ldg((const uint2*)((const uint16_t*)w.plane[0] + at));
    if constexpr (FMT == F16) {
      float2 a = __half22float2(*(const __half2*)&v.x), b = __half22float2(*(const __half2*)&v.y);
      return make_float4(a.x, a.y, b.x, b.y);
    }
    return make_float4(__uint_as_float(v.x << 16), __uint_as_float(v.x & 0xffff0000u),
                       __uint_as_float(v.y << 16), __uint_as_float(v.y & 0xffff0000u));
  }
}

template <int FMT, int N>
__device__ inline void plainDot(const Weight& w, int o, int lane, int lanes,
                                const float* const x[N], float acc[N]) {
  size_t at = (size_t)o * w.cols;
  if (w.cols % 4 == 0) {
    for (int k = 4 * lane; k < w.cols; k += 4 * lanes) {
      float4 v = plainFour<FMT>(w, at + k);
#pragma unroll
      for (int n = 0; n < N; n++) {
        float4 a = *(const float4*)(x[n] + k);
        acc[n] += v.x * a.x + v.y * a.y + v.z * a.z + v.w * a.w;
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

// `lanes` lanes share an output (32, 16, 8 or 4: the host picks the one that divides the row best).
template <int FMT, int N, bool GATED, int ACTIVATION>
__device__ inline void plainRows(const Step& step, int rowField, const Weight& w, const Weight& up,
                                 const float* x, const float* bias, float* y, int lanes) {
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
  sumLanes<N>(acc, 1, lanes);
  if constexpr (GATED) sumLanes<N>(accUp, 1, lanes);
  if (lane == 0 && o < w.rows)
    finish<N, GATED, ACTIVATION>(acc, accUp, bias, y, first, rows, w.rows, o);
}

// Both roads have one parameter list: x8 and warps per eight outputs for quantised weights, x and
// lanes per output for plain ones.
template <int FMT, int N, bool GATED, int ACTIVATION>
__device__ inline void rowsTimes(const Step& step, int rowField, const Weight& w, const Weight& up,
                                 const Rows8& x8, const float* x, const float* bias, float* y,
                                 int share) {
  if constexpr (isQuantized<FMT>) {
    quantizedRows<FMT, N, GATED, ACTIVATION>(step, rowField, w, up, x8, bias, y, share);
  } else {
    plainRows<FMT, N, GATED, ACTIVATION>(step, rowField, w, up, x, bias, y, share);
  }
}

#define MATVEC(N)                                                                               \
  KERNEL matvec_##N(Step step, int rowField, Weight w, Rows8 x8, const float* x,                \
                    const float* bias, float* y, int share) {                                   \
    rowsTimes<GATUN_FORMAT, N, false, 0>(step, rowField, w, w, x8, x, bias, y, share);          \
  }                                                                                             \
  KERNEL gated_silu_##N(Step step, int rowField, Weight w, Weight up, Rows8 x8, const float* x, \
                        float* y, int share) {                                                  \
    rowsTimes<GATUN_FORMAT, N, true, 0>(step, rowField, w, up, x8, x, nullptr, y, share);       \
  }                                                                                             \
  KERNEL gated_gelu_##N(Step step, int rowField, Weight w, Weight up, Rows8 x8, const float* x, \
                        float* y, int share) {                                                  \
    rowsTimes<GATUN_FORMAT, N, true, 1>(step, rowField, w, up, x8, x, nullptr, y, share);       \
  }

MATVEC(1)
MATVEC(2)
MATVEC(4)
MATVEC(8)

// Many rows: tensor cores. F32 weights have no such road and stay with matvec_8.
template <int FMT>
__device__ inline void manyRows(const Step& step, int rowField, const Weight& w, const Rows8& x8,
                                const float* x, const float* bias, float* y) {
  if constexpr (isQuantized<FMT>) {
    matmulInt8<FMT>(step, rowField, w, x8, bias, y);
  } else if constexpr (FMT != F32) {
    matmulHalf<FMT>(step, rowField, w, x, bias, y);
  }
}

KERNEL __launch_bounds__(MATMUL_THREADS) matmul(Step step, int rowField, Weight w, Rows8 x8,
                                                const float* x, const float* bias, float* y) {
  manyRows<GATUN_FORMAT>(step, rowField, w, x8, x, bias, y);
}
