// What the selection kernels of attention plans share: queries in shared memory, scores eight lanes
// to a key.
#pragma once

#include "attend.cuh"

constexpr int PLAN_THREADS = 128, KEYS_AT_ONCE = PLAN_THREADS / 8;

// The model's attention: what a score is.
struct Scoring {
  int heads, kvHeads, dim;
  float scale, softCap;

  __device__ int group() const { return heads / kvHeads; }
  __device__ int qDim() const { return (dim + 63) & ~63; }
  __device__ float of(float dot) const {
    float s = dot * scale;
    return softCap > 0 ? softCap * tanhf(s / softCap) : s;
  }
};

// As spread, but second halves turned by 16 words, so that neighbours are stored to different
// banks: these kernels load queries for few keys each.
__device__ inline int secondHalf(int word) { return 32 + (word ^ 16); }
__device__ inline int turned(int e) {
  int word = (e & 56) >> 1;
  return (e & ~63) + (e & 4 ? secondHalf(word) : word) + (e & 3);
}

// Dot product of a half-precision key with q (in shared memory, turned) by eight lanes; all 32
// lanes of the warp must call it. The sum is in all eight.
__device__ inline float dotOfEight(const __half* key, const float* q, int dim) {
  float dot = 0;
  int word = 4 * (threadIdx.x & 7);
  for (int i = 8 * (threadIdx.x & 7); key && i < dim; i += 64) {
    uint4 v = *(const uint4*)(key + i);
    const float* at = q + (i & ~63);
    float4 a = *(const float4*)(at + word), b = *(const float4*)(at + secondHalf(word));
    float2 x = __half22float2(*(const __half2*)&v.x), y = __half22float2(*(const __half2*)&v.y);
    float2 z = __half22float2(*(const __half2*)&v.z), w = __half22float2(*(const __half2*)&v.w);
    dot += x.x * a.x + x.y * a.y + y.x * a.z + y.y * a.w + z.x * b.x + z.y * b.y + w.x * b.z +
           w.y * b.w;
  }
#pragma unroll
  for (int o = 4; o > 0; o >>= 1) dot += __shfl_xor_sync(FULL_WARP, dot, o);
  return dot;
}

// A running log-sum-exp.
struct LogSum {
  float top = -INFINITY, sum = 0;

  __device__ void add(float x, float weight) {
    float now = fmaxf(top, x);
    if (now == -INFINITY) return;
    sum = sum * __expf(top - now) + weight * __expf(x - now);
    top = now;
  }
  __device__ void add(const LogSum& o) {
    float now = fmaxf(top, o.top);
    if (now == -INFINITY) return;
    sum = sum * __expf(top - now) + o.sum * __expf(o.top - now);
    top = now;
  }
  __device__ float value() const { return sum > 0 ? top + logf(sum) : -INFINITY; }
};

// Merges the sums of the block's key lanes (each 8 lanes hold the same one); the result is in
// thread 0.
__device__ inline LogSum blockLogSum(LogSum mine, float2* part) {
#pragma unroll
  for (int o = 8; o < 32; o <<= 1) {
    LogSum other;
    other.top = __shfl_xor_sync(FULL_WARP, mine.top, o);
    other.sum = __shfl_xor_sync(FULL_WARP, mine.sum, o);
    mine.add(other);
  }
  __syncthreads();  // the previous use of part has been read
  if ((threadIdx.x & 31) == 0) part[threadIdx.x >> 5] = make_float2(mine.top, mine.sum);
  __syncthreads();  // all warps' parts are there
  if (threadIdx.x == 0) {
    for (int i = 1; i < PLAN_THREADS / 32; i++) {
      LogSum other;
      other.top = part[i].x;
      other.sum = part[i].y;
      mine.add(other);
    }
  }
  return mine;
}

// The queries of `count` heads from `head` on into shared memory, turned.
__device__ inline void loadQueries(const Scoring& at, const float* q, int r, int head, int count,
                                   float* qs) {
  for (int i = threadIdx.x; i < count * at.dim; i += blockDim.x) {
    qs[i / at.dim * at.qDim() + turned(i % at.dim)] = q[((size_t)r * at.heads + head) * at.dim + i];
  }
  __syncthreads();  // q is there
}
