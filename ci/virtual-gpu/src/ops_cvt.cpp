// cvt: between every pair of scalar types, and the packing forms.
#include "decode.h"
#include "half.h"

namespace vgpu {
namespace {

// o.x: rounding of the result (0 rn, 1 rz, 2 rm, 3 rp, 4 rna); o.y bits: 1 ftz, 2 sat, 4 relu, 8
// round to an integral float
enum { FTZ = 1, SAT = 2, RELU = 4, INTEGRAL = 8 };

double round_double(double v, u32 mode) {
  switch (mode) {
    case 0:
      return std::nearbyint(v);
    case 1:
      return std::trunc(v);
    case 2:
      return std::floor(v);
    default:
      return std::ceil(v);
  }
}
template <class T>
struct Info;
template <class S, class D>
D to_int(S v, const Op& o) {  // float -> integer: round, clamp, NaN
  if (v != v) return sizeof(S) == 8 || sizeof(D) == 8 ? (D)((u64)1 << (sizeof(D) * 8 - 1)) : 0;
  double r = round_double((double)v, o.x);
  constexpr double lo = std::is_signed_v<D> ? -(double)(1ull << (sizeof(D) * 8 - 1)) : 0.0;
  constexpr double hi = std::is_signed_v<D> ? (double)(1ull << (sizeof(D) * 8 - 1))
                                            : (double)(1ull << (sizeof(D) * 8 - 1)) * 2.0;
  if (r < lo) return std::numeric_limits<D>::min();
  if (r >= hi) return std::numeric_limits<D>::max();
  return (D)r;
}
float narrow(double d, u32 mode) {  // double -> f32 in a rounding mode
  float f = (float)d;
  if (mode == 0 || d != d || (double)f == d) return f;
  bool too_big = (double)f > d;  // f lies above d
  auto toward = [&](float to) { return std::nextafterf(f, to); };
  if (mode == 1) return (d > 0) == too_big ? toward(0.0f) : f;
  if (mode == 2) return too_big ? toward(-INFINITY) : f;
  return too_big ? f : toward(INFINITY);
}
template <bool BF>
u16 narrow_half(double d, u32 mode) {
  float f = odd_f32(d);
  if (mode == 0) return BF ? f32_to_bf16(f) : f32_to_f16(f);
  if (f != f) return 0x7fff;
  u16 h;
  if (BF)
    h = (u16)(bits_as<u32>(f) >> 16);
  else
    h = (u16)_cvtss_sh(f, _MM_FROUND_TO_ZERO);
  float back = BF ? bf16_to_f32(h) : f16_to_f32(h);
  bool exact = (double)back == d, neg = std::signbit(f);
  if (!exact && ((mode == 2 && neg) || (mode == 3 && !neg)))
    h++;  // away from zero: the next magnitude
  return h;
}
float tf32(float f, u32 mode) {
  u32 b = bits_as<u32>(f);
  if (f != f) return bits_as<float>(0x7fffffffu);
  if (std::isinf(f)) return f;
  if (mode == 4)
    b += 0x1000;  // ties away
  else if (mode == 0)
    b += 0xfff + (b >> 13 & 1);  // ties to even
  return bits_as<float>(b & ~0x1fffu);
}
template <class S>
S sat01(S v) {
  return v > 0 ? (v < 1 ? v : (S)1) : (S)0;
}

// One conversion, by the C++ types of source and destination.
template <class D, class S>
struct Cvt : Fn {
  D operator()(S s) const {
    constexpr bool df = std::is_floating_point_v<D>, sf = std::is_floating_point_v<S>;
    if constexpr (!df && !sf) {
      if (o.y & SAT) {
        __int128 v = s;
        __int128 lo = std::numeric_limits<D>::min(), hi = std::numeric_limits<D>::max();
        return (D)(v < lo ? lo : v > hi ? hi : v);
      }
      return (D)s;
    } else if constexpr (!df && sf) {
      if (o.y & FTZ)
        if constexpr (sizeof(S) == 4) s = flush(s);
      return to_int<S, D>(s, o);
    } else if constexpr (df && !sf) {
      if constexpr (sizeof(D) == 8) {
        if (o.x == 0 || sizeof(S) < 8) return (D)s;
        double d = (double)s;
        __int128 back = (__int128)d, v = s;
        if (back == v) return d;
        if (o.x == 1) return (back > v) == (v > 0) ? std::nextafter(d, 0.0) : d;
        if (o.x == 2) return back > v ? std::nextafter(d, -INFINITY) : d;
        return back < v ? std::nextafter(d, (double)INFINITY) : d;
      } else {
        if (o.x == 0) return (float)s;
        if (sizeof(S) < 8) return narrow((double)s, o.x);
        float f = (float)s;
        __int128 back = (__int128)f, v = s;
        if (back == v) return f;
        if (o.x == 1) return (back > v) == (v > 0) ? std::nextafterf(f, 0.0f) : f;
        if (o.x == 2) return back > v ? std::nextafterf(f, -INFINITY) : f;
        return back < v ? std::nextafterf(f, INFINITY) : f;
      }
    } else {
      if (o.y & FTZ)
        if constexpr (sizeof(S) == 4) s = flush(s);
      D r;
      if constexpr (sizeof(D) == 4 && sizeof(S) == 8)
        r = narrow(s, o.x);
      else
        r = (D)s;
      if (o.y & INTEGRAL) r = (D)round_double((double)r, o.x);
      if (r != r) {
        if constexpr (sizeof(D) == 4) r = bits_as<float>(0x7fffffffu);
      }
      if (o.y & FTZ)
        if constexpr (sizeof(D) == 4) r = flush(r);
      if (o.y & SAT) r = sat01(r);
      return r;
    }
  }
};
template <class D, class S>
Handler conv() {
  return un<D, S, Cvt<D, S>>;
}

template <class D>
Handler from(Ty s) {
  switch (s) {
    case Ty::U8:
      return conv<D, u8>();
    case Ty::S8:
      return conv<D, i8>();
    case Ty::U16:
      return conv<D, u16>();
    case Ty::S16:
      return conv<D, i16>();
    case Ty::U32:
      return conv<D, u32>();
    case Ty::S32:
      return conv<D, i32>();
    case Ty::U64:
      return conv<D, u64>();
    case Ty::S64:
      return conv<D, i64>();
    case Ty::F32:
      return conv<D, float>();
    case Ty::F64:
      return conv<D, double>();
    default:
      return nullptr;
  }
}
Handler conversion(Ty d, Ty s) {
  switch (d) {
    case Ty::U8:
      return from<u8>(s);
    case Ty::S8:
      return from<i8>(s);
    case Ty::U16:
      return from<u16>(s);
    case Ty::S16:
      return from<i16>(s);
    case Ty::U32:
      return from<u32>(s);
    case Ty::S32:
      return from<i32>(s);
    case Ty::U64:
      return from<u64>(s);
    case Ty::S64:
      return from<i64>(s);
    case Ty::F32:
      return from<float>(s);
    case Ty::F64:
      return from<double>(s);
    default:
      return nullptr;
  }
}

// From a half: through double, exactly.
double widen(u32 v, bool bf) { return bf ? bf16_to_f32((u16)v) : f16_to_f32((u16)v); }

void half_to_f32(Warp& w, const Op& o, u32 m) {
  alignas(64) float t[LANES];
  row_f16_to_f32(w.row<u32>(o.r[1]), t);
  each(w.row<u32>(o.r[0]), m, [&](int i) { return bits_as<u32>(canonical(t[i])); });
}
void f32_to_half(Warp& w, const Op& o, u32 m) {
  alignas(64) u32 t[LANES];
  row_f32_to_f16(w.row<float>(o.r[1]), t);
  each(w.row<u32>(o.r[0]), m, [&](int i) { return t[i]; });
}
// General forms with a half on either side. imm: low byte = destination type, next byte = source
// type.
void half_general(Warp& w, const Op& o, u32 m) {
  Ty dt = (Ty)(o.imm & 255), st = (Ty)(o.imm >> 8 & 255);
  lanes(m, [&](int i) {
    double v;
    switch (st) {
      case Ty::F16:
        v = widen(w.row<u32>(o.r[1])[i], false);
        break;
      case Ty::BF16:
        v = widen(w.row<u32>(o.r[1])[i], true);
        break;
      case Ty::F32: {
        float f = w.row<float>(o.r[1])[i];
        v = o.y & FTZ ? flush(f) : f;
        break;
      }
      case Ty::F64:
        v = w.row<double>(o.r[1])[i];
        break;
      case Ty::U8:
        v = (u8)w.row<u32>(o.r[1])[i];
        break;
      case Ty::S8:
        v = (i8)w.row<u32>(o.r[1])[i];
        break;
      case Ty::U16:
        v = (u16)w.row<u32>(o.r[1])[i];
        break;
      case Ty::S16:
        v = (i16)w.row<u32>(o.r[1])[i];
        break;
      case Ty::U32:
        v = w.row<u32>(o.r[1])[i];
        break;
      case Ty::S32:
        v = w.row<i32>(o.r[1])[i];
        break;
      case Ty::S64:
        v = (double)w.row<i64>(o.r[1])[i];
        break;  // 53 bits are plenty for 11
      default:
        v = (double)w.row<u64>(o.r[1])[i];
    }
    if (o.y & INTEGRAL) v = round_double(v, o.x);
    if (o.y & SAT && (ty_float(dt))) v = sat01(v);
    if (o.y & RELU) v = v != v ? v : v > 0 ? v : 0.0;
    u32 mode = o.y & INTEGRAL ? 0 : o.x;
    switch (dt) {
      case Ty::F16:
        w.row<u32>(o.r[0])[i] = narrow_half<false>(v, mode);
        break;
      case Ty::BF16:
        w.row<u32>(o.r[0])[i] = narrow_half<true>(v, mode);
        break;
      case Ty::F32:
        w.row<float>(o.r[0])[i] = canonical((float)v);
        break;
      case Ty::F64:
        w.row<double>(o.r[0])[i] = v;
        break;
      case Ty::U8:
        w.row<u32>(o.r[0])[i] = to_int<float, u8>((float)v, o);
        break;
      case Ty::S8:
        w.row<u32>(o.r[0])[i] = (u8)to_int<float, i8>((float)v, o);
        break;
      case Ty::U16:
        w.row<u32>(o.r[0])[i] = to_int<float, u16>((float)v, o);
        break;
      case Ty::S16:
        w.row<u32>(o.r[0])[i] = (u16)to_int<float, i16>((float)v, o);
        break;
      case Ty::U32:
        w.row<u32>(o.r[0])[i] = to_int<float, u32>((float)v, o);
        break;
      case Ty::S32:
        w.row<i32>(o.r[0])[i] = to_int<float, i32>((float)v, o);
        break;
      case Ty::U64:
        w.row<u64>(o.r[0])[i] = to_int<float, u64>((float)v, o);
        break;
      default:
        w.row<i64>(o.r[0])[i] = to_int<float, i64>((float)v, o);
    }
  });
}
// d = {hi: a, lo: b}
template <bool BF>
void pack2(Warp& w, const Op& o, u32 m) {
  float* a = w.row<float>(o.r[1]);
  float* b = w.row<float>(o.r[2]);
  u32* d = w.row<u32>(o.r[0]);
  if (!BF && o.x == 0 && !(o.y & RELU)) {
    alignas(64) u32 x[LANES], y[LANES];
    row_f32_to_f16(a, x), row_f32_to_f16(b, y);
    each(d, m, [&](int i) { return x[i] << 16 | y[i]; });
    return;
  }
  auto one = [&](float v) -> u32 {
    if (o.y & RELU && !(v != v)) v = v > 0 ? v : 0.0f;
    return narrow_half<BF>(v, o.x);
  };
  lanes(m, [&](int i) { d[i] = one(a[i]) << 16 | one(b[i]); });
}
void to_tf32(Warp& w, const Op& o, u32 m) {
  float* a = w.row<float>(o.r[1]);
  each(w.row<u32>(o.r[0]), m, [&](int i) { return bits_as<u32>(tf32(a[i], o.x)); });
}
// cvt.pack.sat.{u8,s8,u16,s16}.s32[.b32] d, a, b[, c]
void pack_ints(Warp& w, const Op& o, u32 m) {
  Ty t = (Ty)o.imm;
  i32* a = w.row<i32>(o.r[1]);
  i32* b = w.row<i32>(o.r[2]);
  u32* c = o.r[3] == NOROW ? nullptr : w.row<u32>(o.r[3]);
  u32* d = w.row<u32>(o.r[0]);
  i32 lo = t == Ty::S8    ? -128
           : t == Ty::S16 ? -32768
                          : 0,
      hi = t == Ty::S8    ? 127
           : t == Ty::U8  ? 255
           : t == Ty::S16 ? 32767
                          : 65535;
  int n = ty_bytes(t) * 8;
  u32 mask = n == 8 ? 255 : 65535;
  lanes(m, [&](int i) {
    u32 x = (u32)std::min(std::max(a[i], lo), hi) & mask,
        y = (u32)std::min(std::max(b[i], lo), hi) & mask;
    d[i] = n == 16 ? x << 16 | y : (c ? c[i] << 16 : 0) | x << 8 | y;
  });
}
}  // namespace

static Register r_cvt({"cvt"}, [](Ctx& c) {
  if (c.has("pack")) {
    if (!c.has("sat")) c.fail("needs .sat");
    Ty t = c.type();
    if (c.type() != Ty::S32) c.fail("needs .s32");
    bool third = c.type_or_none() == Ty::B32;
    c.args(third ? 4 : 3);
    c.op.r[1] = c.src(1, Ty::S32), c.op.r[2] = c.src(2, Ty::S32);
    if (third) c.op.r[3] = c.src(3, Ty::B32);
    c.op.r[0] = c.dst(0, Ty::B32);
    c.op.imm = (i64)t;
    return c.emit(pack_ints, Cls::Cvt);
  }
  int round = c.one_of({"rn", "rz", "rm", "rp", "rna"});
  int integral = c.one_of({"rni", "rzi", "rmi", "rpi"});
  c.op.y = (c.has("ftz") ? FTZ : 0) | (c.has("sat") ? SAT : 0) | (c.has("relu") ? RELU : 0);
  c.has("satfinite");
  Ty d = c.type(), s = c.type();
  if (integral >= 0)
    c.op.x = (u32)integral, c.op.y |= ty_float(d) ? INTEGRAL : 0;
  else if (round >= 0)
    c.op.x = (u32)round;
  else
    c.op.x = ty_float(s) && !ty_float(d) ? 1 : 0;
  if (d == Ty::F16x2 || d == Ty::BF16x2) {
    c.args(3);
    if (s != Ty::F32) c.fail("not supported with this type");
    c.op.r[1] = c.src(1, s), c.op.r[2] = c.src(2, s);
    c.op.r[0] = c.dst(0, d);
    return c.emit(d == Ty::BF16x2 ? pack2<true> : pack2<false>, Cls::Cvt);
  }
  c.args(2);
  auto reg_ty = [](Ty t) { return ty_bytes(t) == 8 ? Ty::B64 : Ty::B32; };
  const Operand& so = c.arg(1);
  c.op.r[1] = c.narrowed(so, so.kind == Operand::Imm ? s : reg_ty(s));
  u32 wide;
  u32 row = c.op.r[0] = c.widened(c.arg(0), reg_ty(d), &wide);
  auto emit = [&](Handler h) {
    c.emit(h, Cls::Cvt);
    c.widen(row, wide, ty_signed(d));
  };
  if (d == Ty::TF32) return emit(s == Ty::F32 ? to_tf32 : nullptr);
  bool dh = d == Ty::F16 || d == Ty::BF16, sh = s == Ty::F16 || s == Ty::BF16;
  if (dh || sh) {
    c.op.imm = (i64)d | (i64)s << 8;
    bool plain = c.op.y == 0;
    if (plain && d == Ty::F32 && s == Ty::F16) return emit(half_to_f32);
    if (plain && d == Ty::F16 && s == Ty::F32 && c.op.x == 0) return emit(f32_to_half);
    return emit(half_general);
  }
  emit(conversion(d, s));
});

}  // namespace vgpu
