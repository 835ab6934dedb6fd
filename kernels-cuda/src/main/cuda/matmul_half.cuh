// Many rows of f32 activations times F16 or BF16 weights, on 16-bit tensor cores with f32 sums.
//
//   block   64 rows × 64 outputs, 4 warps of 32 × 32; k step 32
//   shared  x and w [64][40] 16-bit elements: a row of 80 B, so that 8 rows of 16 B touch all 32
//   banks
//
// f16 has a narrow range: each row of x is divided by a power of two near its largest element and
// the sum multiplied back.
#pragma once

#include "codecs.cuh"
#include "store_pairs.cuh"
#include "tensor_cores.cuh"

constexpr int HALF_TILE = 64, HALF_STEP = 32, HALF_ROW = 40;

template <int FMT>
__device__ inline uint16_t narrow(float v) {
  if constexpr (FMT == F16) return __half_as_ushort(__float2half_rn(v));
  return __bfloat16_as_ushort(__float2bfloat16_rn(v));
}

template <int FMT>
__device__ inline void matmulHalf(const Step& step, int rowField, const Weight& w, const float* x,
                                  const float* bias, float* y) {
  __shared__ __align__(16) uint16_t xs[HALF_TILE][HALF_ROW];
  __shared__ __align__(16) uint16_t ws[HALF_TILE][HALF_ROW];
  __shared__ float shrink[HALF_TILE];  // powers of two
  int rows = step.count(rowField), row0 = blockIdx.y * HALF_TILE, out0 = blockIdx.x * HALF_TILE;
  if (row0 >= rows) return;
  int warp = threadIdx.x >> 5, lane = threadIdx.x & 31;
  int warpRow = (warp & 1) * 32, warpOut = (warp >> 1) * 32;

  for (int r = warp; r < HALF_TILE; r += 4) {
    float top = 0;
    if (FMT == F16 && row0 + r < rows) {
      for (int k = lane; k < w.cols; k += 32)
        top = fmaxf(top, fabsf(x[(size_t)(row0 + r) * w.cols + k]));
    }
    top = warpMax(top);
    if (lane == 0) shrink[r] = top > 0 && top < INFINITY ? exp2f(-floorf(log2f(top))) : 1.0f;
  }
  float acc[2][4][4];
#pragma unroll
  for (int i = 0; i < 2; i++)
#pragma unroll
    for (int j = 0; j < 4; j++)
#pragma unroll
      for (int e = 0; e < 4; e++) acc[i][j][e] = 0;

  for (int k0 = 0; k0 < w.cols; k0 += HALF_STEP) {
    __syncthreads();  // shrink is there; nobody reads the tiles of the step before
    for (int i = threadIdx.x; i < HALF_TILE * HALF_STEP; i += 128) {
      int r = i / HALF_STEP, k = i % HALF_STEP;
      bool inside = k0 + k < w.cols;
      xs[r][k] = inside && row0 + r < rows
                     ? narrow<FMT>(x[(size_t)(row0 + r) * w.cols + k0 + k] * shrink[r])
                     : 0;
      ws[r][k] = inside && out0 + r < w.rows
                     ? ((const uint16_t*)w.plane[0])[(size_t)(out0 + r) * w.cols + k0 + k]
                     : 0;
    }
    __syncthreads();  // the tiles are whole
#pragma unroll
    for (int k = 0; k < HALF_STEP; k += 16) {
      uint32_t a[2][4], c[4][2];
      int matrix = lane >> 3, r = lane & 7;
#pragma unroll
      for (int i = 0; i < 2; i++) {
        const uint16_t* p = &xs[warpRow + 16 * i + (matrix & 1) * 8 + r][k + (matrix >> 1) * 8];
        loadMatrices(sharedAddress(p), a[i][0], a[i][1], a[i][2], a[i][3]);
      }
#pragma unroll
      for (int j = 0; j < 4; j += 2) {
        const uint16_t* p = &ws[warpOut + 8 * (j + (matrix >> 1)) + r][k + (matrix & 1) * 8];
        loadMatrices(sharedAddress(p), c[j][0], c[j][1], c[j + 1][0], c[j + 1][1]);
      }
#pragma unroll
      for (int i = 0; i < 2; i++)
#pragma unroll
        for (int j = 0; j < 4; j++) {
          if constexpr (FMT == F16) {
            multiplyHalf(acc[i][j], a[i], c[j][0], c[j][1]);
          } else {
            multiplyBf16(acc[i][j], a[i], c[j][0], c[j][1]);
          }
        }
    }
  }
#pragma unroll
  for (int i = 0; i < 2; i++)
#pragma unroll
    for (int j = 0; j < 4; j++)
#pragma unroll
      for (int h = 0; h < 2; h++) {
        int local = warpRow + 16 * i + 8 * h + (lane >> 2);
        storePairs(y, bias, row0 + local, rows, out0 + warpOut + 8 * j + 2 * (lane & 3), w.rows,
                   [&](int e) { return acc[i][j][2 * h + e] / shrink[local]; });
      }
}
