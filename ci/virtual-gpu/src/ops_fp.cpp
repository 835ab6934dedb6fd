// f32 and f64 arithmetic, comparisons, and the functions a GPU approximates (here: computed in
// double, rounded once).
#include <cfenv>

#include "decode.h"
#include "half.h"
#include "report.h"

namespace vgpu {
namespace {

// Rounding other than to nearest: the control register is switched around the inner op.
void rounded(Warp& w, const Op& o, u32 m) {
  static const u32 mode[] = {_MM_ROUND_NEAREST, _MM_ROUND_TOWARD_ZERO, _MM_ROUND_DOWN,
                             _MM_ROUND_UP};
  u32 old = _mm_getcsr();
  _mm_setcsr((old & ~_MM_ROUND_MASK) | mode[o.y]);
  o.inner(w, o, m);
  _mm_setcsr(old);
}

template <bool FTZ, bool SAT>
inline float out(float v) {
  if (FTZ) v = flush(v);
  v = canonical(v);
  return SAT ? saturate(v) : v;
}
#define F32OP2(NAME, EXPR)                     \
  template <bool FTZ, bool SAT>                \
  struct NAME : Fn {                           \
    float operator()(float a, float b) const { \
      if (FTZ) a = flush(a), b = flush(b);     \
      return out<FTZ, SAT>(EXPR);              \
    }                                          \
  }
F32OP2(FAdd, a + b);
F32OP2(FSub, a - b);
F32OP2(FMul, a* b);
F32OP2(FDiv, a / b);
template <bool FTZ, bool SAT>
struct FFma : Fn {
  float operator()(float a, float b, float c) const {
    if (FTZ) a = flush(a), b = flush(b), c = flush(c);
    return out<FTZ, SAT>(__builtin_fmaf(a, b, c));
  }
};
struct DAdd : Fn {
  double operator()(double a, double b) const { return a + b; }
};
struct DSub : Fn {
  double operator()(double a, double b) const { return a - b; }
};
struct DMul : Fn {
  double operator()(double a, double b) const { return a * b; }
};
struct DDiv : Fn {
  double operator()(double a, double b) const { return a / b; }
};
struct DFma : Fn {
  double operator()(double a, double b, double c) const { return __builtin_fma(a, b, c); }
};

template <template <bool, bool> class F>
Handler f32_2(bool ftz, bool sat) {
  return ftz ? (sat ? bin<float, float, float, F<true, true>>
                    : bin<float, float, float, F<true, false>>)
             : (sat ? bin<float, float, float, F<false, true>>
                    : bin<float, float, float, F<false, false>>);
}

// min and max: a lone NaN loses; -0 < +0. o.x: 1 = .NaN
template <bool MAX, class T>
struct FMinMax : Fn {
  bool ftz() const { return o.y & 1; }
  T operator()(T a, T b) const {
    if constexpr (sizeof(T) == 4)
      if (ftz()) a = flush(a), b = flush(b);
    if (a != a || b != b) {
      bool both = a != a && b != b;
      if (both || o.x) {
        if constexpr (sizeof(T) == 4)
          return bits_as<float>(0x7fffffffu);
        else
          return bits_as<double>(0x7ff8000000000000ull);
      }
      return a != a ? b : a;
    }
    if (a == b) return MAX ? (std::signbit(a) ? b : a) : (std::signbit(a) ? a : b);
    return (MAX ? a > b : a < b) ? a : b;
  }
};
// The common form, branch-free: no .NaN, no .ftz
template <bool MAX>
struct FMinMaxFast : Fn {
  float operator()(float a, float b) const {
    u32 x = bits_as<u32>(a), y = bits_as<u32>(b);
    float v = (MAX ? a > b : a < b) ? a : b;
    u32 z = MAX ? x & y : x | y;  // equal magnitudes: zeros of either sign
    v = a == b ? bits_as<float>(z) : v;
    v = b != b ? a : v;
    v = a != a ? b : v;
    return canonical(v);
  }
};
template <bool FTZ>
struct FNeg : Fn {
  u32 operator()(u32 a) const {
    return (FTZ && !(a & 0x7f800000u) ? a & 0x80000000u : a) ^ 0x80000000u;
  }
};
template <bool FTZ>
struct FAbs : Fn {
  u32 operator()(u32 a) const { return (FTZ && !(a & 0x7f800000u) ? 0 : a) & 0x7fffffffu; }
};
struct DNeg : Fn {
  u64 operator()(u64 a) const { return a ^ 1ull << 63; }
};
struct DAbs : Fn {
  u64 operator()(u64 a) const { return a & ~(1ull << 63); }
};
struct CopySign32 : Fn {
  u32 operator()(u32 a, u32 b) const { return (a & 0x80000000u) | (b & 0x7fffffffu); }
};
struct CopySign64 : Fn {
  u64 operator()(u64 a, u64 b) const { return (a & 1ull << 63) | (b & ~(1ull << 63)); }
};

// Approximate functions: f(double) -> double, rounded once; the jitter mode moves the result inside
// the allowance.
float jitter(float v, u64 seed, u32 in, double rel) {
  u64 h = (seed ^ in) * 0x9E3779B97F4A7C15ull;
  h ^= h >> 29;
  h *= 0xBF58476D1CE4E5B9ull;
  double u = (double)(i64)(h >> 11) * 0x1p-52 - 1.0;  // [-1, 1)
  return std::isfinite(v) && v != 0 ? (float)(v * (1.0 + u * rel)) : v;
}
template <int F>
inline double approx(double x) {
  switch (F) {
    case 0:
      return 1.0 / x;
    case 1:
      return 1.0 / std::sqrt(x);
    case 2:
      return std::sqrt(x);
    case 3:
      return exp2_exact(x);
    case 4:
      return std::log2(x);
    case 5:
      return std::sin(x);
    case 6:
      return std::cos(x);
    default:
      return std::tanh(x);
  }
}
const double kAllowance[] = {0x1p-23, 0x1.1p-23, 0x1p-23, 0x1p-22,
                             0x1p-22, 0x1p-21,   0x1p-21, 0x1p-11};
template <int F, bool FTZ>
struct Approx : Fn {
  float operator()(float a) const {
    if (FTZ) a = flush(a);
    float v = (float)approx<F>((double)a);
    return out<FTZ, false>(v);
  }
};
template <int F, bool FTZ>
void approx_op(Warp& w, const Op& o, u32 m) {
  un<float, float, Approx<F, FTZ>>(w, o, m);
  if (u64 seed = options().jitter) {
    float* d = w.row<float>(o.r[0]);
    lanes(m, [&](int i) { d[i] = jitter(d[i], seed, bits_as<u32>(d[i]), kAllowance[F]); });
  }
}
template <int F>
Handler approx_of(bool ftz) {
  return ftz ? approx_op<F, true> : approx_op<F, false>;
}
template <int F>
struct Exact32 : Fn {
  float operator()(float a) const { return out<false, false>(F == 0 ? 1.0f / a : std::sqrt(a)); }
};
template <int F>
struct Exact32Ftz : Fn {
  float operator()(float a) const {
    return out<true, false>(F == 0 ? 1.0f / flush(a) : std::sqrt(flush(a)));
  }
};
template <int F>
struct Exact64 : Fn {
  double operator()(double a) const {
    return F == 0 ? 1.0 / a : F == 1 ? 1.0 / std::sqrt(a) : std::sqrt(a);
  }
};
struct DivApprox : Fn {  // o.x: 1 = ftz
  float operator()(float a, float b) const {
    if (o.x) a = flush(a), b = flush(b);
    float v = (float)((double)a / (double)b);
    return canonical(o.x ? flush(v) : v);
  }
};

int rounding(Ctx& c) { return c.one_of({"rn", "rz", "rm", "rp"}); }
}  // namespace

double exp2_exact(double x) {
  // 2^x = 2^n · e^(f·ln 2), |f| <= 1/2; the series is exact to 1e-16
  double cx = x < -1100 ? -1100 : x > 1100 ? 1100 : x;
  double n = (cx + 0x1.8p52) - 0x1.8p52;
  double t = (cx - n) * 0.693147180559945309417;
  double p = 1.0 / 6227020800.0;
  p = p * t + 1.0 / 479001600.0;
  p = p * t + 1.0 / 39916800.0;
  p = p * t + 1.0 / 3628800.0;
  p = p * t + 1.0 / 362880.0;
  p = p * t + 1.0 / 40320.0;
  p = p * t + 1.0 / 5040.0;
  p = p * t + 1.0 / 720.0;
  p = p * t + 1.0 / 120.0;
  p = p * t + 1.0 / 24.0;
  p = p * t + 1.0 / 6.0;
  p = p * t + 0.5;
  p = p * t + 1.0;
  p = p * t + 1.0;
  // the scale in two halves keeps both powers normal; only the float's own range matters afterwards
  u64 bits = bits_as<u64>(n + 0x1.8p52);
  i64 k = (i64)(bits << 12) >> 12;
  k = (k << 52) >> 52;
  i64 k1 = k >> 1, k2 = k - k1;
  double s1 = bits_as<double>((u64)(k1 + 1023) << 52), s2 = bits_as<double>((u64)(k2 + 1023) << 52);
  double r = p * s1 * s2;
  return x != x ? x : r;
}

// add sub mul fma mad of float types
void decode_half_arith(Ctx& c, Ty t);
void decode_fp(Ctx& c, Ty t) {
  if (t != Ty::F32 && t != Ty::F64) return decode_half_arith(c, t);
  const std::string& n = c.in.op;
  bool three = n == "fma" || n == "mad";
  c.args(three ? 4 : 3);
  int round = rounding(c);
  bool ftz = c.has("ftz"), sat = c.has("sat");
  c.op.r[1] = c.src(1, t), c.op.r[2] = c.src(2, t);
  if (three) c.op.r[3] = c.src(3, t);
  c.op.r[0] = c.dst(0, t);
  Handler h = nullptr;
  if (t == Ty::F64) {
    if (ftz || sat) c.fail("modifier needs .f32");
    h = three        ? ter<double, double, double, double, DFma>
        : n == "add" ? bin<double, double, double, DAdd>
        : n == "sub" ? bin<double, double, double, DSub>
                     : bin<double, double, double, DMul>;
  } else if (three) {
    h = ftz ? (sat ? ter<float, float, float, float, FFma<true, true>>
                   : ter<float, float, float, float, FFma<true, false>>)
            : (sat ? ter<float, float, float, float, FFma<false, true>>
                   : ter<float, float, float, float, FFma<false, false>>);
  } else {
    h = n == "add"   ? f32_2<FAdd>(ftz, sat)
        : n == "sub" ? f32_2<FSub>(ftz, sat)
                     : f32_2<FMul>(ftz, sat);
  }
  Cls k = t == Ty::F64 ? Cls::Fp64 : Cls::Fp32;
  if (round > 0) {
    c.op.inner = h;
    c.op.y = (u32)round;
    h = rounded;
  }
  c.emit(h, k);
}
static Register r_fma({"fma"}, [](Ctx& c) { decode_fp(c, c.type()); });

void decode_half_minmax(Ctx& c, Ty t);
void decode_minmax_fp(Ctx& c, Ty t) {
  if (t != Ty::F32 && t != Ty::F64) return decode_half_minmax(c, t);
  c.args(3);
  bool ftz = c.has("ftz"), nan = c.has("NaN");
  c.op.x = nan, c.op.y = ftz;
  c.op.r[1] = c.src(1, t), c.op.r[2] = c.src(2, t);
  c.op.r[0] = c.dst(0, t);
  bool max = c.in.op == "max";
  if (t == Ty::F64)
    return c.emit(max ? bin<double, double, double, FMinMax<true, double>>
                      : bin<double, double, double, FMinMax<false, double>>,
                  Cls::Fp64);
  if (!ftz && !nan)
    return c.emit(max ? bin<float, float, float, FMinMaxFast<true>>
                      : bin<float, float, float, FMinMaxFast<false>>,
                  Cls::Fp32);
  c.emit(max ? bin<float, float, float, FMinMax<true, float>>
             : bin<float, float, float, FMinMax<false, float>>,
         Cls::Fp32);
}
void decode_half_negabs(Ctx& c, Ty t);
void decode_negabs_fp(Ctx& c, Ty t) {
  if (t != Ty::F32 && t != Ty::F64) return decode_half_negabs(c, t);
  c.args(2);
  bool ftz = c.has("ftz"), neg = c.in.op == "neg";
  c.op.r[1] = c.src(1, t);
  c.op.r[0] = c.dst(0, t);
  if (t == Ty::F64) return c.emit(neg ? un<u64, u64, DNeg> : un<u64, u64, DAbs>, Cls::Fp64);
  c.emit(neg ? (ftz ? un<u32, u32, FNeg<true>> : un<u32, u32, FNeg<false>>)
             : (ftz ? un<u32, u32, FAbs<true>> : un<u32, u32, FAbs<false>>),
         Cls::Fp32);
}
void decode_div_fp(Ctx& c, Ty t) {
  c.args(3);
  int round = rounding(c);
  bool approx = c.one_of({"approx", "full"}) >= 0, ftz = c.has("ftz");
  c.op.r[1] = c.src(1, t), c.op.r[2] = c.src(2, t);
  c.op.r[0] = c.dst(0, t);
  if (t == Ty::F64) {
    c.op.inner = bin<double, double, double, DDiv>;
    c.op.y = round > 0 ? round : 0;
    return c.emit(round > 0 ? rounded : c.op.inner, Cls::Fp64);
  }
  if (t != Ty::F32) c.fail("not supported with this type");
  if (approx) {
    c.op.x = ftz;
    return c.emit(bin<float, float, float, DivApprox>, Cls::Sfu);
  }
  c.op.inner = f32_2<FDiv>(ftz, false);
  c.op.y = round > 0 ? round : 0;
  c.emit(round > 0 ? rounded : c.op.inner, Cls::Fp32);
}

static Register r_copysign({"copysign"}, [](Ctx& c) {
  c.args(3);
  Ty t = c.type();
  c.op.r[1] = c.src(1, t), c.op.r[2] = c.src(2, t);
  c.op.r[0] = c.dst(0, t);
  c.emit(t == Ty::F32   ? bin<u32, u32, u32, CopySign32>
         : t == Ty::F64 ? bin<u64, u64, u64, CopySign64>
                        : nullptr,
         Cls::Fp32);
});

void decode_half_approx(Ctx& c, Ty t);
static Register r_approx({"rcp", "rsqrt", "sqrt", "ex2", "lg2", "sin", "cos", "tanh"}, [](Ctx& c) {
  c.args(2);
  const std::string& n = c.in.op;
  int round = rounding(c);
  bool approx = c.has("approx"), ftz = c.has("ftz");
  Ty t = c.type();
  if (t != Ty::F32 && t != Ty::F64) {
    if (!approx) c.fail("needs .approx");
    c.op.y = ftz;
    return decode_half_approx(c, t);
  }
  c.op.r[1] = c.src(1, t);
  c.op.r[0] = c.dst(0, t);
  if (t == Ty::F64) {
    Handler h = n == "rcp"     ? un<double, double, Exact64<0>>
                : n == "rsqrt" ? un<double, double, Exact64<1>>
                : n == "sqrt"  ? un<double, double, Exact64<2>>
                               : nullptr;
    c.op.inner = h;
    c.op.y = round > 0 ? round : 0;
    return c.emit(round > 0 ? rounded : h, Cls::Fp64);
  }
  if (approx) {
    Handler h = n == "rcp"     ? approx_of<0>(ftz)
                : n == "rsqrt" ? approx_of<1>(ftz)
                : n == "sqrt"  ? approx_of<2>(ftz)
                : n == "ex2"   ? approx_of<3>(ftz)
                : n == "lg2"   ? approx_of<4>(ftz)
                : n == "sin"   ? approx_of<5>(ftz)
                : n == "cos"   ? approx_of<6>(ftz)
                               : approx_of<7>(ftz);
    return c.emit(h, Cls::Sfu);
  }
  if (round < 0) c.fail("needs .approx or a rounding mode");
  Handler h = n == "rcp"    ? (ftz ? un<float, float, Exact32Ftz<0>> : un<float, float, Exact32<0>>)
              : n == "sqrt" ? (ftz ? un<float, float, Exact32Ftz<1>> : un<float, float, Exact32<1>>)
                            : nullptr;
  c.op.inner = h;
  c.op.y = (u32)round;
  c.emit(round > 0 && h ? rounded : h, Cls::Fp32);
});

}  // namespace vgpu
