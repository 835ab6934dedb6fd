// Races between blocks in global memory, within a launch and between launches that run at the same time.
//
// Each 4-byte word has a tag for its last write and its last read:  slot:20 | epoch:10 | strong:1 | narrow:1.
// Every block run has a slot; slots grow, so tags of earlier launches lie below the running launch's floor. Blocks are
// ordered by vector clocks: a release (or a fence before a strong store) publishes the block's clock at the flag's
// address, an acquire (or a strong load before a fence) takes it over.
#include <algorithm>

#include "access.h"
#include "launch.h"

namespace vgpu {
namespace {
constexpr u32 SLOTS = 1u << 20, MANY = SLOTS - 1, EPOCHS = 1023;
u32 g_next_slot = 1;
std::vector<Launch*> g_active;
struct Flag { Clock gpu[MAX_DEVICES], sys; };
std::map<u64, Flag> g_flags;

void join(Clock& a, const Clock& b) {
  for (auto& x : b) { u32& e = a[x.first]; e = std::max(e, x.second); }
}
u32 slot_of(u32 tag) { return tag >> 12; }

bool ordered(const Block& b, const Launch& l, u32 tag) {
  u32 s = slot_of(tag);
  if (s == b.slot || s < l.slot_floor) return true;
  if (s == MANY) return !b.clock.empty() || (tag >> 2 & EPOCHS) != (l.launch_id & EPOCHS);
  bool near = s >= l.first_slot && s < l.last_slot;
  for (auto& r : l.concurrent) near |= s >= r.first && s < r.second;
  if (!near) return true;
  auto it = b.clock.find(s);
  return it != b.clock.end() && (tag >> 2 & EPOCHS) <= it->second;
}
std::string who(const Launch& l, u32 tag) {
  u32 s = slot_of(tag);
  if (s == MANY) return "several blocks";
  if (s >= l.first_slot && s < l.last_slot) return "another block of this launch (started as number " + std::to_string(s - l.first_slot) + ")";
  return "a block of a launch that runs at the same time";
}
}  // namespace

void begin_launch(Launch& l) {
  u64 n = (u64)l.grid[0] * l.grid[1] * l.grid[2];
  if (n >= SLOTS / 2) l.race_tags = false;
  if (!(options().check & CHECK_RACE_GLOBAL)) l.race_tags = false;
  if (!l.race_tags) n = 0;
  if (g_active.empty() && (g_next_slot + n >= MANY || l.launch_id % 1000 == 0)) {
    memory().drop_tags();
    g_next_slot = 1;
  }
  if (g_active.empty()) g_flags.clear();  // whatever ran before is ordered before this launch
  if (g_next_slot + n >= MANY) l.race_tags = false, n = 0;
  l.first_slot = g_next_slot;
  l.last_slot = g_next_slot = g_next_slot + (u32)n;
  l.slot_floor = l.first_slot;
  for (Launch* x : g_active) {
    x->concurrent.push_back({l.first_slot, l.last_slot});
    l.concurrent.push_back({x->first_slot, x->last_slot});
    l.slot_floor = std::min(l.slot_floor, x->first_slot);
  }
  g_active.push_back(&l);
}
void end_launch(Launch& l) { g_active.erase(std::remove(g_active.begin(), g_active.end(), &l), g_active.end()); }

void begin_block(Block& b) {
  b.slot = b.launch->race_tags ? b.launch->first_slot + b.index : 0;
  b.epoch = 1;
  b.clock.clear(), b.fence_gpu.clear(), b.fence_sys.clear(), b.pending_gpu.clear(), b.pending_sys.clear();
}

void release_fence(Warp& w, int scope) {
  Block& b = *w.block;
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

void global_race(Warp& w, const Op& o, u32 m, const Lanes& l, u32 size, Use use, bool strong) {
  Block& b = *w.block;
  Launch& L = *w.launch;
  Memory& mem = memory();
  if (strong) {
    bool sys = (o.y >> 12 & 3) == 3;
    lanes(m, [&](int i) {
      u64 a = l.at[i] & ~3ull;
      if (use != Use::Load && !b.fence_gpu.empty()) {
        Flag& f = g_flags[a];
        if (use == Use::Store) f = Flag{};  // a store starts a new release sequence, a read-modify-write continues one
        join(f.gpu[L.device], b.fence_gpu);
        if (sys) join(f.sys, b.fence_sys);
      } else if (use == Use::Store) {
        g_flags.erase(a);
      }
      if (use != Use::Store) {
        auto it = g_flags.find(a);
        if (it != g_flags.end()) {
          join(b.pending_gpu, it->second.gpu[L.device]);
          if (sys) join(b.pending_sys, it->second.sys);
        }
      }
    });
  }
  u32 mine = b.slot << 12 | b.epoch << 2 | (strong ? 2 : 0) | (size < 4 ? 1 : 0);
  u32 floor = L.slot_floor << 12;
  bool writes = use != Use::Load;
  auto complain = [&](int lane, u64 addr, u32 tag, bool was_write) {
    report_at(w, o, lane, "RACE-GLOBAL", Severity::Error,
              std::string(writes ? "write" : "read") + " unordered with a " + (was_write ? "write" : "read") + " by " + who(L, tag), &addr);
  };
  auto word = [&](int lane, u64 addr) {
    u32 &wt = *mem.write_tag(addr), &rt = *mem.read_tag(addr);
    auto clash = [&](u32 tag) { return tag >= floor && !((mine | tag) & 1) && !(strong && (tag & 2)) && !ordered(b, L, tag); };
    if (clash(wt)) complain(lane, addr, wt, true);
    else if (writes && clash(rt)) complain(lane, addr, rt, false);
    if (writes) wt = mine;
    else if (rt < floor || slot_of(rt) == b.slot || ordered(b, L, rt)) rt = mine;
    else rt = MANY << 12 | (L.launch_id & EPOCHS) << 2 | ((rt & mine & 2) ? 2 : 0);
  };
  if (l.unit && size >= 4) {
    u32 n = size / 4 * LANES, hot = 0;
    u32* __restrict__ wt = mem.write_tag(l.at[0]);
    u32* __restrict__ rt = mem.read_tag(l.at[0]);
    u32 own = b.slot;
    if (writes) {
      for (u32 i = 0; i < n; i++) hot |= ((wt[i] >= floor) & (wt[i] >> 12 != own)) | ((rt[i] >= floor) & (rt[i] >> 12 != own));
      if (!hot) { for (u32 i = 0; i < n; i++) wt[i] = mine; return; }
    } else {
      for (u32 i = 0; i < n; i++) hot |= (wt[i] >= floor) & (wt[i] >> 12 != own);
      if (!hot) {
        u32 many = MANY << 12 | (L.launch_id & EPOCHS) << 2;
        for (u32 i = 0; i < n; i++) rt[i] = (rt[i] < floor) | (rt[i] >> 12 == own) ? mine : many;
        return;
      }
    }
  }
  if (l.uniform && !writes) return word(__builtin_ctz(m), l.at[__builtin_ctz(m)] & ~3ull);
  if (!writes && !strong) {  // scattered reads of what nobody wrote
    u32 many = MANY << 12 | (L.launch_id & EPOCHS) << 2, own = b.slot, hot = 0, n = size < 4 ? 1 : size / 4;
    for (u32 q = m; q; q &= q - 1) {
      u64 a = l.at[__builtin_ctz(q)] & ~3ull;
      const u32* wt = mem.write_tag(a);
      u32* rt = mem.read_tag(a);
      for (u32 k = 0; k < n; k++) {
        hot |= (wt[k] >= floor) & (wt[k] >> 12 != own);
        rt[k] = (rt[k] < floor) | (rt[k] >> 12 == own) ? mine : many;
      }
    }
    if (!hot) return;
  }
  lanes(m, [&](int i) {
    if (size < 4) word(i, l.at[i] & ~3ull);
    else for (u32 k = 0; k < size; k += 4) word(i, l.at[i] + k);
  });
}
}  // namespace vgpu
