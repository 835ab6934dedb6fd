// Module -> op array: operands become rows, labels become indices, shared and local variables get
// offsets.
#include "decode.h"

#include <algorithm>
#include <set>

#include "warp.h"

namespace vgpu {

const char* const kClsNames[(int)Cls::Count] = {
    "int",  "fp32",        "fp16",        "fp64",       "sfu",        "cvt",        "dp4a",
    "mma",  "ldst.global", "ldst.shared", "ldst.local", "ldst.const", "ldst.param", "ldst.generic",
    "atom", "async",       "warp",        "barrier",    "branch",     "move"};

std::map<std::string, Decode>& opcode_table() {
  static std::map<std::string, Decode> t;
  return t;
}

// ---- Ctx: one instruction ----

void Ctx::fail(const std::string& what) const {
  throw PtxError(in.line, in.spelling() + ": " + what);
}

bool Ctx::has(const char* mod) {
  for (size_t i = 0; i < in.mods.size(); i++)
    if (!used[i] && in.mods[i] == mod) return used[i] = true;
  return false;
}
int Ctx::one_of(std::initializer_list<const char*> names) {
  for (size_t i = 0; i < in.mods.size(); i++) {
    if (used[i]) continue;
    int n = 0;
    for (auto s : names) {
      if (in.mods[i] == s) {
        used[i] = true;
        return n;
      }
      n++;
    }
  }
  return -1;
}
Ty Ctx::type_or_none() {
  for (size_t i = 0; i < in.mods.size(); i++) {
    if (used[i]) continue;
    Ty t = ty_parse(in.mods[i]);
    if (t != Ty::None) {
      used[i] = true;
      return t;
    }
  }
  return Ty::None;
}
Ty Ctx::type() {
  Ty t = type_or_none();
  if (t == Ty::None) fail("type missing or not supported");
  return t;
}
const Operand& Ctx::arg(size_t i) const {
  if (i >= in.args.size()) fail("too few operands");
  return in.args[i];
}
void Ctx::args(size_t lo, size_t hi) const {
  if (in.args.size() < lo || in.args.size() > hi) fail("wrong number of operands");
}

static int lane_bytes(Ty t) { return t == Ty::Pred ? 4 : ty_bytes(t) == 8 ? 256 : 128; }

u32 Ctx::src_of(const Operand& o, Ty t) {
  int bytes = lane_bytes(t);
  u32 row = NOROW;
  switch (o.kind) {
    case Operand::Reg: {
      row = d.reg_row[o.reg];
      int have = d.rows[row].bytes;
      if (have != bytes) {
        bool is_pred = have == 4 || bytes == 4;
        if (is_pred || have < bytes)
          fail("operand " + d.f->reg_names[o.reg] + " has the wrong width");
        fail("operand " + d.f->reg_names[o.reg] + " is wider than the operation");
      }
      break;
    }
    case Operand::Imm: {
      u64 b = o.bits;
      if (t == Ty::F32 && o.imm == 'd')
        b = bits_as<u32>((float)bits_as<double>(b));
      else if (t == Ty::F64 && o.imm == 'f')
        b = bits_as<u64>((double)bits_as<float>((u32)b));
      if (bytes == 4) b = b ? FULL : 0;
      int n = ty_bytes(t);
      if (n < 4) b &= (1ull << (8 * n)) - 1;
      row = d.const_row(b, bytes);
      break;
    }
    case Operand::Special:
      row = d.special_row(o.name, bytes == 256, in.line);
      break;
    case Operand::Sym: {
      Space s;
      row = d.const_row(d.symbol(o.name, in.line, &s) + o.off, bytes);
      break;
    }
    default:
      fail("operand of an unexpected kind");
  }
  d.cur.reads.push_back(row);
  return row;
}
u32 Ctx::src(size_t i, Ty t) { return src_of(arg(i), t); }

u32 Ctx::dst_of(const Operand& o, Ty t) {
  u32 row;
  if (o.kind == Operand::Discard) {
    row = d.new_row(lane_bytes(t));
  } else {
    if (o.kind != Operand::Reg) fail("the destination must be a register");
    row = d.reg_row[o.reg];
    if (d.rows[row].bytes != lane_bytes(t))
      fail("destination " + d.f->reg_names[o.reg] + " has the wrong width");
  }
  d.cur.writes.push_back(row);
  return row;
}
u32 Ctx::dst(size_t i, Ty t) { return dst_of(arg(i), t); }

u32 Ctx::pred_dst(size_t i) {
  const Operand& o = arg(i);
  if (o.reg2 < 0) return NOROW;
  u32 row = d.reg_row[o.reg2];
  if (d.rows[row].bytes != 4) fail("a predicate is expected after '|'");
  d.cur.writes.push_back(row);
  return row;
}
u32 Ctx::pred_src(size_t i, u32* x) {
  *x = arg(i).negate ? FULL : 0;
  return src(i, Ty::Pred);
}
u64 Ctx::imm(size_t i) {
  if (arg(i).kind != Operand::Imm || arg(i).imm != 'i') fail("operand must be an integer constant");
  return arg(i).bits;
}
u32 Ctx::scratch(Ty t) {
  u32 row = d.new_row(lane_bytes(t));
  d.cur.writes.push_back(row);
  return row;
}

bool Ctx::is_wide(const Operand& o) const {
  return o.kind == Operand::Reg && d.rows[d.reg_row[o.reg]].bytes == 256;
}
static void cut(Warp& w, const Op& o, u32 m) {
  u64* a = w.row<u64>(o.r[1]);
  u32* r = w.row<u32>(o.r[0]);
  for (; m; m &= m - 1) r[__builtin_ctz(m)] = (u32)a[__builtin_ctz(m)];
}
template <class S>
static void extend(Warp& w, const Op& o, u32 m) {
  S* a = w.row<S>(o.r[1]);
  u64* r = w.row<u64>(o.r[0]);
  for (; m; m &= m - 1) r[__builtin_ctz(m)] = (u64)(i64)a[__builtin_ctz(m)];
}
u32 Ctx::narrowed(const Operand& o, Ty t) {
  if (!is_wide(o) || ty_bytes(t) == 8) return src_of(o, t);
  Op keep = op;
  auto aux_keep = aux;
  auto cur = d.cur;
  d.cur = {};
  op = Op{};
  aux.clear();
  op.r[1] = src_of(o, Ty::B64);
  u32 s = scratch(Ty::B32);
  op.r[0] = s;
  emit(cut, Cls::Move);
  op = keep;
  aux = aux_keep;
  d.cur = cur;
  d.cur.reads.push_back(s);
  return s;
}
u32 Ctx::widened(const Operand& o, Ty t, u32* wide) {
  *wide = NOROW;
  if (!is_wide(o) || ty_bytes(t) == 8) return dst_of(o, t);
  *wide = d.reg_row[o.reg];
  return scratch(Ty::B32);
}
void Ctx::widen(u32 from, u32 to, bool sign) {
  if (to == NOROW) return;
  op.r[1] = from, op.r[0] = to;
  d.cur.reads.push_back(from);
  d.cur.writes.push_back(to);
  emit(sign ? extend<i32> : extend<u32>, Cls::Move);
}

void Ctx::address(size_t i, u32 slot) {
  const Operand& o = arg(i);
  if (o.kind != Operand::Mem) fail("an address in [ ] is expected");
  const Operand& b = o.elems[0];
  op.imm = o.off;
  op.wide_addr = 0;
  if (b.kind == Operand::Reg) {
    int bytes = d.rows[d.reg_row[b.reg]].bytes;
    if (bytes == 4) fail("a predicate cannot be an address");
    op.wide_addr = bytes == 256;
    op.r[slot] = src_of(b, op.wide_addr ? Ty::B64 : Ty::B32);
  } else {
    u64 base = b.bits;
    Space s;
    if (b.kind == Operand::Sym)
      base = d.symbol(b.name, in.line, &s) + b.off;
    else if (b.kind != Operand::Imm)
      fail("bad address");
    op.r[slot] = d.const_row(base, 256);
    op.wide_addr = 1;
    d.cur.reads.push_back(op.r[slot]);
  }
}

void Ctx::emit() {
  if (!op.fn) fail("not supported with these types");
  if (in.guard >= 0) {
    op.guard = d.reg_row[in.guard];
    op.guard_xor = in.guard_negate ? FULL : 0;
    d.cur.reads.push_back(op.guard);
  }
  op.line = in.line;
  op.src_line = in.src_line;
  op.src_file = (u16)in.src_file;
  op.aux = (u32)d.k->aux.size();
  op.naux = (u32)aux.size();
  d.k->aux.insert(d.k->aux.end(), aux.begin(), aux.end());
  std::string s = in.spelling();
  auto& names = d.k->spellings;
  auto it = std::find(names.begin(), names.end(), s);
  op.kind = (u16)(it - names.begin());
  if (it == names.end()) names.push_back(s);
  d.k->code.push_back(op);
  d.rw.push_back(std::move(d.cur));
  d.cur = {};
  Op clean;
  op = clean;
  aux.clear();
}

// ---- Decoder: one entry ----

Decoder::Decoder(const PtxModule& m, const Function& f, const SymbolTable& s)
    : m(m), f(&f), symbols(s), k(std::make_unique<Kernel>()) {}

u32 Decoder::const_row(u64 bits, int bytes) {
  auto key = std::make_pair(bits, bytes);
  auto it = consts.find(key);
  if (it != consts.end()) return it->second;
  u32 id = new_row(bytes);
  rows[id].fixed = true;
  rows[id].init.resize(bytes);
  int step = bytes == 256 ? 8 : 4;
  for (int i = 0; i < bytes; i += step) memcpy(&rows[id].init[i], &bits, step);
  return consts[key] = id;
}

u32 Decoder::special_row(const std::string& name, bool wide, int line) {
  if (name == "WARP_SZ") return const_row(32, wide ? 256 : 128);
  bool is64 = name == "%clock64" || name == "%globaltimer" || name == "%gridid";
  if (wide && !is64) throw PtxError(line, "special register " + name + " is 32 bits wide");
  auto it = special.find(name);
  if (it != special.end()) return it->second;
  u32 id = new_row(wide ? 256 : 128);
  rows[id].fixed = true;
  rows[id].init.resize(rows[id].bytes);
  k->specials.push_back({name, id});
  return special[name] = id;
}

u64 Decoder::symbol(const std::string& name, int line, Space* space) {
  auto l = locals.find(name);
  if (l != locals.end()) {
    *space = l->second.space;
    return l->second.addr;
  }
  auto s = shared.find(name);
  if (s != shared.end()) {
    *space = Space::Shared;
    return s->second.addr;
  }
  for (auto& p : f->params)
    if (p.name == name) {
      *space = Space::Param;
      return p.addr;
    }
  auto g = symbols.find(name);
  if (g != symbols.end()) {
    *space = Space::Global;
    return g->second;
  }
  throw PtxError(line, "unknown symbol " + name);
}

// Static shared variables in order of declaration, then the dynamic ones, which all begin at the
// end.
void Decoder::layout_shared() {
  std::set<std::string> named;
  std::set<const Function*> seen{f};
  std::vector<const Function*> work{f};
  while (!work.empty()) {
    const Function* g = work.back();
    work.pop_back();
    for (auto& in : g->body)
      for (auto& a : in.args) {
        auto note = [&](const Operand& o) {
          if (o.kind != Operand::Sym) return;
          named.insert(o.name);
          auto it = m.functions.find(o.name);
          if (it != m.functions.end() && it->second.defined && seen.insert(&it->second).second)
            work.push_back(&it->second);
        };
        note(a);
        for (auto& e : a.elems) note(e);
      }
  }
  u64 at = SHARED_FIRST;
  u32 most = 16;
  std::vector<Var> dynamic;
  auto place = [&](const Var& v) {
    if (v.space != Space::Shared || shared.count(v.name)) return;
    if (v.external || v.size == 0) {
      dynamic.push_back(v);
      most = std::max(most, v.align);
      return;
    }
    Var c = v;
    at = (at + v.align - 1) / v.align * v.align;
    c.addr = at;
    at += v.size;
    shared[v.name] = c;
  };
  for (auto& v : m.vars)
    if (named.count(v.name)) place(v);
  for (auto g : seen)
    for (auto& v : g->vars) place(v);
  if (at - SHARED_FIRST > 232448)
    throw PtxError(f->line, f->name + " uses more static shared memory than any device has");
  if (!dynamic.empty()) at = (at + most - 1) / most * most;
  for (auto& v : dynamic) {
    Var c = v;
    c.addr = at;
    shared[v.name] = c;
  }
  k->static_shared = (u32)(at - SHARED_FIRST);
}

u32 Decoder::label(const std::string& name, u32 scope, int line) {
  for (u32 s = scope;; s = f->scope_parent[s]) {
    auto it = f->labels.find({s, name});
    if (it != f->labels.end()) return index_of[it->second];
    if (s == 0) break;
  }
  throw PtxError(line, "unknown label " + name);
}

void Decoder::body(const Function& fn) {
  f = &fn;
  reg_row.clear();
  for (Ty t : fn.regs) reg_row.push_back(new_row(lane_bytes(t)));
  for (auto& v : fn.vars) {
    if (v.space != Space::Local && v.space != Space::Param) continue;
    auto it = locals.find(v.name);
    if (it != locals.end() && it->second.size >= v.size && it->second.align >= v.align) continue;
    Var c = v;
    c.space = Space::Local;
    if (v.size > (1u << 20)) throw PtxError(fn.line, "local variable " + v.name + " is too large");
    k->local_bytes = (k->local_bytes + v.align - 1) / v.align * v.align;
    c.addr = k->local_bytes + 16;  // offset 0 is never valid
    k->local_bytes += (u32)v.size;
    locals[v.name] = c;
  }
  auto outer_index = std::move(index_of);
  index_of.assign(fn.body.size() + 1, 0);
  size_t first_fix = fixes.size();
  auto& table = opcode_table();
  for (size_t i = 0; i < fn.body.size(); i++) {
    const Inst& in = fn.body[i];
    index_of[i] = (u32)k->code.size();
    auto it = table.find(in.op);
    if (it == table.end()) throw PtxError(in.line, "unknown instruction " + in.spelling());
    Ctx c{*this, in, {}, std::vector<bool>(in.mods.size()), {}};
    it->second(c);
    for (size_t j = 0; j < in.mods.size(); j++)
      if (!c.used[j])
        throw PtxError(in.line, in.spelling() + ": modifier ." + in.mods[j] + " is not supported");
  }
  index_of[fn.body.size()] = (u32)k->code.size();
  for (size_t i = first_fix; i < fixes.size(); i++) {
    auto& x = fixes[i];
    u32 to = label(x.name, x.scope, x.line);
    if (x.copy == (size_t)-1)
      k->code[x.op].x = to;
    else
      k->aux[x.copy] = to;
  }
  fixes.resize(first_fix);
  index_of = std::move(outer_index);
}

std::unique_ptr<Kernel> Decoder::run() {
  const Function& entry = *f;
  k->name = entry.name;
  k->params = entry.params;
  k->param_bytes =
      entry.params.empty() ? 0 : (u32)(entry.params.back().addr + entry.params.back().size);
  k->ptx_version = m.major * 10 + m.minor;
  k->sm = m.sm;
  k->min_blocks = entry.min_blocks;
  u64 nt = entry.maxntid[0] ? (u64)entry.maxntid[0] * entry.maxntid[1] * entry.maxntid[2] : 0;
  if (entry.reqntid[0]) nt = (u64)entry.reqntid[0] * entry.reqntid[1] * entry.reqntid[2];
  k->maxntid = (u32)nt;
  for (int i = 0; i < 3; i++) k->reqntid[i] = entry.reqntid[i];
  int last = 0;
  for (auto& x : m.files) last = std::max(last, x.first);
  k->files.resize(last + 1);
  for (auto& x : m.files)
    if (x.first >= 0) k->files[x.first] = x.second;
  layout_shared();
  body(entry);
  // falling off the end is a return
  Inst ret;
  ret.op = "ret";
  ret.line = entry.body.empty() ? entry.line : entry.body.back().line;
  f = &entry;
  Ctx c{*this, ret, {}, {}, {}};
  opcode_table()["ret"](c);
  allocate();
  return std::move(k);
}

// ---- register allocation: linear scan over live hulls, so that a warp's rows stay in the cache
// ----

void Decoder::allocate() {
  size_t n = k->code.size(), nr = rows.size(), words = (nr + 63) / 64;
  // successors
  auto succ = [&](size_t i, auto&& go) {
    const Op& o = k->code[i];
    bool is_branch = o.cls == Cls::Branch;
    if (is_branch && o.y == 1) go((size_t)o.x);  // bra
    if (is_branch && o.y == 2)
      for (u32 j = 0; j < o.naux; j++) go((size_t)k->aux[o.aux + j]);  // brx
    bool ends = is_branch && o.guard == NOROW && o.y != 0;  // trap and nanosleep have y = 0
    if (!ends && i + 1 < n) go(i + 1);
  };
  std::vector<char> leader(n + 1, 0);
  leader[0] = 1;
  for (size_t i = 0; i < n; i++)
    if (k->code[i].cls == Cls::Branch) {
      succ(i, [&](size_t t) { leader[t] = 1; });
      leader[i + 1] = 1;
    }
  std::vector<size_t> start;
  std::vector<u32> block_of(n);
  for (size_t i = 0; i < n; i++) {
    if (leader[i]) start.push_back(i);
    block_of[i] = (u32)start.size() - 1;
  }
  size_t nb = start.size();
  std::vector<std::vector<u64>> in(nb, std::vector<u64>(words)), use = in, def = in, out = in;
  auto set = [](std::vector<u64>& v, u32 r) { v[r / 64] |= 1ull << (r % 64); };
  auto get = [](const std::vector<u64>& v, u32 r) { return v[r / 64] >> (r % 64) & 1; };
  for (size_t b = 0; b < nb; b++) {
    size_t end = b + 1 < nb ? start[b + 1] : n;
    for (size_t i = start[b]; i < end; i++) {
      for (u32 r : rw[i].reads)
        if (!get(def[b], r)) set(use[b], r);
      bool kills = k->code[i].guard == NOROW;
      for (u32 r : rw[i].writes) {
        if (kills)
          set(def[b], r);
        else if (!get(def[b], r))
          set(use[b], r);
      }
    }
  }
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t b = nb; b-- > 0;) {
      size_t end = b + 1 < nb ? start[b + 1] : n;
      auto& o = out[b];  // grows only
      succ(end - 1, [&](size_t t) {
        auto& s = in[block_of[t]];
        for (size_t w = 0; w < words; w++) o[w] |= s[w];
      });
      for (size_t w = 0; w < words; w++) {
        u64 v = use[b][w] | (o[w] & ~def[b][w]);
        if (v != in[b][w]) in[b][w] = v, changed = true;
      }
    }
  }
  struct Hull {
    size_t lo = SIZE_MAX, hi = 0;
  };
  std::vector<Hull> hull(nr);
  auto touch = [&](u32 r, size_t i) {
    hull[r].lo = std::min(hull[r].lo, i);
    hull[r].hi = std::max(hull[r].hi, i);
  };
  for (size_t b = 0; b < nb; b++) {
    size_t end = b + 1 < nb ? start[b + 1] : n;
    for (size_t w = 0; w < words; w++) {
      for (u64 v = in[b][w]; v; v &= v - 1)
        touch((u32)(w * 64 + (size_t)__builtin_ctzll(v)), start[b]);
      for (u64 v = out[b][w]; v; v &= v - 1)
        touch((u32)(w * 64 + (size_t)__builtin_ctzll(v)), end - 1);
    }
    for (size_t i = start[b]; i < end; i++) {
      for (u32 r : rw[i].reads) touch(r, i);
      for (u32 r : rw[i].writes) touch(r, i);
    }
  }
  std::vector<u32> off(nr, NOROW);
  u32 top = 0;
  auto place = [&](int bytes) {
    if (bytes > 4) top = (top + 63) & ~63u;
    u32 o = top;
    top += bytes;
    return o;
  };
  for (u32 r = 0; r < nr; r++)
    if (rows[r].fixed && rows[r].bytes > 4) off[r] = place(rows[r].bytes);
  std::vector<u32> order;
  for (u32 r = 0; r < nr; r++)
    if (!rows[r].fixed && hull[r].lo != SIZE_MAX && rows[r].bytes > 4) order.push_back(r);
  std::sort(order.begin(), order.end(), [&](u32 a, u32 b) {
    return hull[a].lo != hull[b].lo ? hull[a].lo < hull[b].lo : a < b;
  });
  std::map<int, std::vector<u32>> free_slots;
  std::vector<std::pair<size_t, u32>> active;  // (end, row), a heap by end
  auto later = std::greater<std::pair<size_t, u32>>();
  u32 live = 0, peak = 0;
  for (u32 r : order) {
    while (!active.empty() && active.front().first < hull[r].lo) {
      u32 gone = active.front().second;
      std::pop_heap(active.begin(), active.end(), later);
      active.pop_back();
      free_slots[rows[gone].bytes].push_back(off[gone]);
      live -= rows[gone].bytes / 128;
    }
    auto& fs = free_slots[rows[r].bytes];
    if (!fs.empty())
      off[r] = fs.back(), fs.pop_back();
    else
      off[r] = place(rows[r].bytes);
    active.push_back({hull[r].hi, r});
    std::push_heap(active.begin(), active.end(), later);
    live += rows[r].bytes / 128;
    peak = std::max(peak, live);
  }
  for (u32 r = 0; r < nr; r++)  // predicates are small: one word each
    if (rows[r].bytes == 4 && (rows[r].fixed || hull[r].lo != SIZE_MAX)) off[r] = place(4);
  k->row_bytes = (top + 63) & ~63u;
  k->reg_pressure = peak;
  k->row_template.assign(k->row_bytes, 0);
  for (u32 r = 0; r < nr; r++)
    if (rows[r].fixed && !rows[r].init.empty())
      memcpy(&k->row_template[off[r]], rows[r].init.data(), rows[r].bytes);
  for (auto& s : k->specials) s.row = off[s.row];
  for (auto& o : k->code) {
    if (o.guard != NOROW) o.guard = off[o.guard];
    for (u32& r : o.r)
      if (r != NOROW) r = off[r];
    if (o.cls != Cls::Branch || o.y != 2)
      for (u32 j = 0; j < o.naux; j++)
        if (k->aux[o.aux + j] != NOROW) k->aux[o.aux + j] = off[k->aux[o.aux + j]];
  }
}

std::unique_ptr<Kernel> decode(const PtxModule& m, const Function& f, const SymbolTable& symbols) {
  return Decoder(m, f, symbols).run();
}
}  // namespace vgpu
