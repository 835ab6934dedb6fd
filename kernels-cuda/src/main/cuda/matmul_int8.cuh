// Many rows of 8-bit activations times quantised weights, on int8 tensor cores.
//
//   block   64 rows × 64 outputs, 4 warps of 32 × 32
//   k step  2 groups of 32; two buffers, so that the next step's bytes travel while this one
//   multiplies
//
//   shared, per buffer   x  [2 groups][64 rows][48 B]   elements 0–15, 16–31, 16 B gap: 8 rows of
//   16 B touch all 32 banks;
//                           64 B between the groups, so that 4 rows × 2 groups do, too
//                        w  the same for 64 outputs, OFFSET taken off, so that bytes are signed
//                        sm [2][64] weight scales and minima
//           every 2nd step  ds [2 pairs of groups][64 rows][2] activation scale and sums: a whole
//           sector per row
//
// A group is one m16n8k32 (or two m16n8k16 where its halves have scales of their own), then one fma
// per scale. Fragments that lie wholly behind the last row or output are left out.
#pragma once

#include "activations.cuh"
#include "codecs.cuh"
#include "store_pairs.cuh"
#include "tensor_cores.cuh"

constexpr int TILE = 64, STEP = 2, ROW_BYTES = 48, MATMUL_THREADS = 128;

struct MatmulBuffer {
  uint8_t x[STEP][TILE * ROW_BYTES + 64];
  uint8_t w[STEP][TILE * ROW_BYTES];
  float4 sm[STEP][TILE];  // s0, s1, m0, m1
};

template <int FMT>
__device__ inline void matmulInt8(const Step& step, int rowField, const Weight& w, const Rows8& x,
                                  const float* bias, float* y) {
  __shared__ __align__(16) MatmulBuffer buffers[2];
  __shared__ __align__(16) int2 ds[2][2][TILE + 4][STEP];
  int rows = step.count(rowField), row0 = blockIdx.y * TILE, out0 = blockIdx.x * TILE;
  if (row0 >= rows) return;
  int groups = w.cols >> 5, steps = (groups + STEP - 1) / STEP;
  int warp = threadIdx.x >> 5, lane = threadIdx.x & 31;
  int warpRow = (warp & 1) * 32, warpOut = (warp >> 1) * 32;
  int liveRows = (rows - row0 - warpRow + 15) >> 4,
      liveOuts = (w.rows - out0 - warpOut + 7) >> 3;  // fragments

  // x: thread i fetches group i % 2 of row i / 2. w: 16 threads fetch 2 groups of 8 outputs, which
  // lie together.
  int xRow = threadIdx.x / STEP, xPart = threadIdx.x % STEP, xAt = min(row0 + xRow, rows - 1);
  int wPart = (threadIdx.x >> 3) & 1, wOut = (threadIdx.x >> 4) * 8 + (threadIdx.x & 7);
  int wRow = min(out0 + (wOut & ~7), (w.rows - 1) & ~7) + (wOut & 7);
  Group next;

  auto fetchX = [&](int s, MatmulBuffer& b) {
    size_t at = (size_t)xAt * groups + min(s * STEP + xPart, groups - 1);
    uint8_t* to = b.x[xPart] + xRow * ROW_BYTES;
    copyAsync16(to, (const int4*)x.lo + at);
    copyAsync16(to + 16, (const int4*)x.hi + at);
    if (s % 2 == 0) {
      int group = s * STEP + 2 * xPart,
          left = max(0, min(2, groups - group));  // two scales, one, or none
      copyAsync16(ds[(s >> 1) & 1][xPart][xRow],
                  (const int2*)x.ds + Rows8::scaleAt(xAt, left > 0 ? group : 0, groups), 8 * left);
    }
    commitCopies();
  };
  auto fetchW = [&](int s) { Codec<FMT>::load(w, wRow, min(s * STEP + wPart, groups - 1), next); };
  auto storeW = [&](MatmulBuffer& b) {
    if (Codec<FMT>::OFFSET) {
      // q < 128: with the top bit set no byte borrows from its neighbour
#pragma unroll
      for (int j = 0; j < 8; j++)
        next.q[j] = ((next.q[j] | 0x80808080) - 0x01010101 * Codec<FMT>::OFFSET) ^ 0x80808080;
    }
    uint8_t* to = b.w[wPart] + wOut * ROW_BYTES;
    *(int4*)to = make_int4(next.q[0], next.q[1], next.q[2], next.q[3]);
    *(int4*)(to + 16) = make_int4(next.q[4], next.q[5], next.q[6], next.q[7]);
    b.sm[wPart][wOut] = make_float4(next.s[0], next.s[1], next.m[0], next.m[1]);
  };

  float acc[2][4][4];
#pragma unroll
  for (int i = 0; i < 2; i++)
#pragma unroll
    for (int j = 0; j < 4; j++)
#pragma unroll
      for (int e = 0; e < 4; e++) acc[i][j][e] = 0;

  fetchX(0, buffers[0]);
  fetchW(0);
  storeW(buffers[0]);
  for (int s = 0; s < steps; s++) {
    MatmulBuffer& b = buffers[s & 1];
    waitCopies<0>();
    __syncthreads();  // this step's tiles are whole, and nobody reads the other buffer any more
    bool more = s + 1 < steps;
    if (more) {
      fetchX(s + 1, buffers[(s + 1) & 1]);
      fetchW(s + 1);
    }
#pragma unroll
    for (int g = 0; g < STEP; g++) {
      if (s * STEP + g >= groups) break;  // the last step of an odd number
      uint32_t a[2][4], c[4][2];
      int matrix = lane >> 3, r = lane & 7;
#pragma unroll
      for (int i = 0; i < 2; i++) {
        const uint8_t* p =
            b.x[g] + (warpRow + 16 * i + (matrix & 1) * 8 + r) * ROW_BYTES + (matrix >> 1) * 16;
        loadMatrices(sharedAddress(p), a[i][0], a[i][1], a[i][2], a[i][3]);
      }
#pragma unroll
      for (int j = 0; j < 4; j += 2) {
        const uint8_t* p =
            b.w[g] + (warpOut + 8 * (j + (matrix >> 1)) + r) * ROW_BYTES + (matrix & 1) * 16;
        loadMatrices(sharedAddress(p), c[j][0], c[j][1], c[j + 1][0], c[j + 1][1]);
      }
      // Fragment rows g and g + 8 of each 16, columns 2t and 2t + 1 of each 8.
      float scale[2][2];
      int sumA[2][2], sumB[2][2];
#pragma unroll
      for (int i = 0; i < 2; i++)
#pragma unroll
        for (int h = 0; h < 2; h++) {
          int2 v = ds[(s >> 1) & 1][s & 1][warpRow + 16 * i + 8 * h + (lane >> 2)][g];
          scale[i][h] = __int_as_float(v.x);
          sumA[i][h] = (int16_t)v.y;
          sumB[i][h] = v.y >> 16;
        }
#pragma unroll
      for (int j = 0; j < 4; j++) {
        if (j >= liveOuts) break;
        float4 sm[2];
        sm[0] = b.sm[g][warpOut + 8 * j + 2 * (lane & 3)];
        sm[1] = b.sm[g][warpOut + 8 * j + 2 * (lane & 3) + 1];
#pragma unroll
        for (int i = 0; i < 2; i++) {
          if (i >= liveRows) break;
          int first[4], second[4];
          if constexpr (Codec<FMT>::HALVES) {
            multiply16(first, a[i][0], a[i][1], c[j][0]);
            multiply16(second, a[i][2], a[i][3], c[j][1]);
          } else {
            multiply32(first, a[i], c[j][0], c[j][1]);
          }
#pragma unroll
          for (int e = 0; e < 4; e++) {
            float4 v = sm[e & 1];
            float dot = v.x * first[e];
            if constexpr (Codec<FMT>::HALVES) dot += v.y * second[e];
            if constexpr (Codec<FMT>::MIN) dot -= v.z * sumA[i][e >> 1] + v.w * sumB[i][e >> 1];
            acc[i][j][e] += scale[i][e >> 1] * dot;
          }
        }
      }
    }
    if (more) storeW(buffers[(s + 1) & 1]);
  }
#pragma unroll
  for (int i = 0; i < 2; i++)
#pragma unroll
    for (int j = 0; j < 4; j++)
#pragma unroll
      for (int h = 0; h < 2; h++) {
        storePairs(y, bias, row0 + warpRow + 16 * i + 8 * h + (lane >> 2), rows,
                   out0 + warpOut + 8 * j + 2 * (lane & 3), w.rows,
                   [&](int e) { return acc[i][j][2 * h + e]; });
      }
}
