// KV append, copies of slots, and attention: flash-decoding (split-KV with combine, Dao et al. 2023) for any mask, window,
// soft-cap and head dim that is a multiple of 8 up to 256. All arithmetic in f32.
#include "flash.cuh"
#include "kv.cuh"
#include "rope.cuh"

constexpr int KV = GATUN_KV;
constexpr int THREADS = 128, WARPS = THREADS / 32;

// One warp stores the elements x(0) … x(dim − 1) of a slot.
template <int FORMAT, typename X>
__device__ inline void store(uint8_t* data, float* scales, size_t slot, int dim, X x) {
  if constexpr (FORMAT == KV_F32) {
    for (int i = threadIdx.x; i < dim; i += 32) ((float*)data)[slot * dim + i] = x(i);
  } else if constexpr (FORMAT == KV_F16) {
    for (int i = threadIdx.x; i < dim; i += 32) ((__half*)data)[slot * dim + i] = __float2half_rn(x(i));
  } else {
    float top = 0;
    for (int i = threadIdx.x; i < dim; i += 32) top = fmaxf(top, fabsf(x(i)));
    top = warpMax(top);
    float inverse = top > 0 ? 127.0f / top : 0.0f;
    for (int i = threadIdx.x; i < dim; i += 32) ((int8_t*)data)[slot * dim + i] = (int8_t)__float2int_rn(x(i) * inverse);
    if (threadIdx.x == 0) scales[slot] = top / 127.0f;
  }
}

// Row blockIdx.x, head blockIdx.y: where it goes, and from which element it comes.
struct Appended {
  size_t slot, from;

  __device__ Appended(const Step& step, const Kv& kv) {
    int r = blockIdx.x, h = blockIdx.y, at = step.row(SLOT, r);
    slot = kv.slotAt(step.page(step.seq(TABLE, step.row(SEQUENCE, r)), at / PAGE), h, at % PAGE);
    from = ((size_t)r * kv.heads + h) * kv.dim;
  }
};

// grid (rows, kv heads), one warp per block.
KERNEL kv_append(Step step, const float* k, const float* v, Kv kv) {
  if (blockIdx.x >= step.tokens()) return;
  Appended a(step, kv);
  store<KV>(kv.k, kv.kScale, a.slot, kv.dim, [&](int i) { return k[a.from + i]; });
  store<KV>(kv.v, kv.vScale, a.slot, kv.dim, [&](int i) { return v[a.from + i]; });
}

// The same for keys that have not been rotated yet.
KERNEL kv_append_rope(Step step, const float* k, const double* turns, int rotaryDim, int interleaved, const float* v,
                      Kv kv) {
  if (blockIdx.x >= step.tokens()) return;
  Appended a(step, kv);
  store<KV>(kv.k, kv.kScale, a.slot, kv.dim,
            Rotated{k + a.from, turns, step.row(POSITION, blockIdx.x), rotaryDim >> 1, interleaved});
  store<KV>(kv.v, kv.vScale, a.slot, kv.dim, [&](int i) { return v[a.from + i]; });
}

// grid (kv heads), between steps. Source and target ranges may overlap within a page: slots move one after another, and
// the barrier keeps a slot's reads behind the writes of the one before.
KERNEL kv_copy(Kv kv, int srcPage, int srcSlot, int dstPage, int dstSlot, int count) {
  constexpr int BYTES = KV == KV_F32 ? 4 : KV == KV_F16 ? 2 : 1;
  int words = kv.dim * BYTES / 4;
  for (int i = 0; i < count; i++) {
    size_t from = kv.slotAt(srcPage, blockIdx.x, srcSlot + i), to = kv.slotAt(dstPage, blockIdx.x, dstSlot + i);
    for (int w = threadIdx.x; w < words; w += blockDim.x) {
      ((uint32_t*)kv.k)[to * words + w] = ((const uint32_t*)kv.k)[from * words + w];
      ((uint32_t*)kv.v)[to * words + w] = ((const uint32_t*)kv.v)[from * words + w];
    }
    if (KV == KV_INT8 && threadIdx.x == 0) {
      kv.kScale[to] = kv.kScale[from];
      kv.vScale[to] = kv.vScale[from];
    }
    __syncthreads();
  }
}

// What a split leaves behind for combine: [split][row][head], O unnormalised.
struct Partial {
  float* o;
  float2* ml;  // running max, sum of exponentials
};

// grid (kv heads × chunks of HEADS query heads, rows, splits). The query heads that share a KV head are done together, so
// a key is read once for all of them. A tile is one page:
//   scores   a warp takes 4 keys at a time, 8 lanes each; lanes of a key read 128 contiguous bytes of K
//   softmax  a warp takes a head
//   P · V    a thread owns two elements of the head dim; with dim < 256, groups of threads share the keys
template <int HEADS>
__device__ inline void attend(const Step& step, const float* q, const Kv& kv, int heads, float scale, int window,
                              float softCap, int maxRows, int splits, Partial partial, float* out, float* lse) {
  extern __shared__ float shared[];
  int r = blockIdx.y;
  if (r >= step.tokens()) return;
  int seq = step.row(SEQUENCE, r);
  if (step.seq(ROW_COUNT, seq) > maxRows) return;  // the prefill kernel does these rows
  int dim = kv.dim, perKv = heads / kv.heads, chunks = (perKv + HEADS - 1) / HEADS;
  int kvHead = blockIdx.x / chunks, firstHead = (blockIdx.x % chunks) * HEADS, live = min(HEADS, perKv - firstHead);
  int head0 = kvHead * perKv + firstHead;
  int qDim = (dim + 63) & ~63;     // q of 64 elements lies as the first halves of the eights, then the second halves:
  float* qs = shared;              // [HEADS][qDim]  eight lanes read 128 neighbouring bytes
  float* p = qs + HEADS * qDim;    // [HEADS][PAGE]
  float* top = p + HEADS * PAGE;   // [HEADS] running max
  float* sum = top + HEADS;        // [HEADS]
  float* decay = sum + HEADS;      // [HEADS] what a tile multiplies the accumulators by
  float* spare = decay + 2 * HEADS;  // [groups of threads − 1][HEADS][dim]; 4 · HEADS before it keep it aligned

  for (int i = threadIdx.x; i < HEADS * dim; i += THREADS) {
    int g = i / dim, e = i % dim;
    qs[g * qDim + (e & ~63) + (e & 4) * 8 + ((e & 56) >> 1) + (e & 3)] =
        g < live ? q[((size_t)r * heads + head0) * dim + i] : 0.0f;
  }
  if (threadIdx.x < HEADS) {
    top[threadIdx.x] = -INFINITY;
    sum[threadIdx.x] = 0;
  }
  Sight sight(step, r, seq, window);
  int table = step.seq(TABLE, seq);
  int firstPage = sight.first() / PAGE, pages = sight.last / PAGE + 1 - firstPage;
  int each = (pages + splits - 1) / splits;
  int from = firstPage + blockIdx.z * each, to = min(from + each, firstPage + pages);

  int warp = threadIdx.x >> 5, lane = threadIdx.x & 31;
  int pairs = dim >> 1, groups = THREADS / pairs, mine = threadIdx.x / pairs, pair = threadIdx.x % pairs;
  float2 acc[HEADS];
#pragma unroll
  for (int g = 0; g < HEADS; g++) acc[g] = make_float2(0, 0);
  __syncthreads();  // q and the running state are there

  for (int page = from; page < to; page++) {
    int physical = step.page(table, page);
    for (int it = 0; it < PAGE / (4 * WARPS); it++) {
      int key = it * 4 * WARPS + warp * 4 + (lane >> 3);
      bool sees = sight.sees(page * PAGE + key);
      float dot[HEADS];
#pragma unroll
      for (int g = 0; g < HEADS; g++) dot[g] = 0;
      if (sees) {
        size_t slot = kv.slotAt(physical, kvHead, key);
        for (int i = 8 * (lane & 7); i < dim; i += 64) {
          float k[8];
          load8<KV>(kv.k, kv.kScale, slot, dim, i, k);
#pragma unroll
          for (int g = 0; g < HEADS; g++) {
            const float* at = qs + g * qDim + (i & ~63) + 4 * (lane & 7);
            float4 a = *(const float4*)at, b = *(const float4*)(at + 32);
            dot[g] += k[0] * a.x + k[1] * a.y + k[2] * a.z + k[3] * a.w + k[4] * b.x + k[5] * b.y + k[6] * b.z + k[7] * b.w;
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
      int keys = min(PAGE, sight.last + 1 - page * PAGE);  // slots behind it were never written
      for (int key = mine; key < keys; key += groups) {
        float2 v = load2<KV>(kv.v, kv.vScale, kv.slotAt(physical, kvHead, key), dim, 2 * pair);
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
    for (int g = 0; g < HEADS; g++) ((float2*)(spare + ((mine - 1) * HEADS + g) * dim))[pair] = acc[g];
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
      partial.ml[(size_t)blockIdx.z * gridDim.y * heads + at] = make_float2(m, l);
    } else if (lse) {
      lse[at] = l > 0 ? m + logf(l) : -INFINITY;
    }
  }
}

#define ATTEND(HEADS)                                                                                              \
  KERNEL attend_##HEADS(Step step, const float* q, Kv kv, int heads, float scale, int window, float softCap,       \
                        int maxRows, int splits, Partial partial, float* out, float* lse) {                        \
    attend<HEADS>(step, q, kv, heads, scale, window, softCap, maxRows, splits, partial, out, lse);                 \
  }

ATTEND(1)
ATTEND(2)
ATTEND(4)
ATTEND(8)

// grid (heads, rows): merges the splits of one head of one row by their log sums.
KERNEL combine(Step step, int heads, int dim, int maxRows, int splits, Partial partial, float* out, float* lse) {
  int r = blockIdx.y, h = blockIdx.x;
  if (r >= step.tokens()) return;
  if (step.seq(ROW_COUNT, step.row(SEQUENCE, r)) > maxRows) return;
  size_t at = (size_t)r * heads + h, stride = (size_t)gridDim.y * heads;
  float m = -INFINITY;
  for (int s = 0; s < splits; s++) m = fmaxf(m, partial.ml[s * stride + at].x);
  float safe = m == -INFINITY ? 0.0f : m, l = 0;
  for (int s = 0; s < splits; s++) {
    float2 ml = partial.ml[s * stride + at];
    l += ml.y * __expf(ml.x - safe);
  }
  float inverse = l > 0 ? 1.0f / l : 0.0f;
  for (int i = threadIdx.x; i < dim; i += blockDim.x) {
    float o = 0;
    for (int s = 0; s < splits; s++) {
      o += partial.o[(s * stride + at) * dim + i] * __expf(partial.ml[s * stride + at].x - safe);
    }
    out[at * dim + i] = o * inverse;
  }
  if (lse && threadIdx.x == 0) lse[at] = l > 0 ? m + logf(l) : -INFINITY;
}

// grid (tiles of 64 rows, query heads): sequences that bring at least minRows rows.
#define FLASH(D)                                                                                                  \
  KERNEL __launch_bounds__(FLASH_THREADS)                                                                         \
      flash_##D(Step step, const float* q, Kv kv, int heads, float scale, int window, float softCap, int minRows, \
                float* out, float* lse) {                                                                         \
    flashForward<KV, D>(step, q, kv, heads, scale, window, softCap, minRows, out, lse);                           \
  }

FLASH(64)
FLASH(80)
FLASH(96)
FLASH(128)
FLASH(192)
FLASH(256)
