// Races in global memory between blocks: of one launch, of launches that run at the same time (on
// one device or several), and of launches that no stream, event or wait of the host puts in order.
//
// Each 4-byte word has a tag for its last write and its last read:  slot:20 | epoch:10 | strong:1 |
// split:1. A word that was touched by parts is split: each of its bytes then has tags of its own.
// Every block run has a slot; slots grow, so tags of work that lies before a launch are below the
// launch's floor. Blocks are ordered by vector clocks: a release (or a fence before a strong store)
// publishes the block's clock at the flag's address, an acquire (or a strong load before a fence)
// takes it over.
#include <algorithm>

#include "access.h"
#include "launch.h"
#include "stream_race.h"

namespace vgpu {
namespace {
constexpr u32 SLOTS = 1u << 20, MANY = SLOTS - 1, EPOCHS = 1023;
u32 g_next_slot = 1, g_since = 0;
std::vector<Launch*> g_active;
struct Flag {
  Clock gpu[MAX_DEVICES], sys;
};
std::map<u64, Flag> g_flags;

void join(Clock& a, const Clock& b) {
  for (auto& x : b) {
    u32& e = a[x.first];
    e = std::max(e, x.second);
  }
}
u32 slot_of(u32 tag) { return tag >> 12; }

// The running launch whose block has this slot.
const Launch* active_of(u32 slot) {
  for (const Launch* x : g_active)
    if (slot >= x->first_slot && slot < x->last_slot) return x;
  return nullptr;
}
// The block took over the clock of a block whose launch was put behind that work by its stream.
bool behind_by_flag(const Block& b, const Order* work) {
  if (!work) return false;
  for (auto& x : b.clock) {
    const Launch* run = active_of(x.first);
    const Past* past = run ? nullptr : past_of(x.first);
    const Order* o = run ? run->order : past ? &past->order : nullptr;
    if (o && o->after(*work)) return true;
  }
  return false;
}
bool ordered(const Block& b, const Launch& l, u32 tag) {
  u32 s = slot_of(tag);
  if (s == b.slot || s < l.slot_floor) return true;
  if (s == MANY) return !b.clock.empty() || (tag >> 2 & EPOCHS) != (l.launch_id & EPOCHS);
  bool near = s >= l.first_slot && s < l.last_slot, own = near;
  for (auto& r : l.concurrent) near |= s >= r.first && s < r.second;
  if (!near) return true;
  auto it = b.clock.find(s);
  if (it != b.clock.end() && (tag >> 2 & EPOCHS) <= it->second) return true;
  if (own || b.clock.empty()) return false;
  const Launch* run = active_of(s);
  const Past* past = run ? nullptr : past_of(s);
  return behind_by_flag(b, run ? run->order : past ? &past->order : nullptr);
}
struct Other {
  const char* id;
  std::string text;
};
Other who(const Launch& l, u32 tag) {
  u32 s = slot_of(tag);
  if (s == MANY) return {"RACE-GLOBAL", "several blocks"};
  if (s >= l.first_slot && s < l.last_slot)
    return {"RACE-GLOBAL", "another block of this launch (started as number " +
                               std::to_string(s - l.first_slot) + ")"};
  const Launch* run = active_of(s);
  const Past* past = run ? nullptr : past_of(s);
  int device = run ? run->device : past ? past->device : l.device;
  std::string name = run ? run->kernel->name : past ? past->name : "a kernel";
  if (device != l.device)
    return {"RACE-GLOBAL", "kernel " + name + " of device " + std::to_string(device)};
  return {"RACE-STREAM",
          "kernel " + name + ", which no stream order or event puts before or after this one"};
}
}  // namespace

void begin_launch(Launch& l) {
  u64 n = (u64)l.grid[0] * l.grid[1] * l.grid[2];
  if (n >= SLOTS / 2) l.race_tags = false;
  if (!(options().check & CHECK_RACE_GLOBAL)) l.race_tags = false;
  if (!l.race_tags) n = 0;
  forget_ordered();
  // Names of blocks are used up, or MANY's ten bits of launch number will soon come round: begin
  // again.
  if (g_active.empty() && (g_next_slot + n >= MANY || l.launch_id - g_since >= 900)) {
    memory().drop_tags();
    forget_slots();
    g_next_slot = 1;
    g_since = l.launch_id;
  }
  if (g_next_slot + n >= MANY) l.race_tags = false, n = 0;
  l.first_slot = g_next_slot;
  l.last_slot = g_next_slot = g_next_slot + (u32)n;
  l.slot_floor = l.first_slot;
  for (Launch* x : g_active) {
    x->concurrent.push_back({l.first_slot, l.last_slot});
    l.concurrent.push_back({x->first_slot, x->last_slot});
    l.slot_floor = std::min(l.slot_floor, x->first_slot);
  }
  if (l.race_tags) gather_unordered(l);
  if (g_active.empty() && l.concurrent.empty())
    g_flags.clear();  // whatever ran before is ordered before this launch
  g_active.push_back(&l);
}
void end_launch(Launch& l) {
  g_active.erase(std::remove(g_active.begin(), g_active.end(), &l), g_active.end());
  if (l.race_tags) remember(l);
}
const std::vector<Launch*>& active_launches() { return g_active; }

void begin_block(Block& b) {
  b.slot = b.launch->race_tags ? b.launch->first_slot + b.index : 0;
  b.epoch = 1;
  b.clock.clear(), b.fence_gpu.clear(), b.fence_sys.clear(), b.pending_gpu.clear(),
      b.pending_sys.clear();
}

void release_fence(Warp& w, int scope) {
  Block& b = *w.block;
  if (scope < 2)
    share_stores(w);
  else
    drain_stores(w);
  if (scope < 2 || !w.launch->race_tags) return;
  b.fence_gpu = b.clock;
  b.fence_gpu[b.slot] = b.epoch;
  if (scope == 3) b.fence_sys = b.fence_gpu;
  b.epoch = std::min(b.epoch + 1, EPOCHS);
}
void acquire_fence(Warp& w, int scope) {
  Block& b = *w.block;
  if (scope < 2) return;
  join(b.clock, b.pending_gpu);
  if (scope == 3) join(b.clock, b.pending_sys);
}

// What strong accesses publish and take over at the flag's address.
static void synchronise(Warp& w, const Op& o, u32 m, const Lanes& l, Use use) {
  Block& b = *w.block;
  int device = w.launch->device;
  bool sys = (o.y >> 12 & 3) == 3;
  lanes(m, [&](int i) {
    u64 a = l.at[i] & ~3ull;
    if (use != Use::Load && !b.fence_gpu.empty()) {
      Flag& f = g_flags[a];
      if (use == Use::Store)
        f = Flag{};  // a store starts a new release sequence, a read-modify-write continues one
      join(f.gpu[device], b.fence_gpu);
      if (sys) join(f.sys, b.fence_sys);
    } else if (use == Use::Store) {
      g_flags.erase(a);
    }
    if (use != Use::Store) {
      auto it = g_flags.find(a);
      if (it != g_flags.end()) {
        join(b.pending_gpu, it->second.gpu[device]);
        if (sys) join(b.pending_sys, it->second.sys);
      }
    }
  });
}

void global_race(Warp& w, const Op& o, u32 m, const Lanes& l, u32 size, Use use, bool strong) {
  Block& b = *w.block;
  Launch& L = *w.launch;
  Memory& mem = memory();
  if (strong) synchronise(w, o, m, l, use);
  u32 mine = b.slot << 12 | b.epoch << 2 | (strong ? 2 : 0), own = b.slot;
  u32 floor = L.slot_floor << 12, many = MANY << 12 | (L.launch_id & EPOCHS) << 2;
  bool writes = use != Use::Load;
  auto complain = [&](int lane, u64 addr, u32 tag, bool was_write) {
    Other other = who(L, tag);
    report_at(w, o, lane, other.id, Severity::Error,
              std::string(writes ? "write" : "read") + " unordered with a " +
                  (was_write ? "write" : "read") + " by " + other.text,
              &addr);
  };
  auto clash = [&](u32 tag) {
    return tag >= floor && !(strong && (tag & 2)) && !ordered(b, L, tag);
  };
  auto alone = [&](u32 rt) { return rt < floor || slot_of(rt) == own || ordered(b, L, rt); };
  auto read_by_many = [&](u32 rt) { return many | ((rt & mine & 2) ? 2 : 0); };
  // one word or one byte, with its own pair of tags
  auto touch = [&](int lane, u64 addr, u32& wt, u32& rt) {
    if (clash(wt))
      complain(lane, addr, wt, true);
    else if (writes && clash(rt))
      complain(lane, addr, rt, false);
    if (writes)
      wt = mine;
    else
      rt = alone(rt) ? mine : read_by_many(rt);
  };
  auto word = [&](int lane, u64 addr) {
    u32 &wt = *mem.write_tag(addr), &rt = *mem.read_tag(addr);
    if (!(wt & 1)) return touch(lane, addr, wt, rt);
    u32 *wb = mem.write_tags_of_bytes(addr), *rb = mem.read_tags_of_bytes(addr);
    for (int k = 0; k < 4; k++) {
      if (clash(wb[k])) {
        complain(lane, addr + k, wb[k], true);
        break;
      }
      if (writes && clash(rb[k])) {
        complain(lane, addr + k, rb[k], false);
        break;
      }
    }
    if (writes) {  // whole again
      wt = mine, rt = 0;
      for (int k = 0; k < 4; k++)
        if (!alone(rb[k])) rt = rb[k];
    } else {
      for (int k = 0; k < 4; k++) rb[k] = alone(rb[k]) ? mine : read_by_many(rb[k]);
    }
  };
  // A read tag that this block's own read may replace: too old to matter, its own, or of several
  // blocks of another launch.
  u32 epoch = L.launch_id & EPOCHS;
  auto stale = [&](u32 tag) {
    return (tag < floor) | (tag >> 12 == own) |
           ((tag >> 12 == MANY) & ((tag >> 2 & EPOCHS) != epoch));
  };
  // Left by a launch that ran beside another which still runs: only the clocks can tell.
  auto foreign = [&](u32 tag) {
    return (tag >= floor) &
           ((tag >> 12 < L.first_slot) | ((tag >> 12 >= L.last_slot) & (tag >> 12 != MANY)));
  };
  auto bytes = [&](int lane, u64 addr, u32 n) {
    u32 &wt = *mem.write_tag(addr & ~3ull), &rt = *mem.read_tag(addr & ~3ull);
    u32 *wb = mem.write_tags_of_bytes(addr & ~3ull), *rb = mem.read_tags_of_bytes(addr & ~3ull);
    if (!(wt & 1)) {  // no quick test may take a split word for its own, hence MANY
      for (int k = 0; k < 4; k++) wb[k] = wt, rb[k] = rt;
      wt = rt = many | 1;
    }
    for (u32 k = 0; k < n; k++) touch(lane, addr + k, wb[(addr + k) & 3], rb[(addr + k) & 3]);
  };
  if (l.unit && (size >= 4 || (l.at[0] & 3) == 0)) {  // whole words, one after another
    u32 n = size * LANES / 4, hot = 0;
    u32* __restrict__ wt = mem.write_tag(l.at[0]);
    u32* __restrict__ rt = mem.read_tag(l.at[0]);
    if (writes) {
      for (u32 i = 0; i < n; i++)
        hot |=
            ((wt[i] >= floor) & (wt[i] >> 12 != own)) | ((rt[i] >= floor) & (rt[i] >> 12 != own));
      if (!hot) {
        for (u32 i = 0; i < n; i++) wt[i] = mine;
        return;
      }
    } else {
      for (u32 i = 0; i < n; i++) hot |= ((wt[i] >= floor) & (wt[i] >> 12 != own)) | foreign(rt[i]);
      if (!hot) {
        for (u32 i = 0; i < n; i++) rt[i] = stale(rt[i]) ? mine : many;
        return;
      }
    }
    for (u32 i = 0; i < n; i++) word((int)(4 * i / size), l.at[0] + 4 * i);
    return;
  }
  if (l.uniform && !writes) {
    int first = __builtin_ctz(m);
    if (size < 4)
      bytes(first, l.at[first], size);
    else
      for (u32 k = 0; k < size; k += 4) word(first, l.at[first] + k);
    return;
  }
  if (!writes && !strong && size >= 4) {  // scattered reads of what nobody wrote
    u32 hot = 0;
    for (u32 q = m; q; q &= q - 1) {
      u64 a = l.at[__builtin_ctz(q)];
      const u32* wt = mem.write_tag(a);
      const u32* rt = mem.read_tag(a);
      for (u32 k = 0; k < size / 4; k++)
        hot |= ((wt[k] >= floor) & (wt[k] >> 12 != own)) | foreign(rt[k]);
    }
    if (!hot) {
      for (u32 q = m; q; q &= q - 1) {
        u32* rt = mem.read_tag(l.at[__builtin_ctz(q)]);
        for (u32 k = 0; k < size / 4; k++) rt[k] = stale(rt[k]) ? mine : many;
      }
      return;
    }
  }
  lanes(m, [&](int i) {
    if (size < 4)
      bytes(i, l.at[i], size);
    else
      for (u32 k = 0; k < size; k += 4) word(i, l.at[i] + k);
  });
}

// Whether these bytes were written in this launch: what ld.global.nc must not read.
bool written_by_launch(const Launch& l, u64 addr, u32 size) {
  Memory& mem = memory();
  auto here = [&](u32 tag) { return slot_of(tag) >= l.first_slot && slot_of(tag) < l.last_slot; };
  for (u64 a = addr & ~3ull; a < addr + size; a += 4) {
    u32 wt = *mem.write_tag(a);
    if (!(wt & 1)) {
      if (here(wt)) return true;
      continue;
    }
    for (u64 k = std::max(a, addr); k < std::min(a + 4, addr + size); k++)
      if (here(mem.write_tags_of_bytes(a)[k & 3])) return true;
  }
  return false;
}

// The first byte of [addr, addr+n) that a block with a slot in one of the ranges wrote (or, when
// asked, read); 0: none.
u64 touched_by(const std::vector<std::pair<u32, u32>>& ranges, u64 addr, u64 n, bool reads_too,
               u32* slot) {
  if (ranges.empty()) return 0;
  Memory& mem = memory();
  u32 floor = ~0u;
  for (auto& r : ranges) floor = std::min(floor, r.first);
  auto theirs = [&](u32 tag) {
    u32 s = slot_of(tag);
    if (s < floor) return false;
    for (auto& r : ranges)
      if (s >= r.first && s < r.second) {
        *slot = s;
        return true;
      }
    return false;
  };
  for (u64 a = addr & ~3ull; a < addr + n; a += 4) {
    u32 wt = *mem.write_tag(a), rt = *mem.read_tag(a);
    if (!(wt & 1)) {
      if (theirs(wt) || (reads_too && theirs(rt))) return a;
      continue;
    }
    for (u64 k = std::max(a, addr); k < std::min(a + 4, addr + n); k++)
      if (theirs(mem.write_tags_of_bytes(a)[k & 3]) ||
          (reads_too && theirs(mem.read_tags_of_bytes(a)[k & 3])))
        return k;
  }
  return 0;
}
}  // namespace vgpu
