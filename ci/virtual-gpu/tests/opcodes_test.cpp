// Every arithmetic spelling against host arithmetic written here, over edge and random values,
// under full, partial and empty guards, with the destination apart and aliasing the first source.
#include <algorithm>

#include "harness.h"
using u8 = uint8_t;
using i8 = int8_t;
using u16 = uint16_t;
using i16 = int16_t;
using u32 = uint32_t;
using i32 = int32_t;
using u64 = uint64_t;
using i64 = int64_t;
using Ref = std::function<u64(u64, u64, u64)>;

template <class T>
static T as(u64 v) {
  T t;
  memcpy(&t, &v, sizeof t);
  return t;
}
template <class T>
static u64 bits(T t) {
  u64 v = 0;
  memcpy(&v, &t, sizeof t);
  return v;
}
static float F(u64 v) { return as<float>(v); }
static double D(u64 v) { return as<double>(v); }
static float H(u64 v) { return half_float((u16)v); }
static float B(u64 v) { return as<float>((u32)(v & 0xffff) << 16); }
static u64 toH(
    double d) {  // double -> half, one rounding: nearest of the two neighbours by exact comparison
  if (d != d) return 0x7fff;
  if (std::fabs(d) >= 65520) return (d < 0 ? 0x8000 : 0) | 0x7c00;
  u16 lo = 0, hi = 0x7bff, sign = std::signbit(d) ? 0x8000 : 0;
  double a = std::fabs(d);
  while (hi - lo > 1) {
    u16 mid = (lo + hi) / 2;
    (half_float(mid) <= a ? lo : hi) = mid;
  }
  double dl = a - half_float(lo), dh = half_float(hi) - a;
  u16 r = dl < dh ? lo : dl > dh ? hi : (lo & 1 ? hi : lo);
  if (half_float(lo) == a) r = lo;
  return sign | r;
}
static u64 toB(double d) {
  if (d != d) return 0x7fff;
  u16 sign = std::signbit(d) ? 0x8000 : 0;
  double a = std::fabs(d);
  if (std::isinf(a)) return sign | 0x7f80;
  u16 lo = 0, hi = 0x7f80;
  auto val = [](u16 h) {
    return h == 0x7f80 ? std::ldexp(1.0, 128) : (double)as<float>((u32)h << 16);
  };
  while (hi - lo > 1) {
    u16 mid = (lo + hi) / 2;
    (val(mid) <= a ? lo : hi) = mid;
  }
  double dl = a - val(lo), dh = val(hi) - a;
  u16 r = dl < dh ? lo : dl > dh ? hi : (lo & 1 ? hi : lo);
  return sign | r;
}
static u64 nf(float f) { return f != f ? 0x7fffffffu : bits(f); }
static float fz(float f) { return std::fpclassify(f) == FP_SUBNORMAL ? std::copysign(0.0f, f) : f; }
static u64 pair(Ref f, u64 a, u64 b, u64 c) {
  return (f(a & 0xffff, b & 0xffff, c & 0xffff) & 0xffff) |
         f(a >> 16 & 0xffff, b >> 16 & 0xffff, c >> 16 & 0xffff) << 16;
}

struct Case {
  std::string op, in,
      out;  // in: one letter per source: b=.b16 r=.b32 d=.b64 p=predicate; out likewise
  Ref ref;
  char eq = 'x';  // x exact, f: f32 NaNs equal, d: f64 NaNs equal, h: halves, a: within rel of f32
  double rel = 0;
  std::string extra;    // operands after the sources
  bool zero_ok = true;  // false: the second source must not be zero
};
static std::vector<Case> cases;
static void add(const char* op, const char* in, const char* out, Ref r, char eq = 'x',
                double rel = 0, const char* extra = "", bool zero_ok = true) {
  cases.push_back({op, in, out, r, eq, rel, extra, zero_ok});
}
#define R(expr)                    \
  [](u64 a, u64 b, u64 c) -> u64 { \
    (void)a, (void)b, (void)c;     \
    return (u64)(expr);            \
  }

static void integers() {
  add("add.s32", "rr", "r", R((u32)(a + b)));
  add("add.u64", "dd", "d", R(a + b));
  add("add.s16", "bb", "b", R((u16)(a + b)));
  add("add.sat.s32", "rr", "r",
      R((u32)std::min<i64>(std::max<i64>((i64)as<i32>(a) + as<i32>(b), INT32_MIN), INT32_MAX)));
  add("sub.s32", "rr", "r", R((u32)(a - b)));
  add("sub.s64", "dd", "d", R(a - b));
  add("mul.lo.s32", "rr", "r", R((u32)((u32)a * (u32)b)));
  add("mul.lo.u64", "dd", "d", R(a * b));
  add("mul.lo.s16", "bb", "b", R((u16)(a * b)));
  add("mul.hi.u32", "rr", "r", R((u64)(u32)a * (u32)b >> 32));
  add("mul.hi.s32", "rr", "r", R((u32)((i64)as<i32>(a) * as<i32>(b) >> 32)));
  add("mul.hi.u64", "dd", "d", R((u64)((unsigned __int128)a * b >> 64)));
  add("mul.hi.s64", "dd", "d", R((u64)((__int128)(i64)a * (i64)b >> 64)));
  add("mul.wide.s32", "rr", "d", R((i64)as<i32>(a) * as<i32>(b)));
  add("mul.wide.u32", "rr", "d", R((u64)(u32)a * (u32)b));
  add("mul.wide.s16", "bb", "r", R((u32)((i32)as<i16>(a) * as<i16>(b))));
  add("mul.wide.u16", "bb", "r", R((u32)(u16)a * (u16)b));
  add("mad.lo.s32", "rrr", "r", R((u32)((u32)a * (u32)b + (u32)c)));
  add("mad.lo.s64", "ddd", "d", R(a * b + c));
  add("mad.hi.s32", "rrr", "r", R((u32)(((i64)as<i32>(a) * as<i32>(b) >> 32) + c)));
  add("mad.wide.s32", "rrd", "d", R((i64)as<i32>(a) * as<i32>(b) + c));
  add("mad.wide.u32", "rrd", "d", R((u64)(u32)a * (u32)b + c));
  add("mul24.lo.u32", "rr", "r", R((u32)((u32)(a & 0xffffff) * (u32)(b & 0xffffff))));
  add("div.s32", "rr", "r", R((u32)(i64)((i64)as<i32>(a) / as<i32>(b))), 'x', 0, "", false);
  add("div.u32", "rr", "r", R((u32)a / (u32)b), 'x', 0, "", false);
  add("rem.s32", "rr", "r", R((u32)(i64)((i64)as<i32>(a) % as<i32>(b))), 'x', 0, "", false);
  add("rem.u32", "rr", "r", R((u32)a % (u32)b), 'x', 0, "", false);
  add("div.u64", "dd", "d", R(a / b), 'x', 0, "", false);
  add("rem.u64", "dd", "d", R(a % b), 'x', 0, "", false);
  add("div.s64", "dd", "d", R((u64)(i64)((__int128)(i64)a / (i64)b)), 'x', 0, "", false);
  add("min.s32", "rr", "r", R((u32)std::min(as<i32>(a), as<i32>(b))));
  add("max.s32", "rr", "r", R((u32)std::max(as<i32>(a), as<i32>(b))));
  add("min.u32", "rr", "r", R(std::min((u32)a, (u32)b)));
  add("max.u64", "dd", "d", R(std::max(a, b)));
  add("max.s64", "dd", "d", R((u64)std::max((i64)a, (i64)b)));
  add("min.s16", "bb", "b", R((u16)std::min(as<i16>(a), as<i16>(b))));
  add("neg.s32", "r", "r", R((u32)(0 - (u32)a)));
  add("abs.s32", "r", "r", R((u32)(as<i32>(a) < 0 ? 0 - (u32)a : (u32)a)));
  add("abs.s64", "d", "d", R((i64)a < 0 ? 0 - a : a));
  add("sad.u32", "rrr", "r", R((u32)((u32)a > (u32)b ? a - b + c : b - a + c)));
  add("and.b32", "rr", "r", R((u32)(a & b)));
  add("or.b64", "dd", "d", R(a | b));
  add("xor.b16", "bb", "b", R((u16)(a ^ b)));
  add("not.b32", "r", "r", R((u32)~a));
  add("cnot.b32", "r", "r", R((u32)a == 0));
  add("shl.b32", "rr", "r", R((u32)b > 31 ? 0 : (u32)((u32)a << (u32)b)));
  add("shl.b64", "dr", "d", R((u32)b > 63 ? 0 : a << (u32)b));
  add("shr.u32", "rr", "r", R((u32)b > 31 ? 0 : (u32)a >> (u32)b));
  add("shr.s32", "rr", "r", R((u32)(as<i32>(a) >> std::min((u32)b, 31u))));
  add("shr.s64", "dr", "d", R((u64)((i64)a >> std::min((u32)b, 63u))));
  add("shr.u16", "br", "b", R((u32)b > 15 ? 0 : (u16)a >> (u32)b));
  add("shr.s16", "br", "b", R((u16)(as<i16>(a) >> std::min((u32)b, 15u))));
  add("shf.l.wrap.b32", "rrr", "r", R((u32)(((u64)(u32)b << 32 | (u32)a) << (c & 31) >> 32)));
  add("shf.r.wrap.b32", "rrr", "r", R((u32)(((u64)(u32)b << 32 | (u32)a) >> (c & 31))));
  add("shf.r.clamp.b32", "rrr", "r",
      R((u32)(((u64)(u32)b << 32 | (u32)a) >> std::min((u32)c, 32u))));
  add("popc.b32", "r", "r", R(__builtin_popcount((u32)a)));
  add("popc.b64", "d", "r", R(__builtin_popcountll(a)));
  add("clz.b32", "r", "r", R((u32)a ? __builtin_clz((u32)a) : 32));
  add("clz.b64", "d", "r", R(a ? __builtin_clzll(a) : 64));
  add("brev.b32", "r", "r", [](u64 a, u64, u64) {
    u64 v = 0;
    for (int i = 0; i < 32; i++)
      if (a >> i & 1) v |= 1ull << (31 - i);
    return v;
  });
  add("bfind.u32", "r", "r", [](u64 a, u64, u64) -> u64 {
    for (int i = 31; i >= 0; i--)
      if (a >> i & 1) return i;
    return 0xffffffffu;
  });
  add("bfind.s32", "r", "r", [](u64 a, u64, u64) -> u64 {
    u32 v = as<i32>(a) < 0 ? ~(u32)a : (u32)a;
    for (int i = 31; i >= 0; i--)
      if (v >> i & 1) return i;
    return 0xffffffffu;
  });
  auto bfe = [](bool s) {
    return [s](u64 a, u64 b, u64 c) -> u64 {
      u32 pos = b & 255, len = c & 255,
          sign = s && len ? (u32)a >> std::min(pos + len - 1, 31u) & 1 : 0, d = 0;
      for (u32 i = 0; i < 32; i++)
        d |= (i < len && pos + i <= 31 ? (u32)a >> (pos + i) & 1 : sign) << i;
      return d;
    };
  };
  add("bfe.u32", "rrr", "r", bfe(false));
  add("bfe.s32", "rrr", "r", bfe(true));
  add("prmt.b32", "rrr", "r", [](u64 a, u64 b, u64 c) {
    u64 v = b << 32 | (u32)a, r = 0;
    for (int i = 0; i < 4; i++) {
      u32 n = (u32)c >> 4 * i;
      u32 x = (u32)(v >> 8 * (n & 7)) & 255;
      r |= (u64)(n & 8 ? (x & 128 ? 255 : 0) : x) << 8 * i;
    }
    return r;
  });
  add(
      "lop3.b32", "rrr", "r",
      [](u64 a, u64 b, u64 c) {
        u64 r = 0;
        for (int i = 0; i < 32; i++) {
          int k = (a >> i & 1) * 4 + (b >> i & 1) * 2 + (c >> i & 1);
          r |= (u64)(0xca >> k & 1) << i;
        }
        return r;
      },
      'x', 0, ", 0xca");
  auto dp4 = [](bool sa, bool sb) {
    return [=](u64 a, u64 b, u64 c) -> u64 {
      i64 s = as<i32>(c);
      for (int i = 0; i < 4; i++) {
        int x = (u8)(a >> 8 * i), y = (u8)(b >> 8 * i);
        if (sa && x > 127) x -= 256;
        if (sb && y > 127) y -= 256;
        s += x * y;
      }
      return (u32)s;
    };
  };
  add("dp4a.s32.s32", "rrr", "r", dp4(true, true));
  add("dp4a.u32.u32", "rrr", "r", dp4(false, false));
  add("dp4a.u32.s32", "rrr", "r", dp4(false, true));
  add("dp2a.lo.s32.s32", "rrr", "r", [](u64 a, u64 b, u64 c) -> u64 {
    return (u32)(c + as<i16>(a) * as<i8>(b) + as<i16>(a >> 16) * as<i8>(b >> 8));
  });
  add("dp2a.hi.s32.s32", "rrr", "r", [](u64 a, u64 b, u64 c) -> u64 {
    return (u32)(c + as<i16>(a) * as<i8>(b >> 16) + as<i16>(a >> 16) * as<i8>(b >> 24));
  });
  add("bmsk.clamp.b32", "rr", "r", [](u64 a, u64 b, u64) {
    u64 r = 0;
    for (u64 i = (u32)a; i < std::min<u64>(32, (u64)(u32)a + (u32)b); i++) r |= 1ull << i;
    return r;
  });
}
static void floats() {
  add("add.rn.f32", "rr", "r", R(nf(F(a) + F(b))), 'f');
  add("add.ftz.f32", "rr", "r", R(nf(fz(fz(F(a)) + fz(F(b))))), 'f');
  add("sub.f32", "rr", "r", R(nf(F(a) - F(b))), 'f');
  add("mul.rn.f32", "rr", "r", R(nf(F(a) * F(b))), 'f');
  add("mul.ftz.f32", "rr", "r", R(nf(fz(fz(F(a)) * fz(F(b))))), 'f');
  add("add.sat.f32", "rr", "r", R([&] {
        float v = F(a) + F(b);
        return nf(v > 0 ? std::min(v, 1.0f) : 0.0f);
      }()),
      'f');
  add("fma.rn.f32", "rrr", "r", R(nf(fmaf(F(a), F(b), F(c)))), 'f');
  add("fma.rn.ftz.f32", "rrr", "r", R(nf(fz(fmaf(fz(F(a)), fz(F(b)), fz(F(c)))))), 'f');
  auto directed = [](int dir) {
    return [dir](u64 a, u64 b, u64) -> u64 {  // exact product in long double, then step
      float x = F(a), y = F(b), v = x * y;
      long double e = (long double)x * y;
      if (v != v || std::isinf(x) || std::isinf(y)) return nf(v);
      if (dir < 0 && (long double)v > e) v = nextafterf(v, -INFINITY);
      if (dir > 0 && (long double)v < e) v = nextafterf(v, INFINITY);
      if (dir == 0 && fabsl((long double)v) > fabsl(e)) v = nextafterf(v, 0);
      return nf(v);
    };
  };
  add("mul.rm.f32", "rr", "r", directed(-1), 'f');
  add("mul.rp.f32", "rr", "r", directed(1), 'f');
  add("mul.rz.f32", "rr", "r", directed(0), 'f');
  add("div.rn.f32", "rr", "r", R(nf(F(a) / F(b))), 'f');
  add("sqrt.rn.f32", "r", "r", R(nf(sqrtf(F(a)))), 'f');
  add("rcp.rn.f32", "r", "r", R(nf(1.0f / F(a))), 'f');
  add("neg.f32", "r", "r", R((u32)a ^ 0x80000000u));
  add("abs.f32", "r", "r", R((u32)a & 0x7fffffffu));
  add("copysign.f32", "rr", "r", R(((u32)a & 0x80000000u) | ((u32)b & 0x7fffffffu)));
  auto mm = [](bool mx) {
    return [mx](u64 a, u64 b, u64) -> u64 {
      float x = F(a), y = F(b);
      if (x != x && y != y) return 0x7fffffffu;
      if (x != x) return (u32)b;
      if (y != y) return (u32)a;
      if (x == y) return std::signbit(x) == mx ? (u32)b : (u32)a;
      return (mx ? x > y : x < y) ? (u32)a : (u32)b;
    };
  };
  add("min.f32", "rr", "r", mm(false));
  add("max.f32", "rr", "r", mm(true));
  add("max.NaN.f32", "rr", "r", [mm](u64 a, u64 b, u64 c) -> u64 {
    return F(a) != F(a) || F(b) != F(b) ? 0x7fffffffu : mm(true)(a, b, c);
  });
  add("ex2.approx.f32", "r", "r", R(nf((float)exp2((double)F(a)))), 'a', 3e-7);
  add("ex2.approx.ftz.f32", "r", "r", R(nf(fz((float)exp2((double)fz(F(a)))))), 'a', 3e-7);
  add("lg2.approx.f32", "r", "r", R(nf((float)log2((double)F(a)))), 'a', 3e-7);
  add("rcp.approx.ftz.f32", "r", "r", R(nf(fz((float)(1.0 / fz(F(a)))))), 'a', 3e-7);
  add("rsqrt.approx.f32", "r", "r", R(nf((float)(1.0 / sqrt((double)F(a))))), 'a', 3e-7);
  add("sqrt.approx.f32", "r", "r", R(nf((float)sqrt((double)F(a)))), 'a', 3e-7);
  add("sin.approx.f32", "r", "r", R(nf((float)sin((double)F(a)))), 'a', 1e-6);
  add("cos.approx.f32", "r", "r", R(nf((float)cos((double)F(a)))), 'a', 1e-6);
  add("tanh.approx.f32", "r", "r", R(nf((float)tanh((double)F(a)))), 'a', 5e-4);
  add("div.approx.f32", "rr", "r", R(nf((float)((double)F(a) / F(b)))), 'a', 3e-7);
  add("div.full.f32", "rr", "r", R(nf((float)((double)F(a) / F(b)))), 'a', 3e-7);
  add("add.f64", "dd", "d", R(bits(D(a) + D(b))), 'd');
  add("mul.f64", "dd", "d", R(bits(D(a) * D(b))), 'd');
  add("fma.rn.f64", "ddd", "d", R(bits(fma(D(a), D(b), D(c)))), 'd');
  add("div.rn.f64", "dd", "d", R(bits(D(a) / D(b))), 'd');
  add("sqrt.rn.f64", "d", "d", R(bits(sqrt(D(a)))), 'd');
  Ref hadd = R(toH((double)H(a) + H(b))), hmul = R(toH((double)H(a) * H(b))),
      hsub = R(toH((double)H(a) - H(b)));
  Ref hfma = [](u64 a, u64 b, u64 c) -> u64 {
    __float128 e = (__float128)H(a) * H(b) + H(c);  // exact
    double d = (double)e;
    if (d == d && !std::isinf(d) && (__float128)d != e) {
      u64 v = bits(d);
      if (!(v & 1)) v += (e > (__float128)d) == (d > 0) ? 1 : -1;
      d = D(v);
    }  // sticky
    return toH(d);
  };
  add("add.f16", "bb", "b", hadd, 'h');
  add("sub.f16", "bb", "b", hsub, 'h');
  add("mul.f16", "bb", "b", hmul, 'h');
  add("fma.rn.f16", "bbb", "b", hfma, 'h');
  add("add.f16x2", "rr", "r", [=](u64 a, u64 b, u64 c) { return pair(hadd, a, b, c); }, 'H');
  add("mul.f16x2", "rr", "r", [=](u64 a, u64 b, u64 c) { return pair(hmul, a, b, c); }, 'H');
  add("fma.rn.f16x2", "rrr", "r", [=](u64 a, u64 b, u64 c) { return pair(hfma, a, b, c); }, 'H');
  Ref bfma = [](u64 a, u64 b, u64 c) -> u64 {
    __float128 p = (__float128)B(a) * B(b), q = B(c), e = p + q;
    double d = (double)e;
    // what 113 bits could not hold still decides ties
    __float128 rest = e == p ? q : e == q ? p : 0;
    bool up = (__float128)d != e ? e > (__float128)d : rest > 0;
    if (d == d && !std::isinf(d) && ((__float128)d != e || rest != 0)) {
      u64 v = bits(d);
      if (!(v & 1)) v += up == (d > 0) ? 1 : -1;
      d = D(v);
    }
    return toB(d);
  };
  add("fma.rn.bf16", "bbb", "b", bfma, 'h');
  add("fma.rn.bf16x2", "rrr", "r", [=](u64 a, u64 b, u64 c) { return pair(bfma, a, b, c); }, 'B');
  Ref hmax = [](u64 a, u64 b, u64) -> u64 {
    float x = H(a), y = H(b);
    if (x != x && y != y) return 0x7fff;
    if (x != x) return b;
    if (y != y) return a;
    if (x == y) return a & b;
    return x > y ? a : b;
  };
  add("max.f16", "bb", "b", hmax, 'h');
  add("max.f16x2", "rr", "r", [=](u64 a, u64 b, u64 c) { return pair(hmax, a, b, c); }, 'H');
  add("neg.f16", "b", "b", R((u16)a ^ 0x8000));
  add("abs.f16x2", "r", "r", R((u32)a & 0x7fff7fffu));
}
static void conversions() {
  add("cvt.s64.s32", "r", "d", R((i64)as<i32>(a)));
  add("cvt.u64.u32", "r", "d", R((u32)a));
  add("cvt.u32.u64", "d", "r", R((u32)a));
  add("cvt.u16.u32", "r", "b", R((u16)a));
  add("cvt.s16.s8", "b", "b", R((u16)(i16)as<i8>(a)));
  add("cvt.s32.s8", "r", "r", R((u32)(i32)as<i8>(a)));
  add("cvt.s8.s32", "r", "r", R((u32)(i32)as<i8>(a)));
  add("cvt.u32.u16", "b", "r", R((u16)a));
  add("cvt.s32.s16", "b", "r", R((u32)(i32)as<i16>(a)));
  add("cvt.sat.s8.s32", "r", "r", R((u32)std::min(127, std::max(-128, as<i32>(a)))));
  add("cvt.sat.u8.s32", "r", "r", R((u32)std::min(255, std::max(0, as<i32>(a)))));
  add("cvt.rn.f32.s32", "r", "r", R(bits((float)as<i32>(a))));
  add("cvt.rn.f32.u32", "r", "r", R(bits((float)(u32)a)));
  add("cvt.rz.f32.s32", "r", "r", R([&] {
        float f = (float)as<i32>(a);
        if (std::fabs((double)f) > std::fabs((double)as<i32>(a))) f = nextafterf(f, 0);
        return bits(f);
      }()));
  add("cvt.rn.f32.u64", "d", "r", R(bits((float)a)));
  add("cvt.rn.f64.s64", "d", "d", R(bits((double)(i64)a)));
  add("cvt.rn.f32.f64", "d", "r", R(nf((float)D(a))), 'f');
  add("cvt.f64.f32", "r", "d", R(bits((double)F(a))), 'd');
  auto clampi = [](double r) -> u64 {
    return r != r              ? 0
           : r < -2147483648.0 ? 0x80000000u
           : r >= 2147483648.0 ? 0x7fffffffu
                               : (u32)(i32)r;
  };
  add("cvt.rni.s32.f32", "r", "r", [=](u64 a, u64, u64) { return clampi(nearbyint(F(a))); });
  add("cvt.rzi.s32.f32", "r", "r", [=](u64 a, u64, u64) { return clampi(trunc(F(a))); });
  add("cvt.rmi.s32.f32", "r", "r", [=](u64 a, u64, u64) { return clampi(floor(F(a))); });
  add("cvt.rpi.s32.f32", "r", "r", [=](u64 a, u64, u64) { return clampi(ceil(F(a))); });
  add("cvt.rzi.u32.f32", "r", "r", [](u64 a, u64, u64) -> u64 {
    double r = trunc(F(a));
    return r != r || r < 0 ? 0 : r >= 4294967296.0 ? 0xffffffffu : (u32)r;
  });
  add("cvt.rni.f32.f32", "r", "r", R(nf(nearbyintf(F(a)))), 'f');
  add("cvt.rmi.f32.f32", "r", "r", R(nf(floorf(F(a)))), 'f');
  add("cvt.sat.f32.f32", "r", "r", R(nf(F(a) > 0 ? std::min(F(a), 1.0f) : 0.0f)), 'f');
  add("cvt.f32.f16", "b", "r", R(nf(H(a))), 'f');
  add("cvt.rn.f16.f32", "r", "b", R(toH(F(a))), 'h');
  add("cvt.rz.f16.f32", "r", "b", R([&]() -> u64 {
        float f = F(a);
        if (f != f) return 0x7fff;
        u64 h = toH(f);
        if (std::isinf(f)) return h;
        if (std::fabs((double)half_float((u16)h)) > std::fabs((double)f)) h--;
        return h;
      }()),
      'h');
  add("cvt.rn.bf16.f32", "r", "b", R(toB(F(a))), 'h');
  add("cvt.f32.bf16", "b", "r", R(nf(B(a))), 'f');
  add("cvt.rn.f16x2.f32", "rr", "r", R(toH(F(a)) << 16 | toH(F(b))), 'H');
  add("cvt.rn.bf16x2.f32", "rr", "r", R(toB(F(a)) << 16 | toB(F(b))), 'B');
  add("cvt.rn.f16.s32", "r", "b", R(toH((double)as<i32>(a))), 'h');
  add("cvt.rni.s32.f16", "b", "r", [=](u64 a, u64, u64) { return clampi(nearbyint(H(a))); });
  add("cvt.rna.tf32.f32", "r", "r", [](u64 a, u64, u64) -> u64 {
    if (F(a) != F(a)) return 0x7fffffffu;
    if (std::isinf(F(a))) return (u32)a;
    return (u32)(((u32)a + 0x1000u) & ~0x1fffu);
  });
}
static void comparisons() {
#define CMP(name, T, in, expr)                              \
  add("setp." name, in, "p", [](u64 a, u64 b, u64) -> u64 { \
    T x = as<T>(a), y = as<T>(b);                           \
    (void)x, (void)y;                                       \
    return expr;                                            \
  })
  CMP("eq.s32", i32, "rr", x == y);
  CMP("ne.s32", i32, "rr", x != y);
  CMP("lt.s32", i32, "rr", x < y);
  CMP("ge.s32", i32, "rr", x >= y);
  CMP("gt.u32", u32, "rr", x > y);
  CMP("le.u32", u32, "rr", x <= y);
  CMP("lt.u64", u64, "dd", x < y);
  CMP("gt.s64", i64, "dd", x > y);
  CMP("lt.s16", i16, "bb", x < y);
  CMP("eq.b32", u32, "rr", x == y);
  CMP("lt.f32", float, "rr", x < y);
  CMP("ltu.f32", float, "rr", !(x >= y));
  CMP("eq.f32", float, "rr", x == y);
  CMP("neu.f32", float, "rr", !(x == y));
  CMP("ne.f32", float, "rr", x<y || x> y);
  CMP("num.f32", float, "rr", x == x && y == y);
  CMP("nan.f32", float, "rr", x != x || y != y);
  CMP("geu.f32", float, "rr", !(x < y));
  CMP("gtu.f32", float, "rr", !(x <= y));
  CMP("leu.f64", double, "dd", !(x > y));
  CMP("ge.f64", double, "dd", x >= y);
  add("setp.gt.f16", "bb", "p", R(H(a) > H(b)));
  add("setp.lt.ftz.f32", "rr", "p", R(fz(F(a)) < fz(F(b))));
  add("selp.b32", "rrp", "r", R(c & 1 ? (u32)a : (u32)b));
  add("selp.b64", "ddp", "d", R(c & 1 ? a : b));
  add("slct.f32.s32", "rrr", "r", R(as<i32>(c) >= 0 ? (u32)a : (u32)b));
  add("set.lt.u32.s32", "rr", "r", R(as<i32>(a) < as<i32>(b) ? 0xffffffffu : 0));
  add("set.lt.f32.s32", "rr", "r", R(as<i32>(a) < as<i32>(b) ? 0x3f800000u : 0));
  add("and.pred", "pp", "p", R(a & b & 1));
  add("or.pred", "pp", "p", R((a | b) & 1));
  add("xor.pred", "pp", "p", R((a ^ b) & 1));
  add("not.pred", "p", "p", R(~a & 1));
}

// Spellings that only differ in the type's name from one above: the same reference serves.
static void synonyms() {
  auto like = [](const char* op, const char* of) {
    for (size_t i = 0; i < cases.size(); i++)
      if (cases[i].op == of) {
        Case c = cases[i];
        c.op = op;
        cases.push_back(c);
        return;
      }
    EXPECT(false, "%s has no row", of);
  };
  like("add.f32", "add.rn.f32"), like("mul.f32", "mul.rn.f32"), like("add.s64", "add.u64"),
      like("mul.lo.s64", "mul.lo.u64");
  like("add.u32", "add.s32"), like("sub.u32", "sub.s32"), like("sub.u64", "sub.s64"),
      like("mul.lo.u32", "mul.lo.s32"), like("mad.lo.u32", "mad.lo.s32"),
      like("add.u16", "add.s16");
  like("setp.eq.s64", "setp.eq.b64"), like("setp.ne.s64", "setp.ne.b64"),
      like("setp.eq.u32", "setp.eq.s32"), like("selp.f32", "selp.b32"),
      like("selp.u32", "selp.b32"), like("selp.s32", "selp.b32");
  like("selp.f64", "selp.b64"), like("selp.u64", "selp.b64"), like("mov.f32", "mov.b32"),
      like("mov.u32", "mov.b32"), like("mov.s32", "mov.b32"), like("mov.u64", "mov.b64"),
      like("mov.f64", "mov.b64");
  like("mov.u16", "mov.b16"), like("mov.s16", "mov.b16"), like("mov.s64", "mov.b64"),
      like("selp.u16", "selp.b16"), like("selp.s16", "selp.b16"), like("selp.s64", "selp.b64");
  like("sub.u16", "sub.s16");
  like("setp.eq.u16", "setp.eq.s16"), like("setp.ne.u16", "setp.ne.s16"),
      like("setp.eq.b16", "setp.eq.s16");
}
static void more() {
  add("and.b16", "bb", "b", R((u16)(a & b)));
  add("and.b64", "dd", "d", R(a & b));
  add("or.b32", "rr", "r", R((u32)(a | b)));
  add("or.b16", "bb", "b", R((u16)(a | b)));
  add("xor.b32", "rr", "r", R((u32)(a ^ b)));
  add("xor.b64", "dd", "d", R(a ^ b));
  add("not.b16", "b", "b", R((u16)~a)), add("not.b64", "d", "d", R(~a));
  add("max.u32", "rr", "r", R(std::max((u32)a, (u32)b)));
  add("min.u64", "dd", "d", R(std::min(a, b)));
  add("min.s64", "dd", "d", R((u64)std::min((i64)a, (i64)b)));
  add("max.s16", "bb", "b", R((u16)std::max(as<i16>(a), as<i16>(b))));
  add("shr.u64", "dr", "d", R((u32)b > 63 ? 0 : a >> (u32)b));
  add("shl.b16", "br", "b", R((u32)b > 15 ? 0 : (u16)(a << (u32)b)));
  add("selp.b16", "bbp", "b", R(c & 1 ? (u16)a : (u16)b));
  add("min.u16", "bb", "b", R(std::min((u16)a, (u16)b))),
      add("max.u16", "bb", "b", R(std::max((u16)a, (u16)b)));
  add("mul.lo.u16", "bb", "b", R((u16)(a * b))), add("mad.lo.s16", "bbb", "b", R((u16)(a * b + c))),
      add("mad.lo.u16", "bbb", "b", R((u16)(a * b + c)));
  add("mad.wide.s16", "bbr", "r", R((u32)((i32)as<i16>(a) * as<i16>(b)) + (u32)c)),
      add("mad.wide.u16", "bbr", "r", R((u32)(u16)a * (u16)b + (u32)c));
  add("mad.hi.u32", "rrr", "r", R((u32)(((u64)(u32)a * (u32)b >> 32) + c))),
      add("mad.lo.u64", "ddd", "d", R(a * b + c));
  add("rem.s64", "dd", "d", R((u64)(i64)((__int128)(i64)a % (i64)b)), 'x', 0, "", false);
  add("shf.l.clamp.b32", "rrr", "r",
      R((u32)(((u64)(u32)b << 32 | (u32)a) << std::min((u32)c, 32u) >> 32)));
  add("sad.s32", "rrr", "r", R((u32)(as<i32>(a) > as<i32>(b) ? a - b + c : b - a + c)));
  add("neg.s64", "d", "d", R(0 - a)), add("neg.s16", "b", "b", R((u16)(0 - a))),
      add("abs.s16", "b", "b", R((u16)(as<i16>(a) < 0 ? 0 - a : a)));
  add("neg.f64", "d", "d", R(a ^ 1ull << 63)), add("abs.f64", "d", "d", R(a & ~(1ull << 63)));
  add("sub.s16", "bb", "b", R((u16)(a - b)));
  add("mov.b16", "b", "b", R((u16)a)), add("mov.b32", "r", "r", R((u32)a)),
      add("mov.b64", "d", "d", R(a)), add("mov.pred", "p", "p", R(a & 1));
  add("bfi.b64", "ddrr", "d",
      [](u64 a, u64 b, u64 c) -> u64 {  // the length is the position again: see entry()
        u32 pos = c & 255, len = c & 255;
        u64 d = b;
        for (u32 i = 0; i < len && pos + i < 64; i++)
          d = (d & ~(1ull << (pos + i))) | (a >> i & 1) << (pos + i);
        return d;
      });
  add("bfi.b32", "rrrr", "r", [](u64 a, u64 b, u64 c) -> u64 {
    u32 pos = c & 255, len = c & 255, d = (u32)b;
    for (u32 i = 0; i < len && pos + i < 32; i++)
      d = (d & ~(1u << (pos + i))) | (u32)(a >> i & 1) << (pos + i);
    return d;
  });
  add("sub.f64", "dd", "d", R(bits(D(a) - D(b))), 'd');
  add(
      "max.f64", "dd", "d",
      [](u64 a, u64 b, u64) -> u64 {
        double x = D(a), y = D(b);
        if (x != x && y != y) return (u64)0x7ff8000000000000ull;
        if (x != x) return b;
        if (y != y) return a;
        if (x == y) return std::signbit(x) ? b : a;
        return x > y ? a : b;
      },
      'd');
  add(
      "min.f64", "dd", "d",
      [](u64 a, u64 b, u64) -> u64 {
        double x = D(a), y = D(b);
        if (x != x && y != y) return (u64)0x7ff8000000000000ull;
        if (x != x) return b;
        if (y != y) return a;
        if (x == y) return std::signbit(x) ? a : b;
        return x < y ? a : b;
      },
      'd');
  auto directed_fma = [](int dir) {
    return [dir](u64 a, u64 b, u64 c) -> u64 {  // exact in 113 bits unless the exponents lie far
                                                // apart, which the long tail decides
      float x = F(a), y = F(b), z = F(c), v = fmaf(x, y, z);
      if (v != v || std::isinf(x) || std::isinf(y) || std::isinf(z)) return nf(v);
      __float128 p = (__float128)x * y, e = p + z;
      __float128 rest = e == p && z != 0   ? (__float128)z
                        : e == z && p != 0 ? p
                                           : 0;  // what 113 bits lost
      auto cmp = [&](float f) {
        __float128 d = e - (__float128)f;
        return d != 0 ? (d > 0 ? 1 : -1) : rest > 0 ? 1 : rest < 0 ? -1 : 0;
      };
      if (dir < 0 && cmp(v) < 0) v = nextafterf(v, -INFINITY);
      if (dir > 0 && cmp(v) > 0) v = nextafterf(v, INFINITY);
      if (dir == 0 && (v > 0 ? cmp(v) < 0 : cmp(v) > 0)) v = nextafterf(v, 0);
      if (v == 0 && p + z == 0 && std::signbit((float)p) != std::signbit(z) && rest == 0)
        v = dir < 0 ? -0.0f : 0.0f;  // an exact zero of unlike signs
      return nf(v);
    };
  };
  add("fma.rm.f32", "rrr", "r", directed_fma(-1), 'f');
  add("fma.rp.f32", "rrr", "r", directed_fma(1), 'f');
  add("fma.rz.f32", "rrr", "r", directed_fma(0), 'f');
  add("cvt.rmi.f64.f64", "d", "d", R(bits(floor(D(a)))), 'd');
  add("cvt.rpi.f64.f64", "d", "d", R(bits(ceil(D(a)))), 'd');
  add("cvt.rzi.f64.f64", "d", "d", R(bits(trunc(D(a)))), 'd');
  add("cvt.rni.f64.f64", "d", "d", R(bits(nearbyint(D(a)))), 'd');
  add("cvt.rzi.f32.f32", "r", "r", R(nf(truncf(F(a)))), 'f');
  add("cvt.rpi.f32.f32", "r", "r", R(nf(ceilf(F(a)))), 'f');
  add("cvt.rn.f32.s16", "b", "r", R(bits((float)as<i16>(a))));
  add("cvt.rn.f32.u16", "b", "r", R(bits((float)(u16)a)));
  add("cvt.rn.f32.s64", "d", "r", R(bits((float)(i64)a)));
  add("cvt.rn.f64.s32", "r", "d", R(bits((double)as<i32>(a))));
  add("cvt.rn.f64.u32", "r", "d", R(bits((double)(u32)a)));
  add("cvt.rn.f64.u64", "d", "d", R(bits((double)a)));
  auto to64 = [](double v) -> u64 {
    return v != v ? 1ull << 63 : v < 0 ? 0 : v >= 18446744073709551616.0 ? ~0ull : (u64)v;
  };
  add("cvt.rzi.u64.f32", "r", "d", [=](u64 a, u64, u64) { return to64(trunc((double)F(a))); });
  add("cvt.rzi.u64.f64", "d", "d", [=](u64 a, u64, u64) { return to64(trunc(D(a))); });
  auto toi64 = [](double v) -> u64 {
    return v != v                       ? 1ull << 63
           : v < -9223372036854775808.0 ? 1ull << 63
           : v >= 9223372036854775808.0 ? ~0ull >> 1
                                        : (u64)(i64)v;
  };
  add("cvt.rzi.s64.f64", "d", "d", [=](u64 a, u64, u64) { return toi64(trunc(D(a))); });
  CMP("ge.u32", u32, "rr", x >= y);
  CMP("lt.u32", u32, "rr", x < y);
  CMP("gt.s32", i32, "rr", x > y);
  CMP("le.s32", i32, "rr", x <= y);
  CMP("gt.u64", u64, "dd", x > y);
  CMP("lt.s64", i64, "dd", x < y);
  CMP("eq.b64", u64, "dd", x == y);
  CMP("ne.b64", u64, "dd", x != y);
  CMP("ge.s64", i64, "dd", x >= y);
  CMP("le.s64", i64, "dd", x <= y);
  CMP("ge.u64", u64, "dd", x >= y);
  CMP("le.u64", u64, "dd", x <= y);
  CMP("ne.s16", i16, "bb", x != y);
  CMP("eq.s16", i16, "bb", x == y);
  CMP("ne.b16", u16, "bb", x != y);
  CMP("ne.b32", u32, "rr", x != y);
  CMP("ge.f32", float, "rr", x >= y);
  CMP("gt.f32", float, "rr", x > y);
  CMP("le.f32", float, "rr", x <= y);
  CMP("leu.f32", float, "rr", !(x > y));
  CMP("equ.f32", float, "rr", !(x < y || x > y));
  CMP("lt.f64", double, "dd", x < y);
  CMP("gt.f64", double, "dd", x > y);
  CMP("le.f64", double, "dd", x <= y);
  CMP("eq.f64", double, "dd", x == y);
  CMP("neu.f64", double, "dd", !(x == y));
  CMP("geu.f64", double, "dd", !(x < y));
  CMP("gtu.f64", double, "dd", !(x <= y));
  CMP("ltu.f64", double, "dd", !(x >= y));
  CMP("lt.u16", u16, "bb", x < y);
  CMP("ge.u16", u16, "bb", x >= y);
  CMP("gt.u16", u16, "bb", x > y);
  CMP("le.u16", u16, "bb", x <= y);
  CMP("gt.s16", i16, "bb", x > y);
  CMP("ge.s16", i16, "bb", x >= y);
  CMP("le.s16", i16, "bb", x <= y);
  CMP("ne.u32", u32, "rr", x != y);
  CMP("eq.u64", u64, "dd", x == y);
  CMP("ne.u64", u64, "dd", x != y);
}

static const char* type_of(char k) {
  return k == 'b' ? "b16" : k == 'r' ? "b32" : k == 'd' ? "b64" : "pred";
}
static std::string entry(size_t i, const Case& c, bool alias) {
  std::ostringstream s;
  s << ".visible .entry k" << i << (alias ? "a" : "")
    << "(.param .u64 pa,.param .u64 pb,.param .u64 pc,.param .u64 pd,.param .u64 pm){\n"
    << ".reg .pred %p,%q<4>; .reg .b16 %b<5>; .reg .b32 %r<8>,%t,%u; .reg .b64 %d<5>,%a,%o,%x;\n"
    << "mov.u32 %t,%tid.x; mul.wide.u32 %o,%t,8;\n";
  const char* ptr[] = {"pa", "pb", "pc"};
  for (size_t k = 0; k < c.in.size() && k < 3; k++) {
    s << "ld.param.u64 %a,[" << ptr[k] << "]; add.u64 %a,%a,%o; ld.global.u64 %x,[%a];\n";
    char t = c.in[k];
    if (t == 'd') s << "mov.b64 %d" << k << ",%x;\n";
    if (t == 'r') s << "cvt.u32.u64 %r" << k << ",%x;\n";
    if (t == 'b') s << "cvt.u16.u64 %b" << k << ",%x;\n";
    if (t == 'p') s << "and.b64 %x,%x,1; setp.ne.u64 %q" << k << ",%x,0;\n";
  }
  // mask bit of this lane
  s << "ld.param.u64 %a,[pm]; mul.wide.u32 %x,%t,4; add.u64 %a,%a,%x; ld.global.u32 %u,[%a]; "
       "setp.ne.u32 %p,%u,0;\n";
  char t = c.out[0];
  std::string d = std::string("%") + (t == 'p' ? "q" : std::string(1, t)) + (alias ? "0" : "3");
  if (!alias) {
    if (t == 'p')
      s << "setp.eq.u32 %q3,%t,99999;\n";
    else
      s << "mov." << type_of(t) << " " << d << ",77;\n";
  }
  s << "@%p " << c.op << " " << d;
  for (size_t k = 0; k < c.in.size(); k++)
    s << ",%" << (c.in[k] == 'p' ? 'q' : c.in[k])
      << std::min<size_t>(k, 2);  // a fourth source is the third again
  s << c.extra << ";\n";
  if (t == 'd') s << "mov.b64 %x," << d << ";\n";
  if (t == 'r') s << "cvt.u64.u32 %x," << d << ";\n";
  if (t == 'b') s << "cvt.u64.u16 %x," << d << ";\n";
  if (t == 'p') s << "selp.b64 %x,1,0," << d << ";\n";
  s << "ld.param.u64 %a,[pd]; add.u64 %a,%a,%o; st.global.u64 [%a],%x; ret;}\n";
  return s.str();
}
static bool same(const Case& c, u64 got, u64 want) {
  if (got == want) return true;
  auto nan16 = [](u64 x) { return (x & 0x7c00) == 0x7c00 && (x & 0x3ff); };
  auto nanb = [](u64 x) { return (x & 0x7f80) == 0x7f80 && (x & 0x7f); };
  switch (c.eq) {
    case 'f':
      return F(got) != F(got) && F(want) != F(want);
    case 'd':
      return D(got) != D(got) && D(want) != D(want);
    case 'h':
      return (nan16(got) && nan16(want)) || (nanb(got) && nanb(want));
    case 'H': {
      for (int s : {0, 16})
        if ((u16)(got >> s) != (u16)(want >> s) && !(nan16(got >> s) && nan16(want >> s)))
          return false;
      return true;
    }
    case 'B': {
      for (int s : {0, 16})
        if ((u16)(got >> s) != (u16)(want >> s) && !(nanb(got >> s) && nanb(want >> s)))
          return false;
      return true;
    }
    case 'a': {
      float g = F(got), w = F(want);
      return (g != g && w != w) ||
             std::fabs((double)g - w) <= c.rel * std::max(std::fabs((double)w), 1e-30);
    }
    default:
      return false;
  }
}
static std::vector<u64> values(char k, std::mt19937_64& rng, size_t n, char eq) {
  static const u64 e32[] = {0,          1,          2,          3,          7,          31,
                            32,         33,         63,         64,         127,        128,
                            255,        256,        0x7fff,     0x8000,     0xffff,     0x7fffffff,
                            0x80000000, 0x80000001, 0xffffffff, 0xfffffffe, 0x3f800000, 0xbf800000,
                            0x00800000, 0x007fffff, 0x00000001, 0x80000000, 0x7f7fffff, 0x7f800000,
                            0xff800000, 0x7fc00000, 0xffc00001, 0x7f800001, 0x4b000000, 0x4b000001,
                            0x3f000000, 0x3fc00000, 0x40200000, 0xc0200000, 0x4effffff, 0x4f000000,
                            0xcf000000, 0x477fe000, 0x477ff000, 0x33000000, 0x33000001, 0x38800000,
                            0x387fc000, 0x3c003c00, 0x7c00fc00, 0x00010001, 0x7bff7bff, 0x3f803f80};
  static const u64 e64[] = {0,
                            1,
                            ~0ull,
                            1ull << 63,
                            (1ull << 63) - 1,
                            0x3ff0000000000000,
                            0xbff0000000000000,
                            0x7ff0000000000000,
                            0xfff0000000000000,
                            0x7ff8000000000000,
                            0x0010000000000000,
                            0x000fffffffffffff,
                            0x7fefffffffffffff,
                            0x3ff0000010000000,
                            0x3ff0000030000000,
                            0x41dfffffffc00000,
                            0x100000000,
                            0xffffffff,
                            5,
                            63,
                            64,
                            0x380fffffffffffff,
                            0x36a0000000000000};
  static const u64 e16[] = {0,      1,      0x8000, 0x7fff, 0xffff, 0x3c00, 0xbc00,
                            0x7c00, 0xfc00, 0x7e00, 0x0400, 0x03ff, 0x8001, 0x7bff,
                            0xfbff, 0x3555, 0x3f80, 0x7f80, 0x0080, 0x007f, 0x7f7f};
  std::vector<u64> v(n);
  for (size_t i = 0; i < n; i++) {
    u64 x = rng();
    bool edge = x >> 60 < 9;
    if (k == 'd')
      v[i] = edge ? e64[(x >> 8) % (sizeof e64 / 8)] : rng();
    else if (k == 'b')
      v[i] = edge ? e16[(x >> 8) % (sizeof e16 / 8)] : rng() & 0xffff;
    else
      v[i] = edge ? e32[(x >> 8) % (sizeof e32 / 8)] : rng() & 0xffffffff;
    if (!edge && (x & 1) && k == 'r' && eq != 'x')
      v[i] = bits((float)std::ldexp((double)(i32)rng() / 2147483648.0, (int)(x >> 8 & 31) - 16));
  }
  return v;
}

int main(int argc, char** argv) {
  integers();
  floats();
  conversions();
  comparisons();
  more();
  synonyms();
  std::string ptx = ".version 9.0\n.target sm_80\n.address_size 64\n";
  for (size_t i = 0; i < cases.size(); i++) {
    ptx += entry(i, cases[i], false);
    if (cases[i].in[0] == cases[i].out[0]) ptx += entry(i, cases[i], true);
  }
  Gpu gpu;
  Module m(ptx);
  constexpr int N = 1024;
  const u64 seed = 20240607;
  std::mt19937_64 rng(seed);
  Buf<u64> da(N), db(N), dc(N), dd(N);
  Buf<u32> dm(N);
  for (size_t i = 0; i < cases.size(); i++) {
    Case& c = cases[i];
    cover(c.op);
    std::vector<u64> v[3];
    for (int k = 0; k < 3; k++) v[k] = values(k < (int)c.in.size() ? c.in[k] : 'r', rng, N, c.eq);
    if (!c.zero_ok)
      for (auto& x : v[1])
        if ((c.in[1] == 'd' ? x : (u32)x) == 0 || x == ~0ull) x = 3;
    da.put(v[0]), db.put(v[1]), dc.put(v[2]);
    std::vector<u32> mask(N);
    for (int j = 0; j < N; j++) {
      int w = j / 32;
      mask[j] = w % 4 == 0 ? 1 : w % 4 == 1 ? j & 1 : w % 4 == 2 ? rng() & 1 : 0;
    }
    dm.put(mask);
    for (bool alias : {false, true}) {
      if (alias && c.in[0] != c.out[0]) continue;
      CUfunction f = m.fn(("k" + std::to_string(i) + (alias ? "a" : "")).c_str());
      launch(f, 1, 1, N, 0, da.p, db.p, dc.p, dd.p, dm.p);
      auto got = dd.get();
      int bad = 0;
      for (int j = 0; j < N; j++) {
        u64 keep = alias ? (c.out == "p" ? v[0][j] & 1 : v[0][j]) : c.out == "p" ? 0 : 77;
        u64 want = mask[j] ? c.ref(v[0][j], v[1][j], v[2][j]) : keep;
        bool ok = mask[j] ? same(c, got[j], want) : got[j] == want;
        if (!ok && bad++ < 2)
          printf("%s%s a=%llx b=%llx c=%llx got %llx want %llx mask %u\n", c.op.c_str(),
                 alias ? " (aliased)" : "", (unsigned long long)v[0][j],
                 (unsigned long long)v[1][j], (unsigned long long)v[2][j],
                 (unsigned long long)got[j], (unsigned long long)want, mask[j]);
      }
      EXPECT(bad == 0, "%s: %d wrong (seed %llu)", c.op.c_str(), bad, (unsigned long long)seed);
    }
  }
  EXPECT(findings() == 0, "%s", report().c_str());
  printf("%zu spellings\n", cases.size());
  write_covered(argc > 1 ? argv[1] : ".", "opcodes");
  return finish("opcodes");
}
