// ld and st in every state space.
#include "access.h"
#include "decode.h"
#include "launch.h"

namespace vgpu {
namespace {
// Op: size = bytes per lane, y = bytes per element (low byte) | strong (0x100) | acquire (0x200) |
// release (0x400) | read-only path (0x800) | scope << 12,
//     x = 1: sign-extend to 32 bits. Rows: r[1] = address, aux = elements (or r[0] alone).

u32 element_row(Warp& w, const Op& o, u32 e) {
  return o.naux ? w.launch->kernel->aux[o.aux + e] : o.r[0];
}

template <class E, class S>
void spread(Warp& w, const Op& o, u32 m, const Lanes& l) {
  u32 n = o.naux ? o.naux : 1;
  for (u32 e = 0; e < n; e++) {
    u32 row = element_row(w, o, e);
    if (row == NOROW) continue;
    S* d = w.row<S>(row);
    if (l.unit) {
      const u8* p = l.ptr[0] + e * sizeof(E);
      if (n == 1) {
        const E* q = (const E*)p;
        for (int i = 0; i < LANES; i++) d[i] = (S)q[i];
      } else {
        for (int i = 0; i < LANES; i++) {
          E v;
          memcpy(&v, p + i * o.size, sizeof v);
          d[i] = (S)v;
        }
      }
    } else if (l.uniform) {
      E v;
      memcpy(&v, l.ptr[__builtin_ctz(m)] + e * sizeof(E), sizeof v);
      each(d, m, [&](int) { return (S)v; });
    } else if (m == FULL) {
      for (int i = 0; i < LANES; i++) {
        E v;
        memcpy(&v, l.ptr[i] + e * sizeof(E), sizeof v);
        d[i] = (S)v;
      }
    } else {
      lanes(m, [&](int i) {
        E v;
        memcpy(&v, l.ptr[i] + e * sizeof(E), sizeof v);
        d[i] = (S)v;
      });
    }
  }
}
void spread_any(Warp& w, const Op& o, u32 m, const Lanes& l) {
  switch (o.y & 255) {
    case 1:
      return o.x ? spread<i8, u32>(w, o, m, l) : spread<u8, u32>(w, o, m, l);
    case 2:
      return o.x ? spread<i16, u32>(w, o, m, l) : spread<u16, u32>(w, o, m, l);
    case 4:
      return spread<u32, u32>(w, o, m, l);
    default:
      return spread<u64, u64>(w, o, m, l);
  }
}
// Copies lane `i`'s bytes from its registers to p.
template <class E, class S>
void lane_bytes_as(Warp& w, const Op& o, int i, u8* p) {
  u32 n = o.naux ? o.naux : 1;
  for (u32 e = 0; e < n; e++) {
    E v = (E)w.row<S>(element_row(w, o, e))[i];
    __builtin_memcpy(p + e * sizeof(E), &v, sizeof v);
  }
}
void lane_bytes_of(Warp& w, const Op& o, int i, u8* p) {
  switch (o.y & 255) {
    case 1:
      return lane_bytes_as<u8, u32>(w, o, i, p);
    case 2:
      return lane_bytes_as<u16, u32>(w, o, i, p);
    case 4:
      return lane_bytes_as<u32, u32>(w, o, i, p);
    default:
      return lane_bytes_as<u64, u64>(w, o, i, p);
  }
}
template <class E, class S>
void gather_to(Warp& w, const Op& o, u32 m, const Lanes& l) {
  u32 n = o.naux ? o.naux : 1;
  for (u32 e = 0; e < n; e++) {
    const S* r = w.row<S>(element_row(w, o, e));
    if (l.unit && n == 1) {
      E* d = (E*)l.ptr[0];
      for (int i = 0; i < LANES; i++) d[i] = (E)r[i];
    } else {
      lanes(m, [&](int i) {
        E v = (E)r[i];
        __builtin_memcpy((l.unit ? l.ptr[0] + i * o.size : l.ptr[i]) + e * sizeof(E), &v, sizeof v);
      });
    }
  }
}
void write_lanes(Warp& w, const Op& o, u32 m, const Lanes& l) {
  if (l.uniform && !l.unit) {  // every lane to one address: the last one stays, whole
    int last = 31 - __builtin_clz(m);
    return lane_bytes_of(w, o, last, l.ptr[last]);
  }
  switch (o.y & 255) {
    case 1:
      return gather_to<u8, u32>(w, o, m, l);
    case 2:
      return gather_to<u16, u32>(w, o, m, l);
    case 4:
      return gather_to<u32, u32>(w, o, m, l);
    default:
      return gather_to<u64, u64>(w, o, m, l);
  }
}

// ---- stores that others see late ----

bool overlaps(const Delayed& d, const u8* p, u32 size) {
  return d.at < p + size && p < d.at + d.size;
}
// What this warp stored itself it must read, and stores of one place keep their order: those become
// visible now.
void settle(std::vector<Delayed>& all, u32 m, const Lanes& l, u32 size) {
  for (size_t k = 0; k < all.size();) {
    const Delayed& d = all[k];
    bool hit = false;
    lanes(m, [&](int i) { hit |= overlaps(d, l.unit ? l.ptr[0] + i * size : l.ptr[i], size); });
    if (!hit) {
      k++;
      continue;
    }
    memcpy(d.at, d.bytes, d.size);
    all[k] = all.back();
    all.pop_back();
  }
}
void settle(Warp& w, u32 m, const Lanes& l, u32 size) {
  settle(w.delayed, m, l, size);
  settle(w.block->delayed, m, l, size);
}
void delay(Warp& w, const Op& o, u32 m, const Lanes& l) {
  settle(w, m, l, o.size);
  lanes(m, [&](int i) {
    Delayed d;
    d.at = l.unit ? l.ptr[0] + i * o.size : l.ptr[i];
    d.size = o.size;
    lane_bytes_of(w, o, i, d.bytes);
    for (Delayed& x : w.delayed)
      if (overlaps(x, d.at, d.size)) {
        x = d;
        return;
      }  // lanes of one instruction on one place
    w.delayed.push_back(d);
  });
  while (w.delayed.size() > 256) {
    size_t k = w.launch->random((u32)w.delayed.size());
    memcpy(w.delayed[k].at, w.delayed[k].bytes, w.delayed[k].size);
    w.delayed[k] = w.delayed.back();
    w.delayed.pop_back();
  }
}

void polled(Warp& w, const Op& o, u32 m, const Lanes& l) {
  if (!(o.y & 0x100)) return;
  w.polled = &o, w.polled_lane = (u32)__builtin_ctz(m), w.polled_at = l.at[w.polled_lane];
  note_poll(w);
}

template <Space SP>
void load(Warp& w, const Op& o, u32 m, Lanes& l) {
  classify(l, m, o.size);
  if (SP == Space::Global)
    global_access(w, o, m, l, o.size, Use::Load);
  else if (SP == Space::Shared)
    shared_access(w, o, m, l, o.size, Use::Load, 0);
  else if (SP == Space::Local)
    local_access(w, o, m, l, o.size, Use::Load);
  else
    param_access(w, o, m, l, o.size);
  if (SP == Space::Global && options().store_delay) settle(w, m, l, o.size);
  spread_any(w, o, m, l);
}
template <Space SP>
void store(Warp& w, const Op& o, u32 m, Lanes& l) {
  classify(l, m, o.size);
  if (SP == Space::Shared) {
    if (l.unit) {
      shared_access(w, o, m, l, o.size, Use::Store, 0);
      write_lanes(w, o, m, l);
    } else {  // lane by lane: two lanes on one address are a race, unless they store the same value
      shared_bounds(w, o, m, l, o.size);
      alignas(64) u32 off[LANES];
      for (int i = 0; i < LANES; i++) off[i] = (u32)(l.at[i] - SHARED_FIRST);
      if (options().count) count_banks(w.launch->c, off, m, o.size, false, l.uniform);
      Block& b = *w.block;
      bool check = options().check & (CHECK_RACE_SHARED | CHECK_UNINIT | CHECK_ASYNC);
      lanes(m, [&](int i) {
        alignas(16) u8 v[16];
        lane_bytes_of(w, o, i, v);
        u8* p = b.shared + off[i];
        u32 same = memcmp(p, v, o.size) == 0 ? 1u << i : 0;
        if (check) b.shadow.access(b, w, o, SharedShadow::Write, 1u << i, off, o.size, false, same);
        memcpy(p, v, o.size);
      });
    }
  } else {
    if (SP == Space::Global)
      global_access(w, o, m, l, o.size, Use::Store), w.launch->idle_steps = 0;
    else if (SP == Space::Local)
      local_access(w, o, m, l, o.size, Use::Store);
    else
      memory_fault(w, o, __builtin_ctz(m), "MEM-CONST", 717, "write to the kernel's parameters",
                   l.at[__builtin_ctz(m)]);
    if (SP == Space::Global && options().store_delay) {
      if (!(o.y & 0x100)) return delay(w, o, m, l);
      settle(w, m, l, o.size);
    }
    write_lanes(w, o, m, l);
  }
}

template <Space SP, bool STORE>
void ldst(Warp& w, const Op& o, u32 m) {
  Lanes l;
  gather_addresses(w, o, m, o.r[1], l);
  polled(w, o, m, l);
  if (o.y & 0x400 && SP == Space::Global) release_fence(w, o.y >> 12 & 3);
  if (STORE)
    store<SP>(w, o, m, l);
  else
    load<SP>(w, o, m, l);
  if (o.y & 0x200) acquire_fence(w, o.y >> 12 & 3);
}
template <bool STORE>
void ldst_generic(Warp& w, const Op& o, u32 m) {
  Lanes l;
  gather_addresses(w, o, m, o.r[1], l);
  polled(w, o, m, l);
  if (o.y & 0x400) release_fence(w, o.y >> 12 & 3);
  while (m) {  // lanes may point into different spaces
    Space s = generic_space(l.at[__builtin_ctz(m)]);
    u32 part = 0;
    lanes(m, [&](int i) {
      if (generic_space(l.at[i]) == s) part |= 1u << i;
    });
    Lanes p = l;
    u64 base = s == Space::Shared  ? SHARED_WINDOW
               : s == Space::Local ? LOCAL_WINDOW
               : s == Space::Param ? PARAM_WINDOW
                                   : 0;
    lanes(part, [&](int i) { p.at[i] -= base; });
    switch (s) {
      case Space::Shared:
        STORE ? store<Space::Shared>(w, o, part, p) : load<Space::Shared>(w, o, part, p);
        break;
      case Space::Local:
        STORE ? store<Space::Local>(w, o, part, p) : load<Space::Local>(w, o, part, p);
        break;
      case Space::Param:
        STORE ? store<Space::Param>(w, o, part, p) : load<Space::Param>(w, o, part, p);
        break;
      default:
        STORE ? store<Space::Global>(w, o, part, p) : load<Space::Global>(w, o, part, p);
    }
    m &= ~part;
  }
  if (o.y & 0x200) acquire_fence(w, o.y >> 12 & 3);
}

void decode_ldst(Ctx& c, bool store) {
  const auto& mods = c.in.mods;
  bool acquire = c.has("acquire"), release = c.has("release");
  bool is_volatile = c.has("volatile") | c.has("mmio");
  bool strong = is_volatile | c.has("relaxed") | acquire | release;
  c.has("weak");
  int scope = c.one_of({"cta", "cluster", "gpu", "sys"});
  if (is_volatile || scope < 0) scope = 3;
  int sp = c.one_of({"global", "shared", "local", "const", "param", "shared::cta"});
  bool nc = c.has("nc");
  if (nc && (store || sp != 0)) c.fail(".nc needs ld.global");
  for (size_t i = 0; i < mods.size(); i++) {  // cache hints have no effect here
    const std::string& h = mods[i];
    if (h == "ca" || h == "cg" || h == "cs" || h == "lu" || h == "cv" || h == "wb" || h == "wt" ||
        h.rfind("L1::", 0) == 0 || h == "L2::64B" || h == "L2::128B" || h == "L2::256B" ||
        h == "L2::evict_first" || h == "L2::evict_last" || h == "L2::evict_normal")
      c.used[i] = true;
  }
  int v = c.one_of({"v2", "v4"});
  Ty t = c.type();
  size_t data = store ? 1 : 0, addr = store ? 0 : 1;
  c.args(2);
  c.address(addr, 1);
  u32 n = v < 0 ? 1 : v == 0 ? 2 : 4;
  u32 es = (u32)ty_bytes(t);
  if (es > 8 || es * n > 16) c.fail("access is too wide");
  c.op.size = (u8)(es * n);
  c.op.y = es | (strong ? 0x100 : 0) | (acquire ? 0x200 : 0) | (release ? 0x400 : 0) |
           (nc ? 0x800 : 0) | (strong ? (u32)scope << 12 : 0);
  c.op.x = ty_signed(t) && es < 4;
  Ty rt = es == 8 ? Ty::B64 : Ty::B32;
  std::vector<std::pair<u32, u32>> extends;  // (32-bit row, 64-bit row) to extend after a load
  auto row_of = [&](const Operand& x) {
    if (store) return c.narrowed(x, x.kind == Operand::Imm ? t : rt);
    u32 wide, r = c.widened(x, rt, &wide);
    if (wide != NOROW) extends.push_back({r, wide});
    return r;
  };
  if (n > 1) {
    const Operand& vec = c.arg(data);
    if (vec.kind != Operand::Vec || vec.elems.size() != n) c.fail("needs a vector operand");
    for (auto& x : vec.elems) {
      if (x.kind == Operand::Discard && !store)
        c.aux.push_back(NOROW);
      else {
        u32 r = row_of(x);
        c.aux.push_back(r);
      }
    }
  } else {
    c.op.r[0] = row_of(c.arg(data));
  }
  if (strong) c.d.k->spins = true;
  // parameters of a call live in the frame
  const Operand& b = c.arg(addr).elems[0];
  if (sp == 4 && b.kind == Operand::Sym) {
    Space s;
    c.d.symbol(b.name, c.in.line, &s);
    if (s == Space::Local) sp = 2;
  }
  Handler h;
  Cls k;
  switch (sp) {
    case 0:
      h = store ? ldst<Space::Global, true> : ldst<Space::Global, false>;
      k = Cls::LdstGlobal;
      break;
    case 1:
    case 5:
      h = store ? ldst<Space::Shared, true> : ldst<Space::Shared, false>;
      k = Cls::LdstShared;
      break;
    case 2:
      h = store ? ldst<Space::Local, true> : ldst<Space::Local, false>;
      k = Cls::LdstLocal;
      break;
    case 3:
      if (store) c.fail("constant memory cannot be written");
      h = ldst<Space::Global, false>;
      k = Cls::LdstConst;
      break;
    case 4:
      h = store ? ldst<Space::Param, true> : ldst<Space::Param, false>;
      k = Cls::LdstParam;
      break;
    default:
      h = store ? ldst_generic<true> : ldst_generic<false>;
      k = Cls::LdstGeneric;
  }
  c.emit(h, k);
  for (auto& x : extends) c.widen(x.first, x.second, ty_signed(t));
}
}  // namespace

void settle_stores(Warp& w, u32 m, const Lanes& l, u32 size) { settle(w, m, l, size); }
void share_stores(Warp& w) {
  auto& all = w.block->delayed;
  all.insert(all.end(), w.delayed.begin(), w.delayed.end());
  w.delayed.clear();
}
void drain_stores(Warp& w) {
  share_stores(w);
  for (const Delayed& d : w.block->delayed) memcpy(d.at, d.bytes, d.size);
  w.block->delayed.clear();
}

static Register r_ld({"ld"}, [](Ctx& c) { decode_ldst(c, false); });
static Register r_st({"st"}, [](Ctx& c) { decode_ldst(c, true); });
}  // namespace vgpu
