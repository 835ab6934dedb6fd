// What every kernel shares: the step's descriptor, reductions, small wrappers over PTX.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <stdint.h>

#define KERNEL extern "C" __global__ void
#define FULL_WARP 0xffffffffu

constexpr int PAGE = 64;  // tokens per KV page: KvStore.PAGE_SLOTS

// The layout of org.gatun.graph.Step: 32-bit integers at offsets that follow from the program's
// limits. Launch sizes are those of a step *shape*; how many rows there really are stands in the
// header, so that a captured graph replays.
struct Step {
  const int* d;
  int rows, logitRows, sequences;  // limits
  int pageBase, maskBase, positionBase;

  // field >= 0: a header entry (0 tokens, 2 logit rows); negative: a fixed count.
  __device__ int count(int field) const { return field < 0 ? -field : d[field]; }
  __device__ int tokens() const { return d[0]; }
  __device__ int sequenceCount() const { return d[1]; }
  __device__ int row(int field, int r) const { return d[16 + field * rows + r]; }
  __device__ int logit(int field, int l) const { return d[16 + 6 * rows + field * logitRows + l]; }
  __device__ int seq(int field, int s) const {
    return d[16 + 6 * rows + 6 * logitRows + field * sequences + s];
  }
  __device__ int page(int table, int i) const { return d[pageBase + table + i]; }
};

enum RowField { TOKEN = 0, SEQUENCE = 1, POSITION = 2, SLOT = 3 };
enum LogitField { LOGIT_ROW = 0, TEMPERATURE = 1, TOP_K = 2, TOP_P = 3, MIN_P = 4, UNIFORM = 5 };
enum SequenceField {
  ROW_START = 0,
  ROW_COUNT = 1,
  KV_LENGTH = 2,
  TABLE = 3,
  MASK = 4,
  MASK_OFFSET = 5,
  POSITIONS = 6,
  PREFIX = 7,
  COARSE = 8,
  FINE = 9,
  FRESH = 10
};
enum MaskKind { CAUSAL = 0, FULL = 1, EXPLICIT = 2 };

// What one row sees of its sequence: the definition is Step.visible.
struct Sight {
  const int* explicitBits;   // of this row, when the mask is explicit
  const int* slotPositions;  // null while slots are positions
  int base, last;            // slots before base are old; no slot after last is visible
  int position, window;
  bool isExplicit;

  __device__ Sight(const Step& s, int r, int seq, int windowSize) {
    int count = s.seq(ROW_COUNT, seq), length = s.seq(KV_LENGTH, seq), kind = s.seq(MASK, seq);
    int i = r - s.seq(ROW_START, seq), at = s.seq(POSITIONS, seq);
    base = length - count;
    last = kind == CAUSAL ? base + i : length - 1;
    isExplicit = kind == EXPLICIT;
    explicitBits = s.d + s.maskBase + s.seq(MASK_OFFSET, seq) + i * ((count + 31) / 32);
    slotPositions = at < 0 ? nullptr : s.d + s.positionBase + at;
    position =
        s.row(slotPositions ? POSITION : SLOT, r);  // without a list, distances are those of slots
    window = windowSize;
  }

  // No slot before this one is visible.
  __device__ int first() const {
    return window > 0 && !slotPositions ? max(0, position - window + 1) : 0;
  }

  __device__ bool sees(int slot) const {
    if (slot > last) return false;
    if (window > 0 && position - (slotPositions ? slotPositions[slot] : slot) >= window)
      return false;
    if (!isExplicit || slot < base) return true;
    int j = slot - base;
    return (explicitBits[j >> 5] >> (j & 31)) & 1;
  }
};

__device__ inline float warpSum(float v) {
#pragma unroll
  for (int o = 16; o > 0; o >>= 1) v += __shfl_xor_sync(FULL_WARP, v, o);
  return v;
}

__device__ inline float warpMax(float v) {
#pragma unroll
  for (int o = 16; o > 0; o >>= 1) v = fmaxf(v, __shfl_xor_sync(FULL_WARP, v, o));
  return v;
}

// Sum over the block, in every thread. `part` holds a float per warp and may be used again after
// the next barrier.
__device__ inline float blockSum(float v, float* part) {
  v = warpSum(v);
  int warps = blockDim.x >> 5;
  if (warps == 1) return v;
  __syncthreads();  // the previous use of part has been read
  if ((threadIdx.x & 31) == 0) part[threadIdx.x >> 5] = v;
  __syncthreads();  // all warps' parts are there
  v = 0;
  for (int i = 0; i < warps; i++) v += part[i];
  return v;
}

template <int ACTIVATION>
__device__ inline float activate(float x) {
  if (ACTIVATION == 0) return x / (1.0f + __expf(-x));  // SiLU; __expf(big) = inf gives -0
  // GELU, tanh form: 0.5x(1 + tanh u) = x · sigmoid(2u)
  float u = 1.5957691216057308f * (x + 0.044715f * x * x * x);
  return x / (1.0f + __expf(-u));
}
