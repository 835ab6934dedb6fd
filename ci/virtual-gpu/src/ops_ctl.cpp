// Branches, returns, traps, barriers and fences.
#include "access.h"
#include "decode.h"
#include "launch.h"

namespace vgpu {
void note_back_edge(Warp& w);

namespace {
void branch_to(Warp& w, u32 target, u32 m) {
  u32 rest = w.mask & ~m, fall = w.pc;
  if (!rest) {
    w.pc = target;
    if (target < fall) note_back_edge(w);
    return;
  }
  w.launch->c.divergent++;
  u32 lo = std::min(target, fall), hi = std::max(target, fall);
  if (lo == hi) return;
  u32 lom = target < fall ? m : rest;
  w.paths.push_back({hi, w.mask & ~lom, Wait::Run, 0, 0});
  w.pc = lo;
  w.mask = lom;
  w.next_pc = std::min(w.next_pc, hi);
}
void bra(Warp& w, const Op& o, u32 m) { branch_to(w, o.x, m); }
void brx(Warp& w, const Op& o, u32 m) {
  const u32* targets = &w.launch->kernel->aux[o.aux];
  u32* idx = w.row<u32>(o.r[1]);
  u32 rest = w.mask & ~m, first = idx[__builtin_ctz(m)];
  bool same = !rest;
  lanes(m, [&](int i) {
    if (idx[i] >= o.naux)
      memory_fault(w, o, i, "MEM-OOB", 719, "branch index past the end of its table", idx[i]);
    same &= idx[i] == first;
  });
  if (same) {
    w.pc = targets[first];
    return;
  }
  w.launch->c.divergent++;
  if (rest) w.paths.push_back({w.pc, rest, Wait::Run, 0, 0});
  lanes(m, [&](int i) { w.paths.push_back({targets[idx[i]], 1u << i, Wait::Run, 0, 0}); });
  w.mask = 0;
  next_path(w);
}
void ret(Warp& w, const Op&, u32 m) {
  async_exit(w, m);
  exit_lanes(w, m);
}
void trap(Warp& w, const Op& o, u32 m) {
  report_at(w, o, __builtin_ctz(m), "TRAP", Severity::Error, "trap");
  throw LaunchFault{719};
}
void nanosleep(Warp& w, const Op&, u32) { w.stop = w.yielded = true; }

// o.x: -1 none / red kind; o.y bits: 1 aligned, 2 arrive only, 4 reduce; imm < 0: id in r[1]; r[2]:
// thread count
void barrier(Warp& w, const Op& o, u32 m) {
  int first = __builtin_ctz(m);
  u32 id = w.row<u32>(o.r[1])[first];
  u32 expected = o.r[2] == NOROW ? 0 : w.row<u32>(o.r[2])[first];
  bool same = true;
  lanes(m, [&](int i) { same &= w.row<u32>(o.r[1])[i] == id; });
  if (id > 15 || !same || expected % 32) {
    report_at(w, o, first, "BAR-DIV", Severity::Error, "bad barrier number or thread count");
    throw LaunchFault{719};
  }
  if (o.y & 1 && !converge(w, o, m, w.entry)) return;
  Barrier& b = w.block->bars[id];
  if (o.y & 4) {
    u32 p = (w.pred(o.r[3]) ^ o.imm) & m;
    b.reduce_popc += (u32)__builtin_popcount(p);
    b.reduce_and &= p == m ? FULL : 0;
    b.reduce_or |= p;
    b.reds.push_back({&w, m, &o});
  }
  arrive(w, o, id, expected, m, !(o.y & 2));
}
void warp_sync(Warp& w, const Op& o, u32 m) {
  u32* need = w.row<u32>(o.r[1]);
  int first = __builtin_ctz(m);
  u32 n = need[first];
  bool own = true;
  lanes(m, [&](int i) { own &= need[i] >> i & 1; });
  if (!own)
    report_at(w, o, first, "WARP-MASK", Severity::Error,
              "a lane runs a warp barrier whose mask leaves it out");
  bool uniform = true;
  lanes(m, [&](int i) { uniform &= need[i] == n; });
  u32 all = 0;
  lanes(m, [&](int i) { all |= need[i]; });
  if (!converge(w, o, m, uniform ? n : all)) return;
  w.block->shadow.warp_barrier(w);
  w.launch->c.warp_barriers++;
}
void fence(Warp& w, const Op& o, u32) {
  int scope = o.x == 4 ? 3 : o.x >= 2 ? 2 : 0;
  acquire_fence(w, scope);  // what relaxed loads saw before the fence
  release_fence(w, scope);
}

void decode_barrier(Ctx& c) {
  bool bar = c.in.op == "bar";
  if (bar && c.has("warp")) {
    if (!c.has("sync")) c.fail("unknown form");
    c.args(1);
    c.op.r[1] = c.src(0, Ty::B32);
    return c.emit(warp_sync, Cls::WarpOp);
  }
  c.has("cta");
  int k = c.one_of({"sync", "arrive", "red"});
  bool aligned = c.has("aligned") || bar;
  c.op.y = aligned ? 1 : 0;
  if (k < 0) c.fail("unknown form");
  if (k == 1) c.op.y |= 2;
  if (k == 2) {
    c.op.x = (u32)c.one_of({"popc", "and", "or"});
    Ty t = c.type();
    if (c.op.x > 2 || (t == Ty::Pred) == (c.op.x == 0)) c.fail("bad form");
    c.args(3, 4);
    c.op.y |= 4;
    size_t last = c.nargs() - 1;
    c.op.r[1] = c.src(1, Ty::B32);
    if (last == 3) c.op.r[2] = c.src(2, Ty::B32);
    u32 x;
    c.op.r[3] = c.pred_src(last, &x);
    c.op.imm = x;
    c.op.r[0] = c.dst(0, t == Ty::Pred ? Ty::Pred : Ty::B32);
  } else {
    c.args(1, 2);
    c.op.r[1] = c.src(0, Ty::B32);
    if (c.nargs() == 2) c.op.r[2] = c.src(1, Ty::B32);
  }
  c.emit(barrier, Cls::Barrier);
}
}  // namespace

void opcode_emit_branch(Ctx& c) { c.emit(bra, Cls::Branch); }

static Register r_bra({"bra"}, [](Ctx& c) {
  c.has("uni");
  c.args(1);
  if (c.arg(0).kind != Operand::Sym) c.fail("needs a label");
  c.op.y = 1;
  c.d.fixes.push_back(
      {c.d.k->code.size(), c.in.scope, c.arg(0).name, c.in.line, c.d.f, (size_t)-1});
  c.emit(bra, Cls::Branch);
});
static Register r_brx({"brx"}, [](Ctx& c) {
  if (!c.has("idx")) c.fail("unknown form");
  c.has("uni");
  c.args(2);
  c.op.r[1] = c.src(0, Ty::B32);
  const std::vector<std::string>* t = nullptr;
  for (u32 s = c.in.scope;; s = c.d.f->scope_parent[s]) {
    auto it = c.d.f->targets.find({s, c.arg(1).name});
    if (it != c.d.f->targets.end()) {
      t = &it->second;
      break;
    }
    if (s == 0) break;
  }
  if (!t) c.fail("unknown branch table");
  size_t at = c.d.k->aux.size();
  for (size_t i = 0; i < t->size(); i++) {
    c.d.fixes.push_back({c.d.k->code.size(), c.in.scope, (*t)[i], c.in.line, c.d.f, at + i});
    c.aux.push_back(0);
  }
  c.op.y = 2;
  c.emit(brx, Cls::Branch);
});
static Register r_ret({"ret", "exit"}, [](Ctx& c) {
  c.has("uni");
  if (c.in.op == "ret" && c.d.inlining) {  // the end of an inlined function
    c.op.y = 1;
    c.d.returns.push_back(c.d.k->code.size());
    return c.emit(bra, Cls::Branch);
  }
  c.op.y = 3;
  c.emit(ret, Cls::Branch);
});
static Register r_trap({"trap"}, [](Ctx& c) { c.emit(trap, Cls::Branch); });
static Register r_nanosleep({"nanosleep"}, [](Ctx& c) {
  c.type();
  c.src(0, Ty::U32);
  c.d.k->spins = true;
  c.emit(nanosleep, Cls::Branch);
});
static Register r_bar({"bar", "barrier"}, decode_barrier);
static Register r_fence({"membar", "fence"}, [](Ctx& c) {
  c.one_of({"sc", "acq_rel", "acquire", "release"});
  int s = c.one_of({"cta", "cluster", "gl", "gpu", "sys"});
  if (s < 0) c.fail("scope missing or not supported");
  c.op.x = (u32)s;
  c.emit(fence, Cls::Barrier);
});
}  // namespace vgpu
