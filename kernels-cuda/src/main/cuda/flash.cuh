// FlashAttention-2 forward (Dao 2023), for sequences that bring many rows: f16 tensor cores, f32
// softmax. Which tiles of 64 keys a tile of 64 rows reads is a plan's: all pages, tokens of a
// prefix and pages, or chosen pages.
//
//   block   64 rows of one sequence, one query head; 4 warps of 16 rows
//   tile    64 keys, most often a page. K of the next tile travels while this one's softmax and P·V
//   run, V while Q·Kᵀ does
//   shared  Q, K, V [64][D + 8] f16: the 16-byte gap puts 8 rows of a matrix on different banks
//
// A warp leaves out the 16-key fragments behind the last slot that any of its rows sees. Rows that
// see no key give 0 and −∞. Scores are in base 2: the scale carries log2 e.
#pragma once

#include "attend.cuh"
#include "tensor_cores.cuh"

constexpr int FLASH_ROWS = 64, FLASH_THREADS = 128;

// Blocks per multiprocessor that registers must leave room for: those that shared memory does.
constexpr int flashBlocks(int dim) { return dim <= 128 ? 3 : dim <= 192 ? 2 : 1; }

constexpr float LOG2E = 1.4426950408889634f;

__device__ inline uint32_t packHalf(float low, float high) {
  __half2 h = __floats2half2_rn(low, high);
  return *(uint32_t*)&h;
}

// The 64 rows of tile `tile`; seq is negative behind the last. Sequences with fewer than minRows
// rows have no tiles: they are the split kernel's.
struct RowTile {
  int seq, row0, live;

  __device__ RowTile(const Step& step, int tile, int minRows) {
    for (seq = 0; seq < step.sequenceCount(); seq++) {
      int count = step.seq(ROW_COUNT, seq);
      int tiles = count < minRows ? 0 : (count + FLASH_ROWS - 1) / FLASH_ROWS;
      if (tile < tiles) {
        row0 = step.seq(ROW_START, seq) + tile * FLASH_ROWS;
        live = min(FLASH_ROWS, count - tile * FLASH_ROWS);
        return;
      }
      tile -= tiles;
    }
    seq = -1;
  }
};

// K or V of a tile into shared memory; keys from tile.keys on were never written and become zeros.
template <int FORMAT, int D, bool GATHERS>
__device__ inline void fetchTile(__half* to, const uint8_t* data, const float* scales,
                                 const Tile& tile) {
  constexpr int PIECES = D / 8;
  // what goes through registers must not crowd out the accumulators
#pragma unroll(FORMAT == KV_F16 ? 4 : 2)
  for (int i = threadIdx.x; i < PAGE * PIECES; i += FLASH_THREADS) {
    int key = i / PIECES, piece = i % PIECES;
    __half* at = to + key * (D + 8) + 8 * piece;
    bool valid = key < tile.keys;
    if constexpr (FORMAT == KV_F16) {
      size_t slot = tile.template slot<GATHERS>(valid ? key : 0);
      copyAsync16(at, (const __half*)data + slot * D + 8 * piece, valid ? 16 : 0);
    } else {
      float v[8] = {0, 0, 0, 0, 0, 0, 0, 0};
      if (valid) load8<FORMAT>(data, scales, tile.template slot<GATHERS>(key), D, 8 * piece, v);
      *(uint4*)at = make_uint4(packHalf(v[0], v[1]), packHalf(v[2], v[3]), packHalf(v[4], v[5]),
                               packHalf(v[6], v[7]));
    }
  }
  commitCopies();
}

// Queries of a tile's rows, of one head, into shared memory; rows that are not there become zeros.
template <int D>
__device__ inline void fetchQueries(__half* to, const float* q, const RowTile& rows, int heads,
                                    int head) {
  for (int i = threadIdx.x; i < FLASH_ROWS * (D / 4); i += FLASH_THREADS) {
    int r = i / (D / 4), c = 4 * (i % (D / 4));
    float4 v = r < rows.live
                   ? *(const float4*)(q + ((size_t)(rows.row0 + r) * heads + head) * D + c)
                   : make_float4(0, 0, 0, 0);
    *(uint2*)(to + r * (D + 8) + c) = make_uint2(packHalf(v.x, v.y), packHalf(v.z, v.w));
  }
}

// Q·Kᵀ of this warp's 16 rows and the first 16 · fragments of 64 keys; 0 for the others.
template <int D>
__device__ inline void scoresOfTile(float s[8][4], const __half* qs, const __half* ks,
                                    int fragments) {
  int warp = threadIdx.x >> 5, matrix = (threadIdx.x & 31) >> 3, r8 = threadIdx.x & 7;
#pragma unroll
  for (int j = 0; j < 8; j++)
#pragma unroll
    for (int e = 0; e < 4; e++) s[j][e] = 0;
#pragma unroll
  for (int k = 0; k < D; k += 16) {
    uint32_t a[4];
    loadMatrices(
        sharedAddress(qs + (warp * 16 + (matrix & 1) * 8 + r8) * (D + 8) + k + (matrix >> 1) * 8),
        a[0], a[1], a[2], a[3]);
#pragma unroll
    for (int j = 0; j < 8; j += 2) {
      if (j >= 2 * fragments) break;
      uint32_t b[4];
      loadMatrices(
          sharedAddress(ks + (8 * (j + (matrix >> 1)) + r8) * (D + 8) + k + (matrix & 1) * 8), b[0],
          b[1], b[2], b[3]);
      multiplyHalf(s[j], a, b[0], b[1]);
      multiplyHalf(s[j + 1], a, b[2], b[3]);
    }
  }
}

template <int FORMAT, int D, typename Plan>
__device__ inline void flashForward(const Step& step, const Plan& plan, const float* q,
                                    const Kv& kv, int heads, float scale, int window, float softCap,
                                    int minRows, float* out, float* lse) {
  extern __shared__ __align__(16) __half flash[];
  __half *qs = flash, *ks = qs + FLASH_ROWS * (D + 8), *vs = ks + PAGE * (D + 8);
  constexpr int STRIDE = D + 8;

  RowTile rows(step, blockIdx.x, minRows);
  int seq = rows.seq, row0 = rows.row0, live = rows.live;
  if (seq < 0) return;
  int head = blockIdx.y, kvHead = head / (heads / kv.heads);
  int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;

  fetchQueries<D>(qs, q, rows, heads, head);

  int mine0 = min(warp * 16 + g, live - 1), mine1 = min(warp * 16 + g + 8, live - 1);
  Sight sight0(step, row0 + mine0, seq, window), sight1(step, row0 + mine1, seq, window);
  Sight lowest(step, row0, seq, window), highest(step, row0 + live - 1, seq, window);
  bool simple = !lowest.isExplicit && !lowest.slotPositions;
  // Positions may repeat or jump within a step; only slots that are positions let whole tiles be
  // skipped.
  Slots slots = {simple && window > 0 ? max(0, lowest.position - window + 1) : 0, highest.last};
  int tiles = plan.count(step, slots, blockIdx.x, seq, kvHead);
  int warpLast =
      warp * 16 < live ? Sight(step, row0 + min(warp * 16 + 15, live - 1), seq, window).last : -1;

  float o[D / 8][4], m[2] = {-INFINITY, -INFINITY}, l[2] = {0, 0};
#pragma unroll
  for (int j = 0; j < D / 8; j++)
#pragma unroll
    for (int e = 0; e < 4; e++) o[j][e] = 0;
  float base2 = scale * LOG2E;
  int matrix = lane >> 3, r8 = lane & 7;

  auto tileAt = [&](int i) { return plan.tile(step, kv, slots, blockIdx.x, seq, kvHead, i); };
  Tile now = tileAt(0);
  fetchTile<FORMAT, D, Plan::GATHERS>(ks, now.k, now.kScale, now);
  for (int i = 0; i < tiles; i++) {
    fetchTile<FORMAT, D, Plan::GATHERS>(vs, now.v, now.vScale, now);
    waitCopies<1>();
    __syncthreads();  // K (and in the first turn Q) is there for all

    float s[8][4];
    bool gathered = Plan::GATHERS && now.gather;  // keys that every row sees
    int first = now.first;
    // of 16 keys; the rest is masked below
    int fragments = gathered ? (now.keys + 15) >> 4 : (warpLast - first + 16) >> 4;
    bool reads[2] = {true, true}, allRead = true;  // this lane's rows; all rows
    if constexpr (Plan::CHOOSES) {
      uint2 bits = plan.readersOf(blockIdx.x, kvHead, i);
      uint32_t mine = (warp < 2 ? bits.x : bits.y) >> (16 * (warp & 1)) & 0xffff;
      reads[0] = mine >> g & 1, reads[1] = mine >> (g + 8) & 1;
      if (mine == 0) fragments = 0;
      allRead = __popc(bits.x) + __popc(bits.y) == live;
    }
    scoresOfTile<D>(s, qs, ks, fragments);
    __syncthreads();  // all have read K: the next one may come
    bool whole = gathered ? now.keys == PAGE
                          : allRead && simple && first + PAGE - 1 <= lowest.last &&
                                (window == 0 || highest.position - first < window);
    int keys = now.keys;
    if (i + 1 < tiles) {
      now = tileAt(i + 1);
      fetchTile<FORMAT, D, Plan::GATHERS>(ks, now.k, now.kScale, now);
    } else {
      commitCopies();  // an empty group keeps the count of pending ones
    }

#pragma unroll
    for (int j = 0; j < 8; j++)
#pragma unroll
      for (int e = 0; e < 4; e++) {
        float v =
            softCap > 0 ? softCap * LOG2E * tanhf(s[j][e] * scale / softCap) : s[j][e] * base2;
        if (!whole) {
          int key = 8 * j + 2 * t + (e & 1);
          bool sees =
              gathered ? key < keys : reads[e >> 1] && (e < 2 ? sight0 : sight1).sees(first + key);
          if (!sees) v = -INFINITY;
        }
        s[j][e] = v;
      }
    uint32_t p[8][2];
#pragma unroll
    for (int h = 0; h < 2; h++) {
      float top = m[h];
#pragma unroll
      for (int j = 0; j < 8; j++) top = fmaxf(top, fmaxf(s[j][2 * h], s[j][2 * h + 1]));
      top = fmaxf(top, __shfl_xor_sync(FULL_WARP, top, 1));
      top = fmaxf(top, __shfl_xor_sync(FULL_WARP, top, 2));
      float safe = top == -INFINITY ? 0.0f : top, decay = exp2f(m[h] - safe);
      m[h] = top;
      l[h] *= decay;  // each lane keeps its own part of the sum; they meet at the end
#pragma unroll
      for (int j = 0; j < 8; j++) {
        float a = exp2f(s[j][2 * h] - safe), b = exp2f(s[j][2 * h + 1] - safe);
        l[h] += a + b;
        p[j][h] = packHalf(a, b);
      }
#pragma unroll
      for (int j = 0; j < D / 8; j++) {
        o[j][2 * h] *= decay;
        o[j][2 * h + 1] *= decay;
      }
    }
    waitCopies<1>();
    __syncthreads();  // V is there for all
#pragma unroll
    for (int k = 0; k < PAGE; k += 16) {
      if (k >= 16 * fragments) break;
      uint32_t a[4] = {p[k / 8][0], p[k / 8][1], p[k / 8 + 1][0], p[k / 8 + 1][1]};
#pragma unroll
      for (int j = 0; j < D / 8; j += 2) {
        uint32_t b[4];
        loadTransposed(
            sharedAddress(vs + (k + (matrix & 1) * 8 + r8) * STRIDE + 8 * (j + (matrix >> 1))),
            b[0], b[1], b[2], b[3]);
        multiplyHalf(o[j], a, b[0], b[1]);
        multiplyHalf(o[j + 1], a, b[2], b[3]);
      }
    }
    __syncthreads();  // all have read V
  }
  waitCopies<0>();
#pragma unroll
  for (int h = 0; h < 2; h++) {
    float sum = l[h];
    sum += __shfl_xor_sync(FULL_WARP, sum, 1);
    sum += __shfl_xor_sync(FULL_WARP, sum, 2);
    int r = warp * 16 + g + 8 * h;
    if (r < live) {
      float inverse = sum > 0 ? 1.0f / sum : 0.0f;
      size_t at = (size_t)(row0 + r) * heads + head;
#pragma unroll
      for (int j = 0; j < D / 8; j++) {
        *(float2*)(out + at * D + 8 * j + 2 * t) =
            make_float2(o[j][2 * h] * inverse, o[j][2 * h + 1] * inverse);
      }
      if (lse && t == 0) lse[at] = sum > 0 ? m[h] / LOG2E + logf(sum) : -INFINITY;
    }
  }
}
