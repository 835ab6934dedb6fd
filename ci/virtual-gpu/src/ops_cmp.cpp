// setp, set, selp, slct.
#include "decode.h"
#include "half.h"

namespace vgpu {
namespace {
enum Cmp { EQ, NE, LT, LE, GT, GE, LO, LS, HI, HS, EQU, NEU, LTU, LEU, GTU, GEU, NUM, NAN_ };

template <int C, class T>
inline bool compare(T a, T b) {
  switch (C) {
    case EQ:
      return a == b;
    case NE:
      return a < b || a > b;  // false on NaN
    case LT:
      return a < b;
    case LE:
      return a <= b;
    case GT:
      return a > b;
    case GE:
      return a >= b;
    case EQU:
      return !(a < b || a > b);
    case NEU:
      return !(a == b);
    case LTU:
      return !(a >= b);
    case LEU:
      return !(a > b);
    case GTU:
      return !(a <= b);
    case GEU:
      return !(a < b);
    case NUM:
      return a == a && b == b;
    default:
      return a != a || b != b;
  }
}
template <class T>
struct Load {
  static T get(LaneOf<T> v) { return lane_get<T>(v); }
};
struct H {
  u16 b;
};
struct BH {
  u16 b;
};

template <int C, class T>
u32 mask_of(Warp& w, const Op& o) {
  auto* a = w.row<LaneOf<T>>(o.r[1]);
  auto* b = w.row<LaneOf<T>>(o.r[2]);
  u32 r = 0;
  for (int i = 0; i < LANES; i++)
    r |= compare<C, T>(lane_get<T>(a[i]), lane_get<T>(b[i])) ? kBit[i] : 0;
  return r;
}
using MaskFn = u32 (*)(Warp&, const Op&);
template <class T>
MaskFn masks(int c) {
  switch (c) {
    case EQ:
      return mask_of<EQ, T>;
    case NE:
      return std::is_floating_point_v<T> ? mask_of<NE, T> : mask_of<NEU, T>;
    case LT:
    case LO:
      return mask_of<LT, T>;
    case LE:
    case LS:
      return mask_of<LE, T>;
    case GT:
    case HI:
      return mask_of<GT, T>;
    case GE:
    case HS:
      return mask_of<GE, T>;
    case EQU:
      return mask_of<EQU, T>;
    case NEU:
      return mask_of<NEU, T>;
    case LTU:
      return mask_of<LTU, T>;
    case LEU:
      return mask_of<LEU, T>;
    case GTU:
      return mask_of<GTU, T>;
    case GEU:
      return mask_of<GEU, T>;
    case NUM:
      return mask_of<NUM, T>;
    default:
      return mask_of<NAN_, T>;
  }
}
// Halves are compared as floats; part: 0 low, 16 high.
template <bool BF>
u32 half_mask(Warp& w, const Op& o, int cmp, int part) {
  float a[32], b[32];
  u32* x = w.row<u32>(o.r[1]);
  u32* y = w.row<u32>(o.r[2]);
  for (int i = 0; i < LANES; i++) {
    u16 h = (u16)(x[i] >> part), g = (u16)(y[i] >> part);
    a[i] = BF ? bf16_to_f32(h) : f16_to_f32(h);
    b[i] = BF ? bf16_to_f32(g) : f16_to_f32(g);
  }
  u32 r = 0;
  for (int i = 0; i < LANES; i++) {
    bool v = false;
    switch (cmp) {
      case EQ:
        v = compare<EQ>(a[i], b[i]);
        break;
      case NE:
        v = compare<NE>(a[i], b[i]);
        break;
      case LT:
        v = compare<LT>(a[i], b[i]);
        break;
      case LE:
        v = compare<LE>(a[i], b[i]);
        break;
      case GT:
        v = compare<GT>(a[i], b[i]);
        break;
      case GE:
        v = compare<GE>(a[i], b[i]);
        break;
      case EQU:
        v = compare<EQU>(a[i], b[i]);
        break;
      case NEU:
        v = compare<NEU>(a[i], b[i]);
        break;
      case LTU:
        v = compare<LTU>(a[i], b[i]);
        break;
      case LEU:
        v = compare<LEU>(a[i], b[i]);
        break;
      case GTU:
        v = compare<GTU>(a[i], b[i]);
        break;
      case GEU:
        v = compare<GEU>(a[i], b[i]);
        break;
      case NUM:
        v = compare<NUM>(a[i], b[i]);
        break;
      default:
        v = compare<NAN_>(a[i], b[i]);
    }
    r |= v ? kBit[i] : 0;
  }
  return r;
}

// Op fields: x = comparison | flags, imm = mask function
constexpr u32 HALF = 0x100, BF = 0x200, PAIR = 0x400, COMBINE = 0x3000, NEG_C = 0x4000,
              FTZ = 0x8000;
u32 first_mask(Warp& w, const Op& o) {
  if (o.x & HALF)
    return o.x & BF ? half_mask<true>(w, o, o.x & 255, 0) : half_mask<false>(w, o, o.x & 255, 0);
  return ((MaskFn)o.imm)(w, o);
}
u32 combine(Warp& w, const Op& o, u32 v) {
  u32 k = (o.x & COMBINE) >> 12;
  if (!k) return v;
  u32 c = w.pred(o.r[4]) ^ (o.x & NEG_C ? FULL : 0);
  return k == 1 ? v & c : k == 2 ? v | c : v ^ c;
}
void put(u32& p, u32 v, u32 m) { p = (p & ~m) | (v & m); }
template <bool PLAIN>
void setp_op(Warp& w, const Op& o, u32 m) {
  u32 v = first_mask(w, o);
  if (PLAIN) return put(w.pred(o.r[0]), v, m);
  u32 v2;
  if (o.x & PAIR)
    v2 = o.x & BF ? half_mask<true>(w, o, o.x & 255, 16) : half_mask<false>(w, o, o.x & 255, 16);
  else
    v2 = ~v;
  u32 p = combine(w, o, v), q = combine(w, o, v2);
  put(w.pred(o.r[0]), p, m);
  if (o.r[3] != NOROW) put(w.pred(o.r[3]), q, m);
}
template <class T>
void ftz_inputs(Warp& w, const Op& o) {  // f32 only: flush copies into scratch rows
  float* a = w.row<float>(o.r[1]);
  float* d = w.row<float>(o.r[5]);
  for (int i = 0; i < LANES; i++) d[i] = flush(a[i]);
}
// o.y: destination kind 0 = all ones, 1 = 1.0f, 2 = f16x2 ones (1.0), 3 = bf16x2
void set_op(Warp& w, const Op& o, u32 m) {
  u32 v = combine(w, o, first_mask(w, o));
  u32 hi = 0;
  if (o.x & PAIR)
    hi = combine(
        w, o,
        o.x & BF ? half_mask<true>(w, o, o.x & 255, 16) : half_mask<false>(w, o, o.x & 255, 16));
  u32* d = w.row<u32>(o.r[0]);
  u32 one = o.y == 1 ? 0x3f800000u : o.y == 2 ? 0x3c00u : o.y == 3 ? 0x3f80u : FULL;
  lanes(m, [&](int i) {
    if (o.x & PAIR && o.y >= 2)
      d[i] = (v >> i & 1 ? one : 0) | (hi >> i & 1 ? one << 16 : 0);
    else if (o.x & PAIR)
      d[i] = (v >> i & 1 ? 0xffffu : 0) | (hi >> i & 1 ? 0xffff0000u : 0);
    else
      d[i] = v >> i & 1 ? one : 0;
  });
}
template <class S>
void selp_op(Warp& w, const Op& o, u32 m) {
  S* a = w.row<S>(o.r[1]);
  S* b = w.row<S>(o.r[2]);
  u32 p = w.pred(o.r[3]) ^ o.x;
  each(w.row<S>(o.r[0]), m, [&](int i) { return p & kBit[i] ? a[i] : b[i]; });
}
template <class S, class C>
void slct_op(Warp& w, const Op& o, u32 m) {
  S* a = w.row<S>(o.r[1]);
  S* b = w.row<S>(o.r[2]);
  auto* c = w.row<u32>(o.r[3]);
  each(w.row<S>(o.r[0]), m, [&](int i) { return lane_get<C>(c[i]) >= 0 ? a[i] : b[i]; });
}

int parse_cmp(Ctx& c) {
  int k = c.one_of({"eq", "ne", "lt", "le", "gt", "ge", "lo", "ls", "hi", "hs", "equ", "neu", "ltu",
                    "leu", "gtu", "geu", "num", "nan"});
  if (k < 0) c.fail("comparison missing");
  return k;
}
void comparison(Ctx& c, Ty t, int cmp) {
  c.op.x |= (u32)cmp;
  switch (t) {
    case Ty::U16:
    case Ty::B16:
      c.op.imm = (i64)masks<u16>(cmp);
      break;
    case Ty::S16:
      c.op.imm = (i64)masks<i16>(cmp);
      break;
    case Ty::U32:
    case Ty::B32:
      c.op.imm = (i64)masks<u32>(cmp);
      break;
    case Ty::S32:
      c.op.imm = (i64)masks<i32>(cmp);
      break;
    case Ty::U64:
    case Ty::B64:
      c.op.imm = (i64)masks<u64>(cmp);
      break;
    case Ty::S64:
      c.op.imm = (i64)masks<i64>(cmp);
      break;
    case Ty::F32:
      c.op.imm = (i64)masks<float>(cmp);
      break;
    case Ty::F64:
      c.op.imm = (i64)masks<double>(cmp);
      break;
    case Ty::F16:
      c.op.x |= HALF;
      break;
    case Ty::F16x2:
      c.op.x |= HALF | PAIR;
      break;
    case Ty::BF16:
      c.op.x |= HALF | BF;
      break;
    case Ty::BF16x2:
      c.op.x |= HALF | BF | PAIR;
      break;
    default:
      c.fail("not supported with this type");
  }
  c.op.r[1] = c.src(1, t), c.op.r[2] = c.src(2, t);
}
// .ftz on a comparison: flushed copies first
void flush_sources(Ctx& c) {
  for (int i = 1; i <= 2; i++) {
    u32 s = c.scratch(Ty::F32);
    Op keep = c.op;
    auto reads = c.d.cur;
    c.op = Op{};
    c.op.r[1] = c.src(i, Ty::F32), c.op.r[0] = s, c.op.r[5] = s;
    c.emit([](Warp& w, const Op& o, u32) { ftz_inputs<float>(w, o); }, Cls::Fp32);
    c.op = keep;
    c.d.cur = reads;
    c.op.r[i] = s;
    c.d.cur.reads.push_back(s);
  }
}
void combine_arg(Ctx& c, int bop) {
  if (bop < 0) return;
  u32 x;
  c.op.r[4] = c.pred_src(3, &x);
  c.op.x |= (u32)(bop + 1) << 12 | (x ? NEG_C : 0);
}
}  // namespace

static Register r_setp({"setp"}, [](Ctx& c) {
  int cmp = parse_cmp(c);
  int bop = c.one_of({"and", "or", "xor"});
  bool ftz = c.has("ftz");
  Ty t = c.type();
  c.args(bop >= 0 ? 4 : 3);
  comparison(c, t, cmp);
  combine_arg(c, bop);
  if (ftz && t == Ty::F32) flush_sources(c);
  c.op.r[0] = c.dst(0, Ty::Pred);
  c.op.r[3] = c.pred_dst(0);
  bool plain = bop < 0 && c.op.r[3] == NOROW;
  c.emit(plain ? setp_op<true> : setp_op<false>, ty_float(t) ? (t == Ty::F64   ? Cls::Fp64
                                                                : t == Ty::F32 ? Cls::Fp32
                                                                               : Cls::Fp16)
                                                             : Cls::Int);
});
static Register r_set({"set"}, [](Ctx& c) {
  int cmp = parse_cmp(c);
  int bop = c.one_of({"and", "or", "xor"});
  c.has("ftz");
  Ty dt = c.type(), t = c.type();
  c.args(bop >= 0 ? 4 : 3);
  comparison(c, t, cmp);
  combine_arg(c, bop);
  c.op.y = dt == Ty::F32                        ? 1
           : dt == Ty::F16x2 || dt == Ty::F16   ? 2
           : dt == Ty::BF16x2 || dt == Ty::BF16 ? 3
                                                : 0;
  if (ty_bytes(dt) == 8) c.fail("not supported with this type");
  c.op.r[0] = c.dst(0, dt);
  c.emit(set_op, Cls::Int);
});
static Register r_selp({"selp"}, [](Ctx& c) {
  c.args(4);
  Ty t = c.type();
  c.op.r[1] = c.src(1, t), c.op.r[2] = c.src(2, t);
  c.op.r[3] = c.pred_src(3, &c.op.x);
  c.op.r[0] = c.dst(0, t);
  c.emit(ty_bytes(t) == 8 ? selp_op<u64> : selp_op<u32>, Cls::Move);
});
static Register r_slct({"slct"}, [](Ctx& c) {
  c.args(4);
  c.has("ftz");
  Ty t = c.type(), ct = c.type();
  c.op.r[1] = c.src(1, t), c.op.r[2] = c.src(2, t), c.op.r[3] = c.src(3, ct);
  c.op.r[0] = c.dst(0, t);
  bool f = ct == Ty::F32, w = ty_bytes(t) == 8;
  c.emit(w ? (f ? slct_op<u64, float> : slct_op<u64, i32>)
           : (f ? slct_op<u32, float> : slct_op<u32, i32>),
         Cls::Move);
});
}  // namespace vgpu
