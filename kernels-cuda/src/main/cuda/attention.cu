// KV append, copies of slots, and dense attention, compiled once per KV codec: -DGATUN_KV=KV_F16.
#include "attend.cuh"
#include "flash.cuh"
#include "rope.cuh"

// The code of y = x / scale: to the nearest, halves upwards, as KvCodec.quantise defines it.
__device__ inline int8_t code(float y) {
  float nearest = rintf(y);  // halves to even
  return (int8_t)(y - nearest == 0.5f ? nearest + 1.0f : nearest);
}

// One warp stores the elements x(0) … x(dim − 1) of a slot.
template <int FORMAT, typename X>
__device__ inline void store(uint8_t* data, float* scales, size_t slot, int dim, X x) {
  if constexpr (FORMAT == KV_F32) {
    for (int i = threadIdx.x; i < dim; i += 32) ((float*)data)[slot * dim + i] = x(i);
  } else if constexpr (FORMAT == KV_F16) {
    for (int i = threadIdx.x; i < dim; i += 32) ((__half*)data)[slot * dim + i] = saturated(x(i));
  } else {
    float top = 0;
    for (int i = threadIdx.x; i < dim; i += 32) top = fmaxf(top, fabsf(x(i)));
    top = warpMax(top);
    float scale = top / 127.0f;
    for (int i = threadIdx.x; i < dim; i += 32) {
      ((int8_t*)data)[slot * dim + i] = scale > 0 ? code(x(i) / scale) : (int8_t)0;
    }
    if (threadIdx.x == 0) scales[slot] = scale;
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
KERNEL kv_append_rope(Step step, const float* k, const double* turns, int rotaryDim,
                      int interleaved, const float* v, Kv kv) {
  if (blockIdx.x >= step.tokens()) return;
  Appended a(step, kv);
  store<KV>(
      kv.k, kv.kScale, a.slot, kv.dim,
      Rotated{k + a.from, turns, step.row(POSITION, blockIdx.x), rotaryDim >> 1, interleaved});
  store<KV>(kv.v, kv.vScale, a.slot, kv.dim, [&](int i) { return v[a.from + i]; });
}

// grid (kv heads), between steps. Source and target ranges may overlap within a page: slots move
// one after another, and the barrier keeps a slot's reads behind the writes of the one before.
KERNEL kv_copy(Kv kv, int srcPage, int srcSlot, int dstPage, int dstSlot, int count) {
  constexpr int BYTES = KV == KV_F32 ? 4 : KV == KV_F16 ? 2 : 1;
  int words = kv.dim * BYTES / 4;
  for (int i = 0; i < count; i++) {
    size_t from = kv.slotAt(srcPage, blockIdx.x, srcSlot + i),
           to = kv.slotAt(dstPage, blockIdx.x, dstSlot + i);
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

#define ATTEND(HEADS)                                                                         \
  KERNEL attend_##HEADS(Step step, const float* q, Kv kv, int heads, float scale, int window, \
                        float softCap, int maxRows, int splits, Partial partial, float* out,  \
                        float* lse) {                                                         \
    attend<HEADS>(step, AllPages(), q, kv, heads, scale, window, softCap, maxRows, splits,    \
                  partial, out, lse);                                                         \
  }

ATTEND(1)
ATTEND(2)
ATTEND(4)
ATTEND(8)

// grid (heads, rows): merges the splits of one head of one row by their log sums; at most 32, a
// lane of each warp has one.
KERNEL combine(Step step, int heads, int dim, int maxRows, int splits, Partial partial, float* out,
               float* lse) {
  int r = blockIdx.y, h = blockIdx.x, lane = threadIdx.x & 31;
  if (r >= step.tokens()) return;
  if (step.seq(ROW_COUNT, step.row(SEQUENCE, r)) > maxRows) return;
  size_t at = (size_t)r * heads + h, stride = (size_t)gridDim.y * heads;
  float2 ml = lane < splits ? partial.ml[at * splits + lane] : make_float2(-INFINITY, 0);
  float m = warpMax(ml.x), safe = m == -INFINITY ? 0.0f : m, weight = __expf(ml.x - safe),
        l = warpSum(ml.y * weight);
  float inverse = l > 0 ? 1.0f / l : 0.0f;
  for (int i0 = 0; i0 < dim; i0 += blockDim.x) {
    int i = i0 + threadIdx.x;
    float o = 0;
    for (int s = 0; s < splits; s++) {
      float w = __shfl_sync(FULL_WARP, weight, s);
      if (i < dim) o += partial.o[(s * stride + at) * dim + i] * w;
    }
    if (i < dim) out[at * dim + i] = o * inverse;
  }
  if (lse && threadIdx.x == 0) lse[at] = l > 0 ? m + logf(l) : -INFINITY;
}

// grid (tiles of 64 rows, query heads): sequences that bring at least minRows rows.
#define FLASH(D)                                                                              \
  KERNEL __launch_bounds__(FLASH_THREADS, flashBlocks(D))                                     \
      flash_##D(Step step, const float* q, Kv kv, int heads, float scale, int window,         \
                float softCap, int minRows, float* out, float* lse) {                         \
    flashForward<KV, D>(step, AllPages(), q, kv, heads, scale, window, softCap, minRows, out, \
                        lse);                                                                 \
  }

FLASH(64)
FLASH(80)
FLASH(96)
FLASH(128)
FLASH(192)
FLASH(256)
