// Activations rounded to 8 bits, one scale per group of 32: three planes over all rows.
//   lo   16 B/group   elements 0–15        hi   16 B/group   elements 16–31
//   ds    8 B/group   f32 scale, then the sums of q over both halves as two 16-bit integers; a row
//   has an even number of
//                     them, so that two can be copied at once
#pragma once

#include "common.cuh"

struct Rows8 {
  uint8_t *lo, *hi, *ds;

  static __device__ size_t scaleAt(int row, int group, int groups) {
    return (size_t)row * ((groups + 1) & ~1) + group;
  }
};

// Eight lanes share a group; each rounds its four elements and writes the planes. All 32 lanes must
// call it; `valid` is the same for the eight lanes of a group.
__device__ inline void roundGroup(const Rows8& out, int row, int group, int groups, int lane8,
                                  float4 v, bool valid) {
  float top = fmaxf(fmaxf(fabsf(v.x), fabsf(v.y)), fmaxf(fabsf(v.z), fabsf(v.w)));
#pragma unroll
  for (int o = 4; o > 0; o >>= 1) top = fmaxf(top, __shfl_xor_sync(FULL_WARP, top, o));
  float scale = top / 127.0f, inverse = top > 0 ? 127.0f / top : 0.0f;
  int a = __float2int_rn(v.x * inverse), b = __float2int_rn(v.y * inverse);
  int c = __float2int_rn(v.z * inverse), d = __float2int_rn(v.w * inverse);
  int sum = a + b + c + d;
  sum += __shfl_xor_sync(FULL_WARP, sum, 1);
  sum += __shfl_xor_sync(FULL_WARP, sum, 2);
  int other = __shfl_xor_sync(FULL_WARP, sum, 4);
  if (!valid) return;
  int word = (a & 255) | (b & 255) << 8 | (c & 255) << 16 | (d & 255) << 24;
  ((int*)(lane8 < 4 ? out.lo : out.hi))[((size_t)row * groups + group) * 4 + (lane8 & 3)] = word;
  if (lane8 == 0) {
    ((int2*)out.ds)[Rows8::scaleAt(row, group, groups)] =
        make_int2(__float_as_int(scale), (sum & 0xffff) | (other << 16));
  }
}
