// Warp-synchronous exchanges: shfl, vote, match, redux; ldmatrix.
#include "access.h"
#include "decode.h"
#include "launch.h"

namespace vgpu {
namespace {

// Member masks, per lane. False: not all members are here yet (the path was parked).
bool gather_members(Warp& w, const Op& o, u32 m, u32 row) {
  u32* need = w.row<u32>(row);
  int first = __builtin_ctz(m);
  u32 n = need[first], all = 0, own = 0;
  for (int i = 0; i < LANES; i++) {
    u32 v = m & kBit[i] ? need[i] : 0;
    all |= v;
    own |= v & kBit[i];
  }
  if (own != m && options().check & CHECK_WARP)
    report_at(w, o, __builtin_ctz(m & ~own), "WARP-MASK", Severity::Error,
              "a lane runs this with a member mask that leaves it out");
  (void)n;
  return converge(w, o, m, all);
}

// o.x: 0 up 1 down 2 bfly 3 idx. r: 0 d, 1 a, 2 b, 3 c, 4 members, 5 predicate
void shfl(Warp& w, const Op& o, u32 m) {
  if (!gather_members(w, o, m, o.r[4])) return;
  u32* a = w.row<u32>(o.r[1]);
  u32* b = w.row<u32>(o.r[2]);
  u32* c = w.row<u32>(o.r[3]);
  u32* need = w.row<u32>(o.r[4]);
  alignas(64) u32 src[LANES], from[LANES], keep[LANES];
  u32 valid = 0;
  for (u32 i = 0; i < LANES; i++) {
    u32 bv = b[i] & 31, clamp = c[i] & 31, seg = c[i] >> 8 & 31;
    u32 max = (i & seg) | (clamp & ~seg), min = i & seg;
    i32 j;
    bool ok;
    if (o.x == 0)
      j = (i32)(i - bv), ok = j >= (i32)max;
    else if (o.x == 1)
      j = (i32)(i + bv), ok = j <= (i32)max;
    else if (o.x == 2)
      j = (i32)(i ^ bv), ok = j <= (i32)max;
    else
      j = (i32)(min | (bv & ~seg)), ok = j <= (i32)max;
    from[i] = ok ? (u32)j & 31 : i;
    valid |= ok ? kBit[i] : 0;
  }
  for (int i = 0; i < LANES; i++) src[i] = a[i];
  if (m != FULL && options().check & CHECK_WARP) {
    lanes(m, [&](int i) {
      if (!(m >> from[i] & 1) || !(need[i] >> from[i] & 1))
        report_at(w, o, i, "WARP-MASK", Severity::Error,
                  "reads lane " + std::to_string(from[i]) +
                      ", which is not active or not in the member mask");
    });
  }
  for (int i = 0; i < LANES; i++) keep[i] = src[from[i]];
  each(w.row<u32>(o.r[0]), m, [&](int i) { return keep[i]; });
  if (o.r[5] != NOROW) {
    u32& p = w.pred(o.r[5]);
    p = (p & ~m) | (valid & m);
  }
}

// o.x: 0 any 1 all 2 uni 3 ballot; r: 0 d, 1 predicate (imm complements), 2 members
void vote(Warp& w, const Op& o, u32 m) {
  if (!gather_members(w, o, m, o.r[2])) return;
  u32 p = w.pred(o.r[1]) ^ (u32)o.imm;
  u32* need = w.row<u32>(o.r[2]);
  u32 out[LANES];
  lanes(m, [&](int i) {
    u32 g = need[i] & m, v = p & g;
    out[i] = o.x == 3 ? v : o.x == 0 ? v != 0 : o.x == 1 ? v == g : (v == 0 || v == g);
  });
  if (o.x == 3) {
    lanes(m, [&](int i) { w.row<u32>(o.r[0])[i] = out[i]; });
  } else {
    u32& d = w.pred(o.r[0]);
    lanes(m, [&](int i) { d = (d & ~(1u << i)) | out[i] << i; });
  }
}
// o.x: 0 any 1 all; o.y = bytes
void match(Warp& w, const Op& o, u32 m) {
  if (!gather_members(w, o, m, o.r[2])) return;
  auto value = [&](int i) { return o.y == 8 ? w.row<u64>(o.r[1])[i] : w.row<u32>(o.r[1])[i]; };
  u32* need = w.row<u32>(o.r[2]);
  u32 out[LANES], pred = 0;
  lanes(m, [&](int i) {
    u32 eq = 0, g = need[i] & m;
    lanes(g, [&](int j) {
      if (value(j) == value(i)) eq |= 1u << j;
    });
    bool all = eq == g;
    out[i] = o.x ? (all ? g : 0) : eq;
    pred |= (u32)all << i;
  });
  lanes(m, [&](int i) { w.row<u32>(o.r[0])[i] = out[i]; });
  if (o.r[5] != NOROW) {
    u32& d = w.pred(o.r[5]);
    d = (d & ~m) | (pred & m);
  }
}
// o.x: 0 add 1 min 2 max 3 and 4 or 5 xor; o.y: signed
void redux(Warp& w, const Op& o, u32 m) {
  if (!gather_members(w, o, m, o.r[2])) return;
  u32* a = w.row<u32>(o.r[1]);
  u32* need = w.row<u32>(o.r[2]);
  u32 out[LANES];
  lanes(m, [&](int i) {
    u32 g = need[i] & m;
    u32 v = a[__builtin_ctz(g)];
    lanes(g & (g - 1), [&](int j) {
      u32 x = a[j];
      switch (o.x) {
        case 0:
          v += x;
          break;
        case 1:
          v = o.y ? (u32)std::min((i32)v, (i32)x) : std::min(v, x);
          break;
        case 2:
          v = o.y ? (u32)std::max((i32)v, (i32)x) : std::max(v, x);
          break;
        case 3:
          v &= x;
          break;
        case 4:
          v |= x;
          break;
        default:
          v ^= x;
      }
    });
    out[i] = v;
  });
  lanes(m, [&](int i) { w.row<u32>(o.r[0])[i] = out[i]; });
}

// m8n8.b16: lane 8q+r gives the address of row r of matrix q; register q of lane l gets row l/4,
// columns 2(l%4)..+1
// (.trans: rows 2(l%4)..+1 of column l/4). o.x = matrices, o.y = trans.
void matrix_rows(Warp& w, const Op& o, u32 used, Lanes& l) {
  gather_addresses(w, o, used, o.r[1], l);
  if (o.size) {  // generic address
    lanes(used,
          [&](int i) { l.at[i] -= generic_space(l.at[i]) == Space::Shared ? SHARED_WINDOW : 0; });
  }
  l.unit = l.uniform = false;
  shared_bounds(w, o, used, l, 16);
}
void ldmatrix(Warp& w, const Op& o, u32 m) {
  if (!converge(w, o, m, FULL)) return;
  u32 n = o.x, used = n == 4 ? FULL : (1u << (8 * n)) - 1;
  Lanes l;
  matrix_rows(w, o, used, l);
  Block& b = *w.block;
  alignas(64) u32 off[LANES];
  for (int i = 0; i < LANES; i++) off[i] = (u32)(l.at[i] - SHARED_FIRST);
  if (options().check & (CHECK_RACE_SHARED | CHECK_UNINIT | CHECK_ASYNC))
    b.shadow.access(b, w, o, SharedShadow::ReadWhole, used, off, 16, false, 0);
  if (options().count) count_banks(w.launch->c, off, used, 16, false, false);
  const u32* rows = &w.launch->kernel->aux[o.aux];
  for (u32 q = 0; q < n; q++) {
    u32* d = w.row<u32>(rows[q]);
    if (!o.y) {
      for (int r = 0; r < 8; r++) memcpy(d + 4 * r, b.shared + off[8 * q + r], 16);
    } else {
      u16 t[8][8];
      for (int r = 0; r < 8; r++) memcpy(t[r], b.shared + off[8 * q + r], 16);
      for (int i = 0; i < LANES; i++)
        d[i] = t[2 * (i & 3)][i >> 2] | (u32)t[2 * (i & 3) + 1][i >> 2] << 16;
    }
  }
}

void decode_matrix(Ctx& c) {
  if (!c.has("sync") || !c.has("aligned") || !c.has("m8n8"))
    c.fail("only .sync.aligned.m8n8 is supported");
  int n = c.one_of({"x1", "x2", "x4"});
  c.op.y = c.has("trans");
  int sp = c.one_of({"shared", "shared::cta"});
  if (n < 0 || c.type() != Ty::B16) c.fail("bad form");
  c.op.x = 1u << n;
  c.op.size = sp < 0;
  c.args(2);
  c.address(1, 1);
  const Operand& v = c.arg(0);
  std::vector<Operand> e = v.kind == Operand::Vec ? v.elems : std::vector<Operand>{v};
  if (e.size() != c.op.x) c.fail("wrong number of registers");
  for (auto& x : e) c.aux.push_back(c.dst_of(x, Ty::B32));
  c.emit(ldmatrix, Cls::LdstShared);
}
}  // namespace

static Register r_shfl({"shfl"}, [](Ctx& c) {
  if (!c.has("sync")) c.fail("only .sync is supported");
  int k = c.one_of({"up", "down", "bfly", "idx"});
  if (k < 0 || c.type() != Ty::B32) c.fail("bad form");
  c.args(5);
  c.op.x = (u32)k;
  for (int i = 1; i <= 4; i++) c.op.r[i] = c.src(i, Ty::B32);
  c.op.r[0] = c.dst(0, Ty::B32);
  c.op.r[5] = c.pred_dst(0);
  c.emit(shfl, Cls::WarpOp);
});
static Register r_vote({"vote"}, [](Ctx& c) {
  if (!c.has("sync")) c.fail("only .sync is supported");
  int k = c.one_of({"any", "all", "uni", "ballot"});
  Ty t = c.type();
  if (k < 0 || (t == Ty::Pred) == (k == 3)) c.fail("bad form");
  c.args(3);
  c.op.x = (u32)k;
  u32 x;
  c.op.r[1] = c.pred_src(1, &x);
  c.op.imm = x;
  c.op.r[2] = c.src(2, Ty::B32);
  c.op.r[0] = c.dst(0, t);
  c.emit(vote, Cls::WarpOp);
});
static Register r_match({"match"}, [](Ctx& c) {
  int k = c.one_of({"any", "all"});
  if (!c.has("sync") || k < 0) c.fail("bad form");
  Ty t = c.type();
  c.args(3);
  c.op.x = (u32)k;
  c.op.y = (u32)ty_bytes(t);
  c.op.r[1] = c.src(1, t), c.op.r[2] = c.src(2, Ty::B32);
  c.op.r[0] = c.dst(0, Ty::B32);
  c.op.r[5] = c.pred_dst(0);
  c.emit(match, Cls::WarpOp);
});
static Register r_redux({"redux"}, [](Ctx& c) {
  if (!c.has("sync")) c.fail("bad form");
  int k = c.one_of({"add", "min", "max", "and", "or", "xor"});
  Ty t = c.type();
  if (k < 0 || ty_bytes(t) != 4 || ty_float(t)) c.fail("bad form");
  c.args(3);
  c.op.x = (u32)k;
  c.op.y = t == Ty::S32;
  c.op.r[1] = c.src(1, t), c.op.r[2] = c.src(2, Ty::B32);
  c.op.r[0] = c.dst(0, t);
  c.emit(redux, Cls::WarpOp);
});
static Register r_ldmatrix({"ldmatrix"}, [](Ctx& c) { decode_matrix(c); });
}  // namespace vgpu
