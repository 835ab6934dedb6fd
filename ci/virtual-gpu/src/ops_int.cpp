// Integer arithmetic, logic, shifts and bit fields.
#include "decode.h"
#include "rows.h"

namespace vgpu {
namespace {

template <class T>
struct Wider;
template <>
struct Wider<u16> {
  using type = u32;
};
template <>
struct Wider<i16> {
  using type = i32;
};
template <>
struct Wider<u32> {
  using type = u64;
};
template <>
struct Wider<i32> {
  using type = i64;
};
template <>
struct Wider<u64> {
  using type = unsigned __int128;
};
template <>
struct Wider<i64> {
  using type = __int128;
};
template <class T>
using wider = typename Wider<T>::type;

#define FN2(NAME, EXPR)            \
  struct NAME : Fn {               \
    template <class T>             \
    T operator()(T a, T b) const { \
      return (T)(EXPR);            \
    }                              \
  }
FN2(Add, a + b);
FN2(Sub, a - b);
FN2(MulLo, a* b);
FN2(MulHi, ((wider<T>)a * (wider<T>)b) >> (sizeof(T) * 8));
FN2(Min, a < b ? a : b);
FN2(Max, a > b ? a : b);
FN2(And, a& b);
FN2(Or, a | b);
FN2(Xor, a ^ b);
struct MulWide : Fn {
  template <class T>
  wider<T> operator()(T a, T b) const {
    return (wider<T>)a * (wider<T>)b;
  }
};
struct MadLo : Fn {
  template <class T>
  T operator()(T a, T b, T c) const {
    return (T)(a * b + c);
  }
};
struct MadHi : Fn {
  template <class T>
  T operator()(T a, T b, T c) const {
    return (T)((T)(((wider<T>)a * (wider<T>)b) >> (sizeof(T) * 8)) + c);
  }
};
struct MadWide : Fn {
  template <class T>
  wider<T> operator()(T a, T b, wider<T> c) const {
    return (wider<T>)a * (wider<T>)b + c;
  }
};
struct Mul24 : Fn {
  template <class T>
  T operator()(T a, T b) const {
    return (T)((T)(a << 8) >> 8) * (T)((T)(b << 8) >> 8);
  }
};
struct Neg : Fn {
  template <class T>
  T operator()(T a) const {
    return (T)(0 - a);
  }
};
struct Abs : Fn {
  template <class T>
  T operator()(T a) const {
    return a < 0 ? (T)(0 - a) : a;
  }
};
struct Not : Fn {
  template <class T>
  T operator()(T a) const {
    return (T)~a;
  }
};
struct Cnot : Fn {
  template <class T>
  T operator()(T a) const {
    return a == 0 ? 1 : 0;
  }
};
struct Sad : Fn {
  template <class T>
  T operator()(T a, T b, T c) const {
    return (T)(c + (a > b ? a - b : b - a));
  }
};
struct AddSat : Fn {
  i32 operator()(i32 a, i32 b) const {
    i64 s = (i64)a + b;
    return s > INT32_MAX ? INT32_MAX : s < INT32_MIN ? INT32_MIN : (i32)s;
  }
};
struct SubSat : Fn {
  i32 operator()(i32 a, i32 b) const {
    i64 s = (i64)a - b;
    return s > INT32_MAX ? INT32_MAX : s < INT32_MIN ? INT32_MIN : (i32)s;
  }
};
struct Shl : Fn {
  template <class T>
  T operator()(T a, u32 b) const {
    return b >= sizeof(T) * 8 ? (T)0 : (T)(a << b);
  }
};
struct Shr : Fn {
  template <class T>
  T operator()(T a, u32 b) const {
    constexpr u32 w = sizeof(T) * 8;
    if (std::is_signed_v<T>) return (T)(a >> (b >= w ? w - 1 : b));
    return b >= w ? (T)0 : (T)(a >> b);
  }
};
struct Popc : Fn {
  template <class T>
  u32 operator()(T a) const {
    return (u32)__builtin_popcountll((u64)a);
  }
};
struct Clz : Fn {
  template <class T>
  u32 operator()(T a) const {
    if (a == 0) return sizeof(T) * 8;
    return sizeof(T) == 8 ? __builtin_clzll(a) : __builtin_clz((u32)a);
  }
};
struct Brev : Fn {
  template <class T>
  T operator()(T a) const {
    u64 v = (u64)a;
    v = (v >> 1 & 0x5555555555555555ull) | (v & 0x5555555555555555ull) << 1;
    v = (v >> 2 & 0x3333333333333333ull) | (v & 0x3333333333333333ull) << 2;
    v = (v >> 4 & 0x0f0f0f0f0f0f0f0full) | (v & 0x0f0f0f0f0f0f0f0full) << 4;
    v = __builtin_bswap64(v);
    return (T)(v >> (64 - sizeof(T) * 8));
  }
};
struct Bfind : Fn {  // o.x: 1 = .shiftamt
  template <class T>
  u32 operator()(T a) const {
    using U = std::make_unsigned_t<T>;
    U v = (U)a;
    if (std::is_signed_v<T> && a < 0) v = (U)~v;
    if (v == 0) return FULL;
    u32 pos = sizeof(T) == 8 ? 63 - __builtin_clzll(v) : 31 - __builtin_clz((u32)v);
    return o.x ? (u32)(sizeof(T) * 8 - 1 - pos) : pos;
  }
};
struct Bfe : Fn {
  template <class T>
  T operator()(T a, u32 b, u32 c) const {
    constexpr u32 w = sizeof(T) * 8;
    u32 pos = b & 255, len = c & 255;
    if (!std::is_signed_v<T>) {
      if (pos >= w || !len) return 0;
      T v = (T)(a >> pos);
      return len >= w ? v : (T)(v & (((T)1 << len) - 1));
    }
    if (!len) return 0;
    u32 top = std::min(pos + len - 1, w - 1);  // the sign comes from here
    T sign = (T)(a >> top & 1 ? -1 : 0);
    T v = pos >= w ? sign : (T)(a >> pos);
    u32 have = pos >= w ? 0 : std::min(len, w - pos);
    if (have >= w) return v;
    T mask = (T)(((std::make_unsigned_t<T>)1 << have) - 1);
    return (T)((v & mask) | (sign & ~mask));
  }
};
struct Bfi : Fn {
  template <class T>
  T operator()(T a, T b, u32 c, u32 d) const {
    constexpr u32 w = sizeof(T) * 8;
    u32 pos = c & 255, len = d & 255;
    if (pos >= w || !len) return b;
    T mask = (len >= w ? ~(T)0 : (((T)1 << len) - 1)) << pos;
    return (T)((b & ~mask) | ((a << pos) & mask));
  }
};
struct Bmsk : Fn {  // o.x: 1 = wrap
  u32 operator()(u32 a, u32 b) const {
    u32 pos = o.x ? a & 31 : std::min(a, 32u), len = o.x ? b & 31 : std::min(b, 32u);
    if (pos >= 32 || !len) return 0;
    u32 ones = len >= 32 ? FULL : (1u << len) - 1;
    return ones << pos;
  }
};
struct Lop3 : Fn {  // o.x: the truth table
  u32 operator()(u32 a, u32 b, u32 c) const {
    u32 t = o.x, r = 0;
    for (u32 i = 0; i < 8; i++) {
      u32 all = 0u - (t >> i & 1);
      r |= all & ((i & 4) ? a : ~a) & ((i & 2) ? b : ~b) & ((i & 1) ? c : ~c);
    }
    return r;
  }
};
struct ShfL : Fn {  // o.x: 1 = wrap
  u32 operator()(u32 a, u32 b, u32 c) const {
    u32 n = o.x ? c & 31 : std::min(c, 32u);
    return (u32)(((u64)b << 32 | a) << n >> 32);
  }
};
struct ShfR : Fn {
  u32 operator()(u32 a, u32 b, u32 c) const {
    u32 n = o.x ? c & 31 : std::min(c, 32u);
    return (u32)(((u64)b << 32 | a) >> n);
  }
};
struct Prmt : Fn {
  u32 operator()(u32 a, u32 b, u32 c) const {
    u64 v = (u64)b << 32 | a;
    u32 r = 0;
    for (u32 i = 0; i < 4; i++) {
      u32 n = c >> (4 * i);
      u32 byte = (u32)(v >> (8 * (n & 7))) & 255;
      if (n & 8) byte = byte & 128 ? 255 : 0;
      r |= byte << (8 * i);
    }
    return r;
  }
};
struct PrmtMode : Fn {  // o.x: 0 f4e 1 b4e 2 rc8 3 ecl 4 ecr 5 rc16
  u32 operator()(u32 a, u32 b, u32 c) const {
    static const u16 sel[6][4] = {
        {0x3210, 0x4321, 0x5432, 0x6543}, {0x5670, 0x6701, 0x7012, 0x0123},
        {0x0000, 0x1111, 0x2222, 0x3333}, {0x3210, 0x3211, 0x3222, 0x3333},
        {0x0000, 0x1110, 0x2210, 0x3210}, {0x1010, 0x3232, 0x1010, 0x3232}};
    return Prmt{o}(a, b, sel[o.x][c & 3]);
  }
};
template <class A, class B>
struct Dp4a : Fn {
  i32 operator()(u32 a, u32 b, i32 c) const {
    for (int i = 0; i < 32; i += 8) c += (i32)(A)(a >> i) * (i32)(B)(b >> i);
    return c;
  }
};
template <class A, class B>
struct Dp2a : Fn {  // o.x: 16 = .hi
  i32 operator()(u32 a, u32 b, i32 c) const {
    c += (i32)(A)a * (i32)(B)(b >> o.x);
    c += (i32)(A)(a >> 16) * (i32)(B)(b >> (o.x + 8));
    return c;
  }
};

template <class F>
Handler ints2(Ty t) {
  switch (t) {
    case Ty::U16:
    case Ty::B16:
      return bin<u16, u16, u16, F>;
    case Ty::S16:
      return bin<i16, i16, i16, F>;
    case Ty::U32:
    case Ty::B32:
      return bin<u32, u32, u32, F>;
    case Ty::S32:
      return bin<i32, i32, i32, F>;
    case Ty::U64:
    case Ty::B64:
      return bin<u64, u64, u64, F>;
    case Ty::S64:
      return bin<i64, i64, i64, F>;
    default:
      return nullptr;
  }
}
template <class F>
Handler ints3(Ty t) {
  switch (t) {
    case Ty::U16:
      return ter<u16, u16, u16, u16, F>;
    case Ty::S16:
      return ter<i16, i16, i16, i16, F>;
    case Ty::U32:
      return ter<u32, u32, u32, u32, F>;
    case Ty::S32:
      return ter<i32, i32, i32, i32, F>;
    case Ty::U64:
      return ter<u64, u64, u64, u64, F>;
    case Ty::S64:
      return ter<i64, i64, i64, i64, F>;
    default:
      return nullptr;
  }
}
template <class F>
Handler bits2(Ty t) {
  return t == Ty::B16   ? bin<u16, u16, u16, F>
         : t == Ty::B32 ? bin<u32, u32, u32, F>
         : t == Ty::B64 ? bin<u64, u64, u64, F>
                        : nullptr;
}
Ty wide_of(Ty t) {
  switch (t) {
    case Ty::U16:
      return Ty::U32;
    case Ty::S16:
      return Ty::S32;
    case Ty::U32:
      return Ty::U64;
    case Ty::S32:
      return Ty::S64;
    default:
      return Ty::None;
  }
}

// Predicates are masks: one word operation does all lanes. o.x and o.y complement the sources.
template <int OP>
void pred2(Warp& w, const Op& o, u32 m) {
  u32 a = w.pred(o.r[1]) ^ o.x, b = w.pred(o.r[2]) ^ o.y;
  u32 v = OP == 0 ? a & b : OP == 1 ? a | b : a ^ b;
  u32& d = w.pred(o.r[0]);
  d = (d & ~m) | (v & m);
}
void pred_not(Warp& w, const Op& o, u32 m) {
  u32& d = w.pred(o.r[0]);
  d = (d & ~m) | (~(w.pred(o.r[1]) ^ o.x) & m);
}

void src2(Ctx& c, Ty t) {
  c.args(3);
  c.op.r[1] = c.src(1, t);
  c.op.r[2] = c.src(2, t);
}

// Carry of the add.cc family: one mask per warp row, held in a predicate-like row of the decoder.
template <int KIND,
          class T>  // 0 add 1 sub 2 mad.lo 3 mad.hi; o.x: 1 uses carry in, 2 writes carry out
void carry_op(Warp& w, const Op& o, u32 m) {
  T* d = w.row<T>(o.r[0]);
  const T* a = w.row<T>(o.r[1]);
  const T* b = w.row<T>(o.r[2]);
  const T* c = KIND >= 2 ? w.row<T>(o.r[3]) : nullptr;
  u32& cc = w.pred(o.r[4]);
  u32 in = cc, out = cc;
  using W = wider<T>;
  lanes(m, [&](int i) {
    u32 ci = o.x & 1 ? in >> i & 1 : 0;
    W s;
    if (KIND == 0)
      s = (W)a[i] + b[i] + ci;
    else if (KIND == 1)
      s = (W)a[i] - b[i] - ci;
    else {
      W p = (W)a[i] * b[i];
      s = (W)(T)(KIND == 2 ? p : p >> (sizeof(T) * 8)) + c[i] + ci;
    }
    if (o.x & 2) out = (out & ~(1u << i)) | (u32)(s >> (sizeof(T) * 8) & 1) << i;
    d[i] = (T)s;
  });
  if (o.x & 2) cc = out;
}
u32 carry_row(Ctx& c) {
  auto it = c.d.special.find("carry");
  if (it != c.d.special.end()) return it->second;
  u32 r = c.d.new_row(4);
  c.d.rows[r].fixed = true;
  return c.d.special["carry"] = r;
}
bool with_carry(Ctx& c, int kind, bool in, Ty& t) {
  bool out = c.has("cc");
  if (!in && !out) return false;
  int half = kind == 2 ? c.one_of({"lo", "hi"}) : 0;
  t = c.type();
  if (ty_float(t) || ty_bytes(t) < 4) c.fail("carry needs a 32 or 64-bit integer type");
  bool wide = ty_bytes(t) == 8;
  c.op.r[1] = c.src(1, t), c.op.r[2] = c.src(2, t);
  if (kind == 2) c.op.r[3] = c.src(3, t);
  c.op.r[0] = c.dst(0, t);
  c.op.r[4] = carry_row(c);
  c.op.x = (in ? 1 : 0) | (out ? 2 : 0);
  Handler h = kind == 0   ? (wide ? carry_op<0, u64> : carry_op<0, u32>)
              : kind == 1 ? (wide ? carry_op<1, u64> : carry_op<1, u32>)
              : half == 1 ? (wide ? carry_op<3, u64> : carry_op<3, u32>)
                          : (wide ? carry_op<2, u64> : carry_op<2, u32>);
  c.emit(h, Cls::Int);
  return true;
}

template <class T, bool REM>
void divide(Warp& w, const Op& o, u32 m) {
  auto* a = w.row<LaneOf<T>>(o.r[1]);
  auto* b = w.row<LaneOf<T>>(o.r[2]);
  auto* d = w.row<LaneOf<T>>(o.r[0]);
  lanes(m, [&](int i) {
    T x = lane_get<T>(a[i]), y = lane_get<T>(b[i]);
    T v;
    if (y == 0)
      v = REM ? x : (T) ~(T)0;
    else if (std::is_signed_v<T> && y == (T)-1)
      v = REM ? (T)0 : (T)(0 - (std::make_unsigned_t<T>)x);
    else
      v = REM ? x % y : x / y;
    d[i] = lane_put<T>(v);
  });
}
template <bool REM>
Handler divides(Ty t) {
  switch (t) {
    case Ty::U16:
      return divide<u16, REM>;
    case Ty::S16:
      return divide<i16, REM>;
    case Ty::U32:
      return divide<u32, REM>;
    case Ty::S32:
      return divide<i32, REM>;
    case Ty::U64:
      return divide<u64, REM>;
    case Ty::S64:
      return divide<i64, REM>;
    default:
      return nullptr;
  }
}

// a op b, c (shift-like counts are 32 bits wide)
template <class F>
Handler shifts(Ty t) {
  switch (t) {
    case Ty::B16:
    case Ty::U16:
      return bin<u16, u16, u32, F>;
    case Ty::S16:
      return bin<i16, i16, u32, F>;
    case Ty::B32:
    case Ty::U32:
      return bin<u32, u32, u32, F>;
    case Ty::S32:
      return bin<i32, i32, u32, F>;
    case Ty::B64:
    case Ty::U64:
      return bin<u64, u64, u32, F>;
    case Ty::S64:
      return bin<i64, i64, u32, F>;
    default:
      return nullptr;
  }
}

template <class T>
void bfi_op(Warp& w, const Op& o, u32 m) {
  auto* a = w.row<T>(o.r[1]);
  auto* b = w.row<T>(o.r[2]);
  auto* c = w.row<u32>(o.r[3]);
  auto* d = w.row<u32>(o.r[4]);
  Bfi f{{o}};
  each(w.row<T>(o.r[0]), m, [&](int i) { return f(a[i], b[i], c[i], d[i]); });
}
void lop3_pred(Warp& w, const Op& o, u32 m) {  // d|p = lop3(a,b,c) ; p = (d != 0) BoolOp q
  ter<u32, u32, u32, u32, Lop3>(w, o, m);
  u32* d = w.row<u32>(o.r[0]);
  u32 nz = 0;
  for (int i = 0; i < LANES; i++) nz |= d[i] ? kBit[i] : 0;
  u32 q = w.pred(o.r[4]) ^ (o.y & 4 ? FULL : 0);
  u32 v = (o.y & 3) == 0 ? nz | q : (o.y & 3) == 1 ? nz & q : nz ^ q;
  u32& p = w.pred(o.r[5]);
  p = (p & ~m) | (v & m);
}
}  // namespace

// Other files decode the float forms of these names.
void decode_fp(Ctx& c, Ty t);
void decode_minmax_fp(Ctx& c, Ty t);
void decode_negabs_fp(Ctx& c, Ty t);
void decode_div_fp(Ctx& c, Ty t);
void decode_simd16(Ctx& c, Ty t);

static Ty peek_type(Ctx& c) {
  auto keep = c.used;
  Ty t = c.type_or_none();
  if (!ty_float(t)) c.used = keep;
  return t;
}

static Register r_add({"add", "sub"}, [](Ctx& c) {
  bool sub = c.in.op == "sub";
  Ty t = peek_type(c);
  if (ty_float(t)) return decode_fp(c, t);
  if (with_carry(c, sub ? 1 : 0, false, t)) return;
  bool sat = c.has("sat");
  t = c.type();
  src2(c, t);
  c.op.r[0] = c.dst(0, t);
  if (sat && t != Ty::S32) c.fail(".sat needs .s32");
  c.emit(sat   ? (sub ? bin<i32, i32, i32, SubSat> : bin<i32, i32, i32, AddSat>)
         : sub ? ints2<Sub>(t)
               : ints2<Add>(t),
         Cls::Int);
});
static Register r_addc({"addc", "subc", "madc"}, [](Ctx& c) {
  Ty t;
  with_carry(c, c.in.op == "addc" ? 0 : c.in.op == "subc" ? 1 : 2, true, t);
});
static Register r_mul({"mul"}, [](Ctx& c) {
  Ty t = peek_type(c);
  if (ty_float(t)) return decode_fp(c, t);
  int k = c.one_of({"lo", "hi", "wide"});
  t = c.type();
  src2(c, t);
  if (k == 2) {
    Ty wt = wide_of(t);
    if (wt == Ty::None) c.fail("not supported with this type");
    c.op.r[0] = c.dst(0, wt);
    return c.emit(t == Ty::U16   ? bin<u32, u16, u16, MulWide>
                  : t == Ty::S16 ? bin<i32, i16, i16, MulWide>
                  : t == Ty::U32 ? bin<u64, u32, u32, MulWide>
                                 : bin<i64, i32, i32, MulWide>,
                  Cls::Int);
  }
  if (k < 0) c.fail("needs .lo, .hi or .wide");
  c.op.r[0] = c.dst(0, t);
  c.emit(k == 0 ? ints2<MulLo>(t) : ints2<MulHi>(t), Cls::Int);
});
static Register r_mad({"mad"}, [](Ctx& c) {
  Ty t = peek_type(c);
  if (ty_float(t)) return decode_fp(c, t);
  c.args(4);
  if (with_carry(c, 2, false, t)) return;
  int k = c.one_of({"lo", "hi", "wide"});
  t = c.type();
  Ty wt = k == 2 ? wide_of(t) : t;
  if (k < 0 || wt == Ty::None) c.fail("not supported with this type");
  c.op.r[1] = c.src(1, t), c.op.r[2] = c.src(2, t), c.op.r[3] = c.src(3, wt);
  c.op.r[0] = c.dst(0, wt);
  if (k == 2)
    return c.emit(t == Ty::U16   ? ter<u32, u16, u16, u32, MadWide>
                  : t == Ty::S16 ? ter<i32, i16, i16, i32, MadWide>
                  : t == Ty::U32 ? ter<u64, u32, u32, u64, MadWide>
                                 : ter<i64, i32, i32, i64, MadWide>,
                  Cls::Int);
  c.emit(k == 0 ? ints3<MadLo>(t) : ints3<MadHi>(t), Cls::Int);
});
static Register r_mul24({"mul24"}, [](Ctx& c) {
  if (!c.has("lo")) c.fail("only .lo is supported");
  Ty t = c.type();
  src2(c, t);
  c.op.r[0] = c.dst(0, t);
  c.emit(t == Ty::U32   ? bin<u32, u32, u32, Mul24>
         : t == Ty::S32 ? bin<i32, i32, i32, Mul24>
                        : nullptr,
         Cls::Int);
});
static Register r_div({"div", "rem"}, [](Ctx& c) {
  Ty t = peek_type(c);
  if (ty_float(t)) return decode_div_fp(c, t);
  t = c.type();
  src2(c, t);
  c.op.r[0] = c.dst(0, t);
  c.emit(c.in.op == "rem" ? divides<true>(t) : divides<false>(t), Cls::Int);
});
static Register r_minmax({"min", "max"}, [](Ctx& c) {
  Ty t = peek_type(c);
  if (ty_float(t)) return decode_minmax_fp(c, t);
  t = c.type();
  src2(c, t);
  c.op.r[0] = c.dst(0, t);
  c.emit(c.in.op == "min" ? ints2<Min>(t) : ints2<Max>(t), Cls::Int);
});
static Register r_neg({"neg", "abs"}, [](Ctx& c) {
  Ty t = peek_type(c);
  if (ty_float(t)) return decode_negabs_fp(c, t);
  c.args(2);
  t = c.type();
  c.op.r[1] = c.src(1, t);
  c.op.r[0] = c.dst(0, t);
  bool neg = c.in.op == "neg";
  c.emit(t == Ty::S16   ? (neg ? un<i16, i16, Neg> : un<i16, i16, Abs>)
         : t == Ty::S32 ? (neg ? un<i32, i32, Neg> : un<i32, i32, Abs>)
         : t == Ty::S64 ? (neg ? un<i64, i64, Neg> : un<i64, i64, Abs>)
                        : nullptr,
         Cls::Int);
});
static Register r_sad({"sad"}, [](Ctx& c) {
  c.args(4);
  Ty t = c.type();
  for (int i = 1; i < 4; i++) c.op.r[i] = c.src(i, t);
  c.op.r[0] = c.dst(0, t);
  c.emit(ints3<Sad>(t), Cls::Int);
});
static Register r_logic({"and", "or", "xor"}, [](Ctx& c) {
  Ty t = c.type();
  int k = c.in.op == "and" ? 0 : c.in.op == "or" ? 1 : 2;
  c.args(3);
  if (t == Ty::Pred) {
    c.op.r[1] = c.pred_src(1, &c.op.x);
    c.op.r[2] = c.pred_src(2, &c.op.y);
    c.op.r[0] = c.dst(0, t);
    return c.emit(k == 0 ? pred2<0> : k == 1 ? pred2<1> : pred2<2>, Cls::Int);
  }
  src2(c, t);
  c.op.r[0] = c.dst(0, t);
  c.emit(k == 0 ? bits2<And>(t) : k == 1 ? bits2<Or>(t) : bits2<Xor>(t), Cls::Int);
});
static Register r_not({"not", "cnot"}, [](Ctx& c) {
  c.args(2);
  Ty t = c.type();
  bool n = c.in.op == "not";
  if (t == Ty::Pred) {
    c.op.r[1] = c.pred_src(1, &c.op.x);
    c.op.r[0] = c.dst(0, t);
    return c.emit(n ? pred_not : nullptr, Cls::Int);
  }
  c.op.r[1] = c.src(1, t);
  c.op.r[0] = c.dst(0, t);
  c.emit(t == Ty::B16   ? (n ? un<u16, u16, Not> : un<u16, u16, Cnot>)
         : t == Ty::B32 ? (n ? un<u32, u32, Not> : un<u32, u32, Cnot>)
         : t == Ty::B64 ? (n ? un<u64, u64, Not> : un<u64, u64, Cnot>)
                        : nullptr,
         Cls::Int);
});
static Register r_shl({"shl", "shr"}, [](Ctx& c) {
  c.args(3);
  Ty t = c.type();
  c.op.r[1] = c.src(1, t), c.op.r[2] = c.src(2, Ty::U32);
  c.op.r[0] = c.dst(0, t);
  c.emit(c.in.op == "shl" ? shifts<Shl>(t) : shifts<Shr>(t), Cls::Int);
});
static Register r_shf({"shf"}, [](Ctx& c) {
  c.args(4);
  int dir = c.one_of({"l", "r"});
  c.op.x = c.one_of({"clamp", "wrap"});
  if (dir < 0 || c.op.x > 1 || c.type() != Ty::B32) c.fail("bad form");
  for (int i = 1; i < 4; i++) c.op.r[i] = c.src(i, Ty::B32);
  c.op.r[0] = c.dst(0, Ty::B32);
  c.emit(dir == 0 ? ter<u32, u32, u32, u32, ShfL> : ter<u32, u32, u32, u32, ShfR>, Cls::Int);
});
static Register r_counts({"popc", "clz", "brev", "bfind"}, [](Ctx& c) {
  c.args(2);
  const std::string& n = c.in.op;
  c.op.x = n == "bfind" && c.has("shiftamt");
  Ty t = c.type();
  c.op.r[1] = c.src(1, t);
  bool wide = ty_bytes(t) == 8;
  c.op.r[0] = c.dst(0, n == "brev" && wide ? Ty::B64 : Ty::B32);
  Handler h = nullptr;
  if (n == "popc")
    h = wide ? un<u32, u64, Popc> : un<u32, u32, Popc>;
  else if (n == "clz")
    h = wide ? un<u32, u64, Clz> : un<u32, u32, Clz>;
  else if (n == "brev")
    h = wide ? un<u64, u64, Brev> : un<u32, u32, Brev>;
  else
    h = t == Ty::U32   ? un<u32, u32, Bfind>
        : t == Ty::S32 ? un<u32, i32, Bfind>
        : t == Ty::U64 ? un<u32, u64, Bfind>
        : t == Ty::S64 ? un<u32, i64, Bfind>
                       : nullptr;
  c.emit(h, Cls::Int);
});
static Register r_bfe({"bfe"}, [](Ctx& c) {
  c.args(4);
  Ty t = c.type();
  c.op.r[1] = c.src(1, t), c.op.r[2] = c.src(2, Ty::U32), c.op.r[3] = c.src(3, Ty::U32);
  c.op.r[0] = c.dst(0, t);
  c.emit(t == Ty::U32   ? ter<u32, u32, u32, u32, Bfe>
         : t == Ty::S32 ? ter<i32, i32, u32, u32, Bfe>
         : t == Ty::U64 ? ter<u64, u64, u32, u32, Bfe>
         : t == Ty::S64 ? ter<i64, i64, u32, u32, Bfe>
                        : nullptr,
         Cls::Int);
});
static Register r_bfi({"bfi"}, [](Ctx& c) {
  c.args(5);
  Ty t = c.type();
  c.op.r[1] = c.src(1, t), c.op.r[2] = c.src(2, t), c.op.r[3] = c.src(3, Ty::U32),
  c.op.r[4] = c.src(4, Ty::U32);
  c.op.r[0] = c.dst(0, t);
  c.emit(t == Ty::B32 ? bfi_op<u32> : t == Ty::B64 ? bfi_op<u64> : nullptr, Cls::Int);
});
static Register r_bmsk({"bmsk"}, [](Ctx& c) {
  c.args(3);
  c.op.x = c.one_of({"clamp", "wrap"}) == 1;
  Ty t = c.type();
  src2(c, t);
  c.op.r[0] = c.dst(0, t);
  c.emit(bin<u32, u32, u32, Bmsk>, Cls::Int);
});
static Register r_lop3({"lop3"}, [](Ctx& c) {
  int b = c.one_of({"or", "and", "xor"});
  if (c.type() != Ty::B32) c.fail("needs .b32");
  c.args(b >= 0 ? 6 : 5);
  for (int i = 1; i < 4; i++) c.op.r[i] = c.src(i, Ty::B32);
  c.op.x = (u32)c.imm(4) & 255;
  c.op.r[0] = c.dst(0, Ty::B32);
  if (b >= 0) {
    u32 x;
    c.op.r[4] = c.pred_src(5, &x);
    c.op.r[5] = c.pred_dst(0);
    c.op.y = (u32)b | (x ? 4 : 0);
    if (c.op.r[5] == NOROW) c.fail("needs d|p");
  }
  c.emit(b >= 0 ? lop3_pred : ter<u32, u32, u32, u32, Lop3>, Cls::Int);
});
static Register r_prmt({"prmt"}, [](Ctx& c) {
  c.args(4);
  if (c.type() != Ty::B32) c.fail("needs .b32");
  int mode = c.one_of({"f4e", "b4e", "rc8", "ecl", "ecr", "rc16"});
  for (int i = 1; i < 4; i++) c.op.r[i] = c.src(i, Ty::B32);
  c.op.r[0] = c.dst(0, Ty::B32);
  c.op.x = mode < 0 ? 0 : (u32)mode;
  c.emit(mode < 0 ? ter<u32, u32, u32, u32, Prmt> : ter<u32, u32, u32, u32, PrmtMode>, Cls::Int);
});
static Register r_dp({"dp4a", "dp2a"}, [](Ctx& c) {
  c.args(4);
  bool four = c.in.op == "dp4a";
  int half = four ? 0 : c.one_of({"lo", "hi"});
  Ty a = c.type(), b = c.type();
  bool as = a == Ty::S32, bs = b == Ty::S32;
  if ((!as && a != Ty::U32) || (!bs && b != Ty::U32) || half < 0) c.fail("bad form");
  c.op.x = half == 1 ? 16 : 0;
  for (int i = 1; i < 4; i++) c.op.r[i] = c.src(i, Ty::B32);
  c.op.r[0] = c.dst(0, Ty::B32);
  Handler h;
  if (four)
    h = as ? (bs ? ter<i32, u32, u32, i32, Dp4a<i8, i8>> : ter<i32, u32, u32, i32, Dp4a<i8, u8>>)
           : (bs ? ter<i32, u32, u32, i32, Dp4a<u8, i8>> : ter<i32, u32, u32, i32, Dp4a<u8, u8>>);
  else
    h = as ? (bs ? ter<i32, u32, u32, i32, Dp2a<i16, i8>> : ter<i32, u32, u32, i32, Dp2a<i16, u8>>)
           : (bs ? ter<i32, u32, u32, i32, Dp2a<u16, i8>> : ter<i32, u32, u32, i32, Dp2a<u16, u8>>);
  c.emit(h, Cls::Dp4a);
});
}  // namespace vgpu
