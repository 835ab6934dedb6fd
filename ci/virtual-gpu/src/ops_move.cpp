// mov (with packing and unpacking), special registers that change while running, address-space
// conversions.
#include "decode.h"
#include "launch.h"
#include "rows.h"

namespace vgpu {
namespace {
template <class S>
void mov_op(Warp& w, const Op& o, u32 m) {
  S* a = w.row<S>(o.r[1]);
  each(w.row<S>(o.r[0]), m, [&](int i) { return a[i]; });
}
void mov_pred(Warp& w, const Op& o, u32 m) {
  u32& d = w.pred(o.r[0]);
  d = (d & ~m) | ((w.pred(o.r[1]) ^ o.x) & m);
}
// o.x: bits of one element. Elements are 8, 16 or 32 bits in u32 lanes.
void pack(Warp& w, const Op& o, u32 m) {
  u32 n = o.naux;
  const u32* rows = &w.launch->kernel->aux[o.aux];
  alignas(64) u64 t[LANES] = {};
  u64 mask = (1ull << o.x) - 1;
  for (u32 e = 0; e < n; e++) {
    u32* a = w.row<u32>(rows[e]);
    for (int i = 0; i < LANES; i++) t[i] |= ((u64)a[i] & mask) << (e * o.x);
  }
  if (o.y == 8)
    each(w.row<u64>(o.r[0]), m, [&](int i) { return t[i]; });
  else
    each(w.row<u32>(o.r[0]), m, [&](int i) { return (u32)t[i]; });
}
void unpack(Warp& w, const Op& o, u32 m) {
  const u32* rows = &w.launch->kernel->aux[o.aux];
  alignas(64) u64 t[LANES];
  if (o.y == 8) {
    u64* a = w.row<u64>(o.r[1]);
    for (int i = 0; i < LANES; i++) t[i] = a[i];
  } else {
    u32* a = w.row<u32>(o.r[1]);
    for (int i = 0; i < LANES; i++) t[i] = a[i];
  }
  u64 mask = (1ull << o.x) - 1;
  for (u32 e = 0; e < o.naux; e++)
    if (rows[e] != NOROW)
      each(w.row<u32>(rows[e]), m, [&](int i) { return (u32)(t[i] >> (e * o.x) & mask); });
}
// Clocks count this block's warp instructions: monotone and the same in every run.
void mov_clock(Warp& w, const Op& o, u32 m) {
  u64 t = w.block->steps * (o.x == 2 ? 1000 : 1);
  if (o.y == 8)
    each(w.row<u64>(o.r[0]), m, [&](int) { return t; });
  else
    each(w.row<u32>(o.r[0]), m, [&](int) { return (u32)(o.x == 3 ? t >> 32 : t); });
}
void activemask(Warp& w, const Op& o, u32 m) {
  u32 v = w.mask;
  each(w.row<u32>(o.r[0]), m, [&](int) { return v; });
}
void add_imm64(Warp& w, const Op& o, u32 m) {
  u64* a = w.row<u64>(o.r[1]);
  u64 k = (u64)o.imm;
  each(w.row<u64>(o.r[0]), m, [&](int i) { return a[i] + k; });
}
void isspacep(Warp& w, const Op& o, u32 m) {
  u64* a = w.row<u64>(o.r[1]);
  u32 v = 0;
  for (int i = 0; i < LANES; i++) {
    u64 x = a[i];
    bool r = false;
    if (o.x == 0)
      r = x >= PARAM_WINDOW + WINDOW_SIZE;
    else {
      u64 base = o.x == 1 ? SHARED_WINDOW : o.x == 2 ? LOCAL_WINDOW : PARAM_WINDOW;
      r = x >= base && x < base + WINDOW_SIZE;
    }
    v |= r ? kBit[i] : 0;
  }
  u32& p = w.pred(o.r[0]);
  p = (p & ~m) | (v & m);
}
void nothing(Warp&, const Op&, u32) {}

u64 window(Ctx& c, int space) {
  if (space == 1) return SHARED_WINDOW;
  if (space == 2) return LOCAL_WINDOW;
  if (space == 4) return PARAM_WINDOW;
  (void)c;
  return 0;  // global and const addresses are generic already
}
}  // namespace

static Register r_mov({"mov"}, [](Ctx& c) {
  Ty t = c.type();
  c.args(2);
  const Operand& d = c.arg(0);
  const Operand& s = c.arg(1);
  int bytes = ty_bytes(t);
  if (s.kind == Operand::Vec || d.kind == Operand::Vec) {
    const Operand& v = s.kind == Operand::Vec ? s : d;
    size_t n = v.elems.size();
    if (bytes > 8 || (n != 2 && n != 4) || bytes % n) c.fail("bad vector operand");
    c.op.x = (u32)(bytes * 8 / n);
    c.op.y = (u32)bytes;
    Ty e = c.op.x == 32 ? Ty::B32 : c.op.x == 16 ? Ty::B16 : Ty::B8;
    if (s.kind == Operand::Vec) {
      for (auto& x : s.elems) c.aux.push_back(c.src_of(x, e));
      c.op.r[0] = c.dst(0, t);
      return c.emit(pack, Cls::Move);
    }
    c.op.r[1] = c.src(1, t);
    for (auto& x : d.elems) c.aux.push_back(x.kind == Operand::Discard ? NOROW : c.dst_of(x, e));
    return c.emit(unpack, Cls::Move);
  }
  if (t == Ty::Pred) {
    c.op.r[1] = c.pred_src(1, &c.op.x);
    c.op.r[0] = c.dst(0, t);
    return c.emit(mov_pred, Cls::Move);
  }
  c.op.r[0] = c.dst(0, t);
  if (s.kind == Operand::Special) {
    c.op.y = (u32)bytes;
    const std::string& n = s.name;
    int k = n == "%clock" || n == "%clock64"                ? 1
            : n == "%globaltimer" || n == "%globaltimer_lo" ? 2
            : n == "%globaltimer_hi"                        ? 3
                                                            : 0;
    if (k) {
      c.op.x = (u32)k;
      return c.emit(mov_clock, Cls::Move);
    }
  }
  c.op.r[1] = c.src(1, t);
  c.emit(bytes == 8 ? mov_op<u64> : mov_op<u32>, Cls::Move);
});
static Register r_activemask({"activemask"}, [](Ctx& c) {
  c.type();
  c.op.r[0] = c.dst(0, Ty::B32);
  c.emit(activemask, Cls::WarpOp);
});
// cvta[.to].space
static Register r_cvta({"cvta"}, [](Ctx& c) {
  c.args(2);
  bool to = c.has("to");
  int s = c.one_of({"global", "shared", "local", "const", "param", "shared::cta"});
  if (s < 0) c.fail("unknown state space");
  if (s == 5) s = 1;
  Ty t = c.type();
  if (ty_bytes(t) != 8) c.fail("addresses have 64 bits");
  u64 base = window(c, s);
  const Operand& o = c.arg(1);
  if (!to && o.kind == Operand::Sym) {  // which space the symbol is in decides
    Space sp;
    c.d.symbol(o.name, c.in.line, &sp);
  }
  c.op.r[1] = c.src(1, t);
  c.op.r[0] = c.dst(0, t);
  c.op.imm = to ? -(i64)base : (i64)base;
  c.emit(base ? add_imm64 : mov_op<u64>, Cls::Move);
});
static Register r_isspacep({"isspacep"}, [](Ctx& c) {
  c.args(2);
  int s = c.one_of({"global", "shared", "local", "param", "shared::cta"});
  if (s < 0) c.fail("unknown state space");
  c.op.x = s == 4 ? 1 : (u32)s;
  c.op.r[1] = c.src(1, Ty::U64);
  c.op.r[0] = c.dst(0, Ty::Pred);
  c.emit(isspacep, Cls::Int);
});
static Register r_hints({"prefetch", "pmevent"}, [](Ctx& c) {
  c.used.assign(c.used.size(), true);
  c.emit(nothing, Cls::Move);
});
}  // namespace vgpu
