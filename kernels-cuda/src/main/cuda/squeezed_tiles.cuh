// The lookup of squeezed attention in steps of many rows: scores of 64 rows and 64 centroids at a
// time by f16 tensor cores, f32 sums.
//
//   block   64 rows of one sequence, one query head; 4 warps of 16 rows
//   pass 1  the log sum of N_j exp score(q, C_j) of each row
//   pass 2  the same scores again; what the rows add to each cluster's S
//   shared  Q [64][D + 8], two tiles of centroids (one travels while the other is multiplied). In
//   the 16-byte gap behind centroid i lies its weight, in that behind row i of Q what each warp
//   adds to cluster i: with D = 256 the tiles are all the shared memory that some devices have
#pragma once

#include "squeezed.cuh"

// Up to 64 centroids into shared memory; zeros behind the last.
template <int D>
__device__ inline void fetchCentroids(__half* to, const __half* from, int count) {
#pragma unroll 4
  for (int i = threadIdx.x; i < PAGE * (D / 8); i += FLASH_THREADS) {
    int key = i / (D / 8), piece = i % (D / 8);
    bool valid = key < count;
    copyAsync16(to + key * (D + 8) + 8 * piece, from + (valid ? key : 0) * D + 8 * piece,
                valid ? 16 : 0);
  }
  commitCopies();
}

template <int D>
__device__ inline void lookupTiles(const Step& step, const float* q, const Scoring& at,
                                   const Clusters& c, const Lookup& l) {
  extern __shared__ __align__(16) __half flash[];
  __half *qs = flash, *cs = qs + FLASH_ROWS * (D + 8);
  RowTile rows(step, blockIdx.x, 1);
  if (rows.seq < 0) return;
  int id = step.seq(PREFIX, rows.seq);
  if (id < 0) return;
  int head = blockIdx.y, kvHead = head / at.group(), count = c.count(id);
  int warp = threadIdx.x >> 5, g = (threadIdx.x & 31) >> 2, t = threadIdx.x & 3;
  size_t of = ((size_t)id * at.kvHeads + kvHead) * c.max,
         list = (size_t)rows.seq * at.kvHeads + kvHead;
  int tiles = (count + PAGE - 1) / PAGE;
  auto tileOf = [&](int turn) { return cs + (turn & 1) * PAGE * (D + 8); };
  // keys of a tile's clusters; 0 for those not looked at
  auto weight = [&](int turn, int i) -> float& {
    return *(float*)(tileOf(turn) + i * (D + 8) + D);
  };
  auto parts = [&](int i) { return (float*)(qs + i * (D + 8) + D); };
  auto firstOf = [&](int turn) { return (turn < tiles ? turn : turn - tiles) * PAGE; };
  auto fetch = [&](int turn) {
    int first = firstOf(turn), i = first + threadIdx.x;
    fetchCentroids<D>(tileOf(turn), c.centroids + (of + first) * D, count - first);
    if (threadIdx.x < PAGE) {
      bool live = i < count && c.sizes[of + i] > 0 && l.alive(c, list, of, i, c.max);
      weight(turn, threadIdx.x) = live ? c.sizes[of + i] : 0;
    }
  };
  fetchQueries<D>(qs, q, rows, at.heads, head);
  if (tiles > 0) fetch(0);
  LogSum sum[2];                         // of this lane's rows
  float logs[2] = {INFINITY, INFINITY};  // rows that are not there add nothing
  for (int turn = 0; turn < 2 * tiles; turn++) {
    if (turn + 1 < 2 * tiles) {
      fetch(turn + 1);
    } else {
      commitCopies();  // an empty group keeps the count of pending ones
    }
    waitCopies<1>();
    __syncthreads();  // the centroids (and in the first turn Q) are there for all
    int first = firstOf(turn);
    float s[8][4];
    scoresOfTile<D>(s, qs, tileOf(turn),
                    warp * 16 < rows.live ? min(4, (count - first + 15) >> 4) : 0);
    if (turn < tiles) {
#pragma unroll
      for (int h = 0; h < 2; h++) {
        float top = sum[h].top, total = 0;
#pragma unroll
        for (int j = 0; j < 8; j++)
#pragma unroll
          for (int e = 2 * h; e < 2 * h + 2; e++) {
            s[j][e] = weight(turn, 8 * j + 2 * t + (e & 1)) > 0 ? at.of(s[j][e]) : -INFINITY;
            top = fmaxf(top, s[j][e]);
          }
        if (top == -INFINITY) continue;
#pragma unroll
        for (int j = 0; j < 8; j++)
#pragma unroll
          for (int e = 2 * h; e < 2 * h + 2; e++)
            total += weight(turn, 8 * j + 2 * t + (e & 1)) * __expf(s[j][e] - top);
        sum[h].sum = sum[h].sum * __expf(sum[h].top - top) + total;
        sum[h].top = top;
      }
      if (turn + 1 == tiles) {
#pragma unroll
        for (int h = 0; h < 2; h++) {
#pragma unroll
          for (int o = 1; o < 4; o <<= 1) {
            LogSum other;
            other.top = __shfl_xor_sync(FULL_WARP, sum[h].top, o);
            other.sum = __shfl_xor_sync(FULL_WARP, sum[h].sum, o);
            sum[h].add(other);
          }
          if (warp * 16 + g + 8 * h < rows.live) logs[h] = sum[h].value();
        }
      }
    } else {
#pragma unroll
      for (int j = 0; j < 8; j++)
#pragma unroll
        for (int e = 0; e < 2; e++) {
          int i = 8 * j + 2 * t + e;
          float share = 0;
          if (weight(turn, i) > 0)
            share = __expf(at.of(s[j][e]) - logs[0]) + __expf(at.of(s[j][e + 2]) - logs[1]);
#pragma unroll
          for (int o = 4; o < 32; o <<= 1) share += __shfl_xor_sync(FULL_WARP, share, o);
          if (g == 0) parts(i)[warp] = share;
        }
      __syncthreads();  // all warps' parts are there
      int i = threadIdx.x;
      if (i < PAGE && first + i < count) {
        float4 p = *(const float4*)parts(i);
        l.shares[((size_t)blockIdx.x * at.heads + head) * c.max + first + i] =
            p.x + p.y + p.z + p.w;
      }
    }
    __syncthreads();  // all have read the tile and the parts
  }
}
