// f16 and bfloat16, scalar and packed in pairs.
#include "decode.h"
#include "half.h"

namespace vgpu {

void row_f16_to_f32(const u32* h, float* f) {
  for (int i = 0; i < LANES; i += 8) {
    __m256i v =
        _mm256_and_si256(_mm256_loadu_si256((const __m256i*)(h + i)), _mm256_set1_epi32(0xffff));
    __m256i p = _mm256_permute4x64_epi64(_mm256_packus_epi32(v, v), 0x08);
    _mm256_storeu_ps(f + i, _mm256_cvtph_ps(_mm256_castsi256_si128(p)));
  }
}
void row_f32_to_f16(const float* f, u32* h) {
  for (int i = 0; i < LANES; i += 8) {
    __m256 v = _mm256_loadu_ps(f + i);
    __m256i c = _mm256_cvtepu16_epi32(_mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
    __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(v, v, _CMP_UNORD_Q));
    _mm256_storeu_si256((__m256i*)(h + i), _mm256_blendv_epi8(c, _mm256_set1_epi32(0x7fff), nan));
  }
}

namespace {
// KIND: 0 add 1 sub 2 mul 3 fma. o.x bits: 1 ftz, 2 sat, 4 relu
template <bool BF>
inline float up(u16 v) {
  return BF ? bf16_to_f32(v) : f16_to_f32(v);
}
template <bool BF>
inline u16 down(float v) {
  return BF ? f32_to_bf16(v) : f32_to_f16(v);
}

template <int KIND, bool BF>
inline u16 arith(const Op& o, u16 a, u16 b, u16 c) {
  if (!BF && (o.x & 1)) a = flush16(a), b = flush16(b), c = flush16(c);
  u16 r;
  if (KIND == 3)
    r = BF ? fma_bf16(a, b, c) : fma_f16(a, b, c);
  else {
    // one double operation is exact enough: f16/bf16 sums and products fit 53 bits or keep a sticky
    // bit in odd_f32
    double x = up<BF>(a), y = up<BF>(b);
    double v = KIND == 2 ? x * y : odd_fma(x, 1.0, KIND == 0 ? y : -y);
    r = down<BF>(odd_f32(v));
  }
  if (!BF && (o.x & 1)) r = flush16(r);
  if (o.x & 2) r = down<BF>(saturate(up<BF>(r)));
  if (o.x & 4) {
    float v = up<BF>(r);
    r = v != v ? 0x7fff : (r & 0x8000) ? 0 : r;
  }
  return r;
}
template <int KIND, bool BF, bool PAIR>
void half_arith(Warp& w, const Op& o, u32 m) {
  u32* a = w.row<u32>(o.r[1]);
  u32* b = w.row<u32>(o.r[2]);
  u32* c = KIND == 3 ? w.row<u32>(o.r[3]) : b;
  u32* d = w.row<u32>(o.r[0]);
  lanes(m, [&](int i) {
    u32 lo = arith<KIND, BF>(o, (u16)a[i], (u16)b[i], (u16)c[i]);
    u32 hi = PAIR ? arith<KIND, BF>(o, (u16)(a[i] >> 16), (u16)(b[i] >> 16), (u16)(c[i] >> 16)) : 0;
    d[i] = lo | hi << 16;
  });
}
template <bool BF, bool PAIR>
Handler arith_of(int kind) {
  return kind == 0   ? half_arith<0, BF, PAIR>
         : kind == 1 ? half_arith<1, BF, PAIR>
         : kind == 2 ? half_arith<2, BF, PAIR>
                     : half_arith<3, BF, PAIR>;
}

template <bool MAX, bool BF>
inline u16 minmax(const Op& o, u16 a, u16 b) {
  float x = up<BF>(a), y = up<BF>(b);
  if (x != x || y != y) {
    if ((x != x && y != y) || o.x) return 0x7fff;
    return x != x ? b : a;
  }
  if (x == y) return MAX ? a & b : a | b;
  return (MAX ? x > y : x < y) ? a : b;
}
template <bool MAX, bool BF, bool PAIR>
void half_minmax(Warp& w, const Op& o, u32 m) {
  u32* a = w.row<u32>(o.r[1]);
  u32* b = w.row<u32>(o.r[2]);
  u32* d = w.row<u32>(o.r[0]);
  lanes(m, [&](int i) {
    u32 lo = minmax<MAX, BF>(o, (u16)a[i], (u16)b[i]);
    u32 hi = PAIR ? minmax<MAX, BF>(o, (u16)(a[i] >> 16), (u16)(b[i] >> 16)) : 0;
    d[i] = lo | hi << 16;
  });
}
template <int F>  // 0 ex2, 1 tanh
inline float approx_half(float x) {
  return F == 0 ? (float)exp2_exact(x) : std::tanh(x);
}
template <int F, bool BF, bool PAIR>
void half_approx(Warp& w, const Op& o, u32 m) {
  u32* a = w.row<u32>(o.r[1]);
  u32* d = w.row<u32>(o.r[0]);
  lanes(m, [&](int i) {
    u32 lo = down<BF>(approx_half<F>(up<BF>((u16)a[i])));
    u32 hi = PAIR ? down<BF>(approx_half<F>(up<BF>((u16)(a[i] >> 16)))) : 0;
    d[i] = lo | hi << 16;
  });
}
struct NegBits : Fn {
  u32 operator()(u32 a) const { return a ^ o.x; }
};
struct AbsBits : Fn {
  u32 operator()(u32 a) const { return a & ~o.x; }
};

bool is_bf(Ty t) { return t == Ty::BF16 || t == Ty::BF16x2; }
bool is_pair(Ty t) { return t == Ty::F16x2 || t == Ty::BF16x2; }
}  // namespace

void decode_half_arith(Ctx& c, Ty t) {
  const std::string& n = c.in.op;
  int kind = n == "add" ? 0 : n == "sub" ? 1 : n == "mul" ? 2 : n == "fma" ? 3 : -1;
  if (kind < 0) c.fail("not supported with this type");
  c.args(kind == 3 ? 4 : 3);
  c.one_of({"rn"});
  c.op.x = (c.has("ftz") ? 1 : 0) | (c.has("sat") ? 2 : 0) | (c.has("relu") ? 4 : 0);
  if (is_bf(t) && kind != 3 && c.d.m.sm < 90) c.fail("needs sm_90");
  for (int i = 1; i < (kind == 3 ? 4 : 3); i++) c.op.r[i] = c.src(i, t);
  c.op.r[0] = c.dst(0, t);
  Handler h = is_bf(t) ? (is_pair(t) ? arith_of<true, true>(kind) : arith_of<true, false>(kind))
                       : (is_pair(t) ? arith_of<false, true>(kind) : arith_of<false, false>(kind));
  c.emit(h, Cls::Fp16);
}
void decode_half_minmax(Ctx& c, Ty t) {
  c.args(3);
  c.has("ftz");
  c.op.x = c.has("NaN");
  c.op.r[1] = c.src(1, t), c.op.r[2] = c.src(2, t);
  c.op.r[0] = c.dst(0, t);
  bool max = c.in.op == "max", bf = is_bf(t), p = is_pair(t);
  c.emit(max ? (bf ? (p ? half_minmax<true, true, true> : half_minmax<true, true, false>)
                   : (p ? half_minmax<true, false, true> : half_minmax<true, false, false>))
             : (bf ? (p ? half_minmax<false, true, true> : half_minmax<false, true, false>)
                   : (p ? half_minmax<false, false, true> : half_minmax<false, false, false>)),
         Cls::Fp16);
}
void decode_half_negabs(Ctx& c, Ty t) {
  c.args(2);
  c.has("ftz");
  c.op.x = is_pair(t) ? 0x80008000u : 0x8000u;
  c.op.r[1] = c.src(1, t);
  c.op.r[0] = c.dst(0, t);
  c.emit(c.in.op == "neg" ? un<u32, u32, NegBits> : un<u32, u32, AbsBits>, Cls::Fp16);
}
void decode_half_approx(Ctx& c, Ty t) {
  c.op.r[1] = c.src(1, t);
  c.op.r[0] = c.dst(0, t);
  bool bf = is_bf(t), p = is_pair(t);
  Handler h = nullptr;
  if (c.in.op == "ex2")
    h = bf ? (p ? half_approx<0, true, true> : half_approx<0, true, false>)
           : (p ? half_approx<0, false, true> : half_approx<0, false, false>);
  if (c.in.op == "tanh")
    h = bf ? (p ? half_approx<1, true, true> : half_approx<1, true, false>)
           : (p ? half_approx<1, false, true> : half_approx<1, false, false>);
  c.emit(h, Cls::Sfu);
}
}  // namespace vgpu
