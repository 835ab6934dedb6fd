// Attention of few rows over many keys: flash-decoding (split-KV with combine, Dao et al. 2023) for
// any mask, window, soft-cap and head dim that is a multiple of 8 up to 256. All arithmetic in f32.
#pragma once

#include "kv.cuh"

constexpr int KV = GATUN_KV;
constexpr int THREADS = 128, WARPS = THREADS / 32;

// Where element e of a query lies in shared memory: of 64 the first halves of the eights, then the
// second halves, so that the eight lanes of a key read 128 neighbouring bytes.
__device__ inline int spread(int e) { return (e & ~63) + (e & 4) * 8 + ((e & 56) >> 1) + (e & 3); }

// What a split leaves behind for combine.
struct Partial {
  float* o;    // [split][row][head][dim], unnormalised
  float2* ml;  // [row][head][split]: running max, sum of exponentials
};

// Where the 64 keys of a tile lie: neighbours in a page, or tokens of a prefix named one by one.
struct Tile {
  const uint8_t *k, *v;
  const float *kScale, *vScale;
  size_t base;
  const int* gather;  // null for a page
  int first, keys;    // of a page: its first slot; keys that may be read

  __device__ Tile() {}
  __device__ Tile(const Kv& kv, int physical, int head, int page, int last)
      : k(kv.k),
        v(kv.v),
        kScale(kv.kScale),
        vScale(kv.vScale),
        base(kv.slotAt(physical, head, 0)),
        gather(nullptr),
        first(page * PAGE),
        keys(min(PAGE, last + 1 - page * PAGE)) {}  // slots behind the last were never written

  template <bool GATHERS>
  __device__ size_t slot(int key) const {
    return GATHERS && gather ? base + gather[key] : base + key;
  }
  template <bool GATHERS>
  __device__ bool sees(const Sight& sight, int key) const {
    return GATHERS && gather ? key < keys : sight.sees(first + key);
  }
};

// The slots that a row (or a tile of rows) may see.
struct Slots {
  int first, last;
};

// A plan's tiles for one KV head: all pages of the slots. `r` is a row or, where tiles of rows are
// attended, the number of the tile.
struct AllPages {
  static constexpr bool GATHERS = false, CHOOSES = false;

  __device__ int count(const Step& step, Slots slots, int r, int seq, int head) const {
    return slots.last / PAGE + 1 - slots.first / PAGE;
  }
  __device__ Tile tile(const Step& step, const Kv& kv, Slots slots, int r, int seq, int head,
                       int i) const {
    int page = slots.first / PAGE + i;
    return Tile(kv, step.page(step.seq(TABLE, seq), page), head, page, slots.last);
  }
};

// grid (kv heads × chunks of HEADS query heads, rows, splits). The query heads that share a KV head
// are done together, so a key is read once for all of them. A tile is one page (or 64 gathered
// keys):
//   scores   a warp takes 4 keys at a time, 8 lanes each; lanes of a key read 128 contiguous bytes
//   of K softmax  a warp takes a head P · V    a thread owns two elements of the head dim; with dim
//   < 256, groups of threads share the keys
template <int HEADS, typename Plan>
__device__ inline void attend(const Step& step, const Plan& plan, const float* q, const Kv& kv,
                              int heads, float scale, int window, float softCap, int maxRows,
                              int splits, Partial partial, float* out, float* lse) {
  extern __shared__ float shared[];
  int r = blockIdx.y;
  if (r >= step.tokens()) return;
  int seq = step.row(SEQUENCE, r);
  if (step.seq(ROW_COUNT, seq) > maxRows) return;  // the prefill kernel does these rows
  int dim = kv.dim, perKv = heads / kv.heads, chunks = (perKv + HEADS - 1) / HEADS;
  int kvHead = blockIdx.x / chunks, firstHead = (blockIdx.x % chunks) * HEADS,
      live = min(HEADS, perKv - firstHead);
  int head0 = kvHead * perKv + firstHead;
  int qDim = (dim + 63) & ~63;
  float* qs = shared;             // [HEADS][qDim], spread
  float* p = qs + HEADS * qDim;   // [HEADS][PAGE]
  float* top = p + HEADS * PAGE;  // [HEADS] running max
  float* sum = top + HEADS;       // [HEADS]
  float* decay = sum + HEADS;     // [HEADS] what a tile multiplies the accumulators by
  float* spare =
      decay +
      2 * HEADS;  // [groups of threads − 1][HEADS][dim]; 4 · HEADS before it keep it aligned

  for (int i = threadIdx.x; i < HEADS * dim; i += THREADS) {
    int g = i / dim, e = i % dim;
    qs[g * qDim + spread(e)] = g < live ? q[((size_t)r * heads + head0) * dim + i] : 0.0f;
  }
  if (threadIdx.x < HEADS) {
    top[threadIdx.x] = -INFINITY;
    sum[threadIdx.x] = 0;
  }
  Sight sight(step, r, seq, window);
  Slots slots = {sight.first(), sight.last};
  int tiles = plan.count(step, slots, r, seq, kvHead), each = (tiles + splits - 1) / splits;
  int from = blockIdx.z * each, to = min(from + each, tiles);

  int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, word = 4 * (lane & 7);
  int pairs = dim >> 1, groups = THREADS / pairs, mine = threadIdx.x / pairs,
      pair = threadIdx.x % pairs;
  float2 acc[HEADS];
#pragma unroll
  for (int g = 0; g < HEADS; g++) acc[g] = make_float2(0, 0);
  __syncthreads();  // q and the running state are there

  for (int i = from; i < to; i++) {
    Tile tile = plan.tile(step, kv, slots, r, seq, kvHead, i);
    if constexpr (Plan::GATHERS) {
      __shared__ int gathered[PAGE];
      if (tile.gather) {
        if (threadIdx.x < tile.keys) gathered[threadIdx.x] = tile.gather[threadIdx.x];
        __syncthreads();  // the tile's tokens are there
        tile.gather = gathered;
      }
    }
    for (int it = 0; it < PAGE / (4 * WARPS); it++) {
      int key = it * 4 * WARPS + warp * 4 + (lane >> 3);
      bool sees = tile.template sees<Plan::GATHERS>(sight, key);
      float dot[HEADS];
#pragma unroll
      for (int g = 0; g < HEADS; g++) dot[g] = 0;
      if (sees) {
        size_t slot = tile.template slot<Plan::GATHERS>(key);
        for (int i = 8 * (lane & 7); i < dim; i += 64) {
          float k[8];
          load8<KV>(tile.k, tile.kScale, slot, dim, i, k);
#pragma unroll
          for (int g = 0; g < HEADS; g++) {
            const float* at = qs + g * qDim + (i & ~63) + word;
            float4 a = *(const float4*)at, b = *(const float4*)(at + 32);
            dot[g] += k[0] * a.x + k[1] * a.y + k[2] * a.z + k[3] * a.w + k[4] * b.x + k[5] * b.y +
                      k[6] * b.z + k[7] * b.w;
          }
        }
      }
#pragma unroll
      for (int g = 0; g < HEADS; g++) {
#pragma unroll
        for (int o = 4; o > 0; o >>= 1) dot[g] += __shfl_xor_sync(FULL_WARP, dot[g], o);
        if ((lane & 7) == 0) {
          float s = dot[g] * scale;
          if (softCap > 0) s = softCap * tanhf(s / softCap);
          p[g * PAGE + key] = sees ? s : -INFINITY;
        }
      }
    }
    __syncthreads();  // all scores of the tile are there
    for (int g = warp; g < HEADS; g += WARPS) {
      float a = p[g * PAGE + lane], b = p[g * PAGE + lane + 32], old = top[g];
      float now = fmaxf(old, warpMax(fmaxf(a, b))), safe = now == -INFINITY ? 0.0f : now;
      a = __expf(a - safe);
      b = __expf(b - safe);
      float factor = __expf(old - safe), total = warpSum(a + b);
      p[g * PAGE + lane] = a;
      p[g * PAGE + lane + 32] = b;
      __syncwarp();  // every lane has read the old state
      if (lane == 0) {
        top[g] = now;
        sum[g] = sum[g] * factor + total;
        decay[g] = factor;
      }
    }
    __syncthreads();  // probabilities are there
    if (mine < groups) {
#pragma unroll
      for (int g = 0; g < HEADS; g++) {
        acc[g].x *= decay[g];
        acc[g].y *= decay[g];
      }
      for (int key = mine; key < tile.keys; key += groups) {
        float2 v =
            load2<KV>(tile.v, tile.vScale, tile.template slot<Plan::GATHERS>(key), dim, 2 * pair);
#pragma unroll
        for (int g = 0; g < HEADS; g++) {
          acc[g].x += p[g * PAGE + key] * v.x;
          acc[g].y += p[g * PAGE + key] * v.y;
        }
      }
    }
    __syncthreads();  // the next tile overwrites p and decay
  }

  if (mine > 0 && mine < groups) {
#pragma unroll
    for (int g = 0; g < HEADS; g++)
      ((float2*)(spare + ((mine - 1) * HEADS + g) * dim))[pair] = acc[g];
  }
  __syncthreads();  // the other groups' sums are there
  if (mine == 0) {
#pragma unroll
    for (int g = 0; g < HEADS; g++) {
      if (g >= live) break;
      float2 o = acc[g];
      for (int i = 1; i < groups; i++) {
        float2 more = ((const float2*)(spare + ((i - 1) * HEADS + g) * dim))[pair];
        o.x += more.x;
        o.y += more.y;
      }
      size_t at = (size_t)r * heads + head0 + g;
      if (splits > 1) {
        ((float2*)(partial.o + ((size_t)blockIdx.z * gridDim.y * heads + at) * dim))[pair] = o;
      } else {
        float l = sum[g], inverse = l > 0 ? 1.0f / l : 0.0f;
        ((float2*)(out + at * dim))[pair] = make_float2(o.x * inverse, o.y * inverse);
      }
    }
  }
  if (threadIdx.x < live) {
    size_t at = (size_t)r * heads + head0 + threadIdx.x;
    float m = top[threadIdx.x], l = sum[threadIdx.x];
    if (splits > 1) {
      partial.ml[at * splits + blockIdx.z] = make_float2(m, l);
    } else if (lse) {
      lse[at] = l > 0 ? m + logf(l) : -INFINITY;
    }
  }
}
