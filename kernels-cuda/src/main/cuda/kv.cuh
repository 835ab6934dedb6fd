// The KV pages of one layer, compiled once per codec: -DGATUN_KV=KV_F16. Page p, head h, slot s,
// element i lies at
// ((p · heads + h) · 64 + s) · dim + i; INT8 keeps one f32 scale per (page, head, slot) in a plane
// of its own.
#pragma once

#include "common.cuh"

enum KvFormat { KV_F32, KV_F16, KV_INT8 };

struct Kv {
  uint8_t *k, *v;
  float *kScale, *vScale;
  int heads, dim;

  __device__ size_t slotAt(int page, int head, int slot) const {
    return ((size_t)page * heads + head) * PAGE + slot;
  }
};

// Half precision that saturates: an infinity would turn every score of a sequence into NaN. A NaN
// stays one.
__device__ inline __half saturated(float x) {
  return __float2half_rn(fabsf(x) > 65504.0f ? copysignf(65504.0f, x) : x);
}

// Eight consecutive elements of a slot; i is a multiple of 8 and so is dim.
template <int FORMAT>
__device__ inline void load8(const uint8_t* data, const float* scale, size_t slot, int dim, int i,
                             float out[8]) {
  size_t at = slot * dim + i;
  if constexpr (FORMAT == KV_F32) {
    float4 a = ((const float4*)((const float*)data + at))[0],
           b = ((const float4*)((const float*)data + at))[1];
    out[0] = a.x, out[1] = a.y, out[2] = a.z, out[3] = a.w, out[4] = b.x, out[5] = b.y,
    out[6] = b.z, out[7] = b.w;
  } else if constexpr (FORMAT == KV_F16) {
    uint4 v = *(const uint4*)((const __half*)data + at);
    uint32_t p[4] = {v.x, v.y, v.z, v.w};
#pragma unroll
    for (int j = 0; j < 4; j++) {
      float2 f = __half22float2(*(const __half2*)&p[j]);
      out[2 * j] = f.x, out[2 * j + 1] = f.y;
    }
  } else {
    uint2 v = *(const uint2*)(data + at);
    float s = scale[slot];
#pragma unroll
    for (int j = 0; j < 8; j++) out[j] = s * (int8_t)((j < 4 ? v.x : v.y) >> (8 * (j & 3)));
  }
}

template <int FORMAT>
__device__ inline float2 load2(const uint8_t* data, const float* scale, size_t slot, int dim,
                               int i) {
  size_t at = slot * dim + i;
  if constexpr (FORMAT == KV_F32) return *(const float2*)((const float*)data + at);
  if constexpr (FORMAT == KV_F16)
    return __half22float2(*(const __half2*)((const __half*)data + at));
  char2 c = *(const char2*)(data + at);
  float s = scale[slot];
  return make_float2(s * c.x, s * c.y);
}
