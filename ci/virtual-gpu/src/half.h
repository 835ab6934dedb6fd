// f16 and bfloat16 arithmetic with one rounding.
#pragma once
#include <immintrin.h>

#include <cmath>

#include "rows.h"

namespace vgpu {
inline float f16_to_f32(u16 h) { return _cvtsh_ss(h); }
inline u16 f32_to_f16(float f) {
  if (f != f) return 0x7fff;
  return (u16)_cvtss_sh(f, _MM_FROUND_TO_NEAREST_INT);
}
inline float bf16_to_f32(u16 h) { return bits_as<float>((u32)h << 16); }
inline u16 f32_to_bf16(float f) {
  if (f != f) return 0x7fff;
  u32 b = bits_as<u32>(f);
  return (u16)((b + 0x7fff + (b >> 16 & 1)) >> 16);
}
// double -> float rounded to odd, so that a second rounding to a narrower format is the only one
// that counts
inline float odd_f32(double d) {
  float f = (float)d;
  if (d != d || (double)f == d || std::isinf(f)) {
    if (std::isinf(f) && !std::isinf(d)) return std::copysign(3.402823466e38f, f);
    return f;
  }
  u32 b = bits_as<u32>(f);
  if (!(b & 1)) {  // step towards d: the neighbour is odd
    bool up = (double)f < d;
    bool positive = !(b >> 31);
    b += up == positive ? 1 : -1;
    if (f == 0) b = (d < 0 ? 0x80000001u : 1u);
  }
  return bits_as<float>(b);
}
// a*b+c in double, rounded to odd (a, b, c have at most 24 significant bits, so a*b is exact)
inline double odd_fma(double a, double b, double c) {
  double p = a * b, s = p + c;
  if (!(std::fabs(s) < 1e308)) return s;
  double bb = s - p, err = (p - (s - bb)) + (c - bb);
  if (err != 0) {
    u64 v = bits_as<u64>(s);
    if (!(v & 1)) {
      bool up = err > 0;
      bool positive = !(v >> 63);
      v += up == positive ? 1 : -1;
      s = bits_as<double>(v);
    }
  }
  return s;
}
inline u16 fma_f16(u16 a, u16 b, u16 c) {
  return f32_to_f16(odd_f32(odd_fma(f16_to_f32(a), f16_to_f32(b), f16_to_f32(c))));
}
inline u16 fma_bf16(u16 a, u16 b, u16 c) {
  return f32_to_bf16(odd_f32(odd_fma(bf16_to_f32(a), bf16_to_f32(b), bf16_to_f32(c))));
}
inline float flush(float x) {
  return (bits_as<u32>(x) & 0x7f800000u) ? x : bits_as<float>(bits_as<u32>(x) & 0x80000000u);
}
inline u16 flush16(u16 h) { return h & 0x7c00 ? h : h & 0x8000; }
inline float canonical(float x) { return x != x ? bits_as<float>(0x7fffffffu) : x; }
inline float saturate(float x) { return x > 0 ? (x < 1 ? x : 1.0f) : 0.0f; }  // NaN and -0 give +0
// 32 lanes of f16 bits (zero-extended) to f32 and back
void row_f16_to_f32(const u32* h, float* f);
void row_f32_to_f16(const float* f, u32* h);
double exp2_exact(double x);
}  // namespace vgpu
