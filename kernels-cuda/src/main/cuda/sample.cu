// Draws one token per row of logits. The order "falling value, then rising id" is never built:
// every cut and the pick itself is a descent through four 8-bit digits of the value, with counts
// and masses per digit. Masses are fixed-point integers, so the result does not depend on the order
// of additions.
#include "common.cuh"

constexpr int SAMPLE_THREADS = 512;
constexpr float ONE = 1099511627776.0f;  // 2^40: the mass of the most likely token

typedef unsigned long long Mass;

// Larger floats, larger keys.
__device__ inline uint32_t keyOf(float x) {
  uint32_t b = __float_as_uint(x);
  return b & 0x80000000u ? ~b : b | 0x80000000u;
}

__device__ inline float valueOf(uint32_t key) {
  return __uint_as_float(key & 0x80000000u ? key & 0x7fffffffu : ~key);
}

// STRIDE 1: logits. STRIDE 2: pairs of (value, id) by rising id, the candidates of several ranks.
template <int STRIDE>
struct Logits {
  const float* x;
  int count;
  float top, inverseTemperature,
      floor;  // tokens whose share of the top's is below floor have no mass

  __device__ uint32_t key(int i) const { return keyOf(x[STRIDE * i]); }

  __device__ int id(int i) const { return STRIDE == 1 ? i : (int)x[STRIDE * i + 1]; }

  __device__ Mass mass(uint32_t key) const {
    float p = expf((valueOf(key) - top) * inverseTemperature);
    return p >= floor ? __float2ull_rz(p * ONE) : 0;
  }
};

// Where a cut falls: all tokens of larger keys and the first `ties` of this key.
struct Cut {
  uint32_t key;
  uint32_t countBefore;
  Mass massBefore;
};

// The key at which the running count (or mass), in falling order, first exceeds `target`.
template <bool BY_MASS, int STRIDE>
__device__ Cut descend(const Logits<STRIDE>& in, Mass target, Mass* masses, uint32_t* counts,
                       Cut* found) {
  if (threadIdx.x == 0) *found = {0, 0, 0};
  for (int shift = 24; shift >= 0; shift -= 8) {
    for (int i = threadIdx.x; i < 256; i += blockDim.x) masses[i] = counts[i] = 0;
    __syncthreads();  // bins are clear and found is of the digit before
    uint32_t prefix = found->key;
    for (int i = threadIdx.x; i < in.count; i += blockDim.x) {
      uint32_t key = in.key(i);
      if (shift < 24 && (key ^ prefix) >> (shift + 8)) continue;
      Mass m = in.mass(key);
      if (BY_MASS && m == 0) continue;
      atomicAdd(&masses[(key >> shift) & 255], m);
      atomicAdd(&counts[(key >> shift) & 255], 1u);
    }
    __syncthreads();  // bins are full
    if (threadIdx.x == 0) {
      Cut c = *found;
      int last = -1;
      for (int b = 255; b >= 0; b--) {
        if (counts[b] == 0) continue;
        last = b;
        Mass before = BY_MASS ? c.massBefore : c.countBefore;
        if (before + (BY_MASS ? masses[b] : counts[b]) > target) break;
        // a target at the very end stays in the last bin that holds something
        bool more = false;
        for (int d = b - 1; d >= 0 && !more; d--) more = counts[d] != 0;
        if (!more) break;
        c.massBefore += masses[b];
        c.countBefore += counts[b];
      }
      c.key |= (uint32_t)max(last, 0) << shift;
      *found = c;
    }
    __syncthreads();  // the digit is chosen
  }
  Cut c = *found;
  __syncthreads();  // all have read it: the next descent may start
  return c;
}

// The id of the nth token (from 0, by rising id) whose key is this. A warp has a stretch of ids;
// its lanes read neighbours.
template <int STRIDE>
__device__ int nthOf(const Logits<STRIDE>& in, uint32_t key, uint32_t nth, uint32_t* perWarp,
                     int* found) {
  int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, warps = blockDim.x >> 5;
  int each = (in.count + 32 * warps - 1) / (32 * warps) * 32;
  int from = min(warp * each, in.count), to = min(from + each, in.count);
  uint32_t mine = 0;
  for (int i = from; i < to; i += 32) {
    mine += __popc(__ballot_sync(FULL_WARP, i + lane < to && in.key(min(i + lane, to - 1)) == key));
  }
  if (lane == 0) perWarp[warp] = mine;
  __syncthreads();  // counts are there
  uint32_t before = 0;
  for (int w = 0; w < warp; w++) before += perWarp[w];
  if (nth >= before && nth < before + mine) {
    for (int i = from; i < to; i += 32) {
      uint32_t hits =
          __ballot_sync(FULL_WARP, i + lane < to && in.key(min(i + lane, to - 1)) == key);
      uint32_t rank = before + __popc(hits & ((1u << lane) - 1));
      if ((hits >> lane & 1) && rank == nth) *found = i + lane;
      before += __popc(hits);
    }
  }
  __syncthreads();  // one thread has written it
  return *found;
}

// The largest key, in every thread.
template <int STRIDE>
__device__ uint32_t topKey(const Logits<STRIDE>& in, uint32_t* part) {
  uint32_t top = 0;
  for (int i = threadIdx.x; i < in.count; i += blockDim.x) top = max(top, in.key(i));
#pragma unroll
  for (int o = 16; o > 0; o >>= 1) top = max(top, __shfl_xor_sync(FULL_WARP, top, o));
  if ((threadIdx.x & 31) == 0) part[threadIdx.x >> 5] = top;
  __syncthreads();  // all warps' parts are there
  top = 0;
  for (int i = 0; i < (int)blockDim.x >> 5; i++) top = max(top, part[i]);
  __syncthreads();  // all have read them
  return top;
}

template <int STRIDE>
__device__ void draw(const Step& step, const float* logits, int* ids, int vocabulary) {
  __shared__ Mass masses[256];
  __shared__ uint32_t counts[SAMPLE_THREADS];
  __shared__ Cut cut;
  __shared__ int id;
  int l = blockIdx.x;
  if (l >= step.count(2)) return;
  Logits<STRIDE> in = {logits + (size_t)l * STRIDE * vocabulary, vocabulary, 0, 0, 0};
  float temperature = __int_as_float(step.logit(TEMPERATURE, l));
  uint32_t top = topKey(in, counts);
  if (temperature <= 0) {
    int first = nthOf(in, top, 0, counts, &id);
    if (threadIdx.x == 0) ids[l] = in.id(first);
    return;
  }
  in.top = valueOf(top);
  in.inverseTemperature = 1.0f / temperature;
  int topK = step.logit(TOP_K, l);
  float topP = __int_as_float(step.logit(TOP_P, l)), minP = __int_as_float(step.logit(MIN_P, l));

  // The kept tokens: larger keys than endKey, and endTies of endKey.
  uint32_t endKey = 0, endTies = 0xffffffffu;
  Mass kept;
  if (topK > 0 && topK < vocabulary) {
    Cut c = descend<false>(in, topK - 1, masses, counts, &cut);
    endKey = c.key;
    endTies = topK - c.countBefore;
    kept = c.massBefore + endTies * in.mass(c.key);
  } else {
    Cut c = descend<false>(in, vocabulary - 1, masses, counts, &cut);
    endKey = c.key;
    endTies = vocabulary - c.countBefore;
    kept = c.massBefore + endTies * in.mass(c.key);
  }
  if (topP < 1) {
    Mass target = (Mass)ceil((double)topP * (double)kept);
    target = target > 0 ? target - 1 : 0;
    Cut c = descend<true>(in, target, masses, counts, &cut);
    Mass each = in.mass(c.key);
    uint32_t ties = each == 0 ? 1 : (uint32_t)((target - min(target, c.massBefore)) / each) + 1;
    if (c.key > endKey || (c.key == endKey && ties < endTies)) {
      endKey = c.key;
      endTies = ties;
      kept = c.massBefore + ties * each;
    }
  }
  if (minP > 0) {
    in.floor = fminf(minP, 1.0f);
    // mass of the kept tokens above the floor: what a descent to the end counts before endKey
    Cut c = descend<true>(in, ~0ull >> 1, masses, counts, &cut);
    if (c.key > endKey) {
      Mass each = in.mass(c.key);
      endKey = c.key;
      endTies = 0xffffffffu;
      // all ties of the last key above the floor are kept: the bins of the last digit still hold
      // their number
      endTies = counts[c.key & 255];
      __syncthreads();  // counts is read before it is used again
      kept = c.massBefore + endTies * each;
    }
  }
  double uniform = (double)__int_as_float(step.logit(UNIFORM, l));
  Mass target = (Mass)(uniform * (double)kept);
  Cut c = descend<true>(in, target, masses, counts, &cut);
  Mass each = in.mass(c.key);
  uint32_t nth = each == 0 ? 0 : (uint32_t)((target - min(target, c.massBefore)) / each);
  uint32_t ties = counts[c.key & 255];
  __syncthreads();  // counts is read before it is used again
  if (c.key == endKey) ties = min(ties, endTies);
  nth = min(nth, ties - 1);
  int drawn = nthOf(in, c.key, nth, counts, &id);
  if (threadIdx.x == 0) ids[l] = in.id(drawn);
}

// grid (logit rows)
KERNEL sample(Step step, const float* logits, int* ids, int vocabulary) {
  draw<1>(step, logits, ids, vocabulary);
}

// grid (logit rows)
KERNEL sample_pairs(Step step, const float* pairs, int* ids, int count) {
  draw<2>(step, pairs, ids, count);
}

// The `kept` largest logits of a row with their ids, by rising id; of equal ones the lower ids. A
// warp has a stretch of ids and writes behind the warps before it. grid (logit rows)
KERNEL candidates(Step step, const float* logits, float* pairs, int columns, int kept, int first) {
  __shared__ Mass masses[256];
  __shared__ uint32_t counts[256];
  __shared__ uint32_t larger[SAMPLE_THREADS / 32], equal[SAMPLE_THREADS / 32];
  __shared__ Cut cut;
  int l = blockIdx.x;
  if (l >= step.count(2)) return;
  Logits<1> in = {logits + (size_t)l * columns, columns, 0, 0, 0};
  Cut c = descend<false>(in, kept - 1, masses, counts, &cut);
  uint32_t ties = kept - c.countBefore;
  int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, warps = blockDim.x >> 5;
  int each = (columns + 32 * warps - 1) / (32 * warps) * 32;
  int from = min(warp * each, columns), to = min(from + each, columns);
  uint32_t above = 0, same = 0;
  for (int i = from; i < to; i += 32) {
    uint32_t key = in.key(min(i + lane, to - 1));
    above += __popc(__ballot_sync(FULL_WARP, i + lane < to && key > c.key));
    same += __popc(__ballot_sync(FULL_WARP, i + lane < to && key == c.key));
  }
  if (lane == 0) {
    larger[warp] = above;
    equal[warp] = same;
  }
  __syncthreads();  // counts of all warps are there
  above = same = 0;
  for (int w = 0; w < warp; w++) {
    above += larger[w];
    same += equal[w];
  }
  float* out = pairs + (size_t)l * 2 * kept;
  for (int i = from; i < to; i += 32) {
    uint32_t key = in.key(min(i + lane, to - 1));
    bool over = i + lane < to && key > c.key, tie = i + lane < to && key == c.key;
    uint32_t overs = __ballot_sync(FULL_WARP, over), tied = __ballot_sync(FULL_WARP, tie);
    uint32_t before = (1u << lane) - 1;
    uint32_t rank = same + __popc(tied & before);
    if (over || (tie && rank < ties)) {
      uint32_t at = above + __popc(overs & before) + min(rank, ties);
      out[2 * at] = in.x[i + lane];
      out[2 * at + 1] = (float)(first + i + lane);
    }
    above += __popc(overs);
    same += __popc(tied);
  }
}
