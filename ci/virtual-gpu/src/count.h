// Deterministic counters of a launch, and the set of 32-byte sectors that a block or a grid
// touched.
#pragma once
#include "ir.h"

namespace vgpu {

struct Counters {
  u64 inst_warp[(int)Cls::Count] = {}, inst_lane[(int)Cls::Count] = {};
  u64 divergent = 0;
  struct Global {
    u64 requests = 0, sectors = 0, bytes_useful = 0;
  } ld, st, red;
  u64 footprint_blocks = 0;  // distinct sectors per block, summed
  u64 footprint_grid = 0;    // distinct sectors of the launch
  u64 shared_requests = 0, shared_wavefronts = 0, shared_conflicts = 0;
  u64 async_bytes = 0, mma_ops = 0, mma_macs = 0, barrier_waits = 0, warp_barriers = 0;
  u64 blocks = 0;
  std::map<std::string, u64> mma;  // instructions by spelling
  void add(const Counters& o);
};

class Footprint {
 public:
  void clear() {
    for (u32 i : order_) slots_[i].page = 0;
    order_.clear();
  }
  // sector = address / 32
  void touch(u64 sector) {
    Slot& s = find((sector >> 7) + 1);
    u64 bit = 1ull << (sector & 63);
    s.bits[(sector >> 6) & 1] |= bit;
  }
  void touch_range(u64 first, u64 last) {
    if (first >> 6 == last >> 6) {
      Slot& s = find((first >> 7) + 1);
      u64 n = last - first + 1;
      s.bits[(first >> 6) & 1] |= (n == 64 ? ~0ull : ((1ull << n) - 1)) << (first & 63);
    } else {
      for (u64 i = first; i <= last; i++) touch(i);
    }
  }
  // The first touched sector of [first, last]; 0: none.
  u64 first_in(u64 first, u64 last) const {
    u64 best = 0;
    for (u32 i : order_) {
      const Slot& s = slots_[i];
      u64 base = (s.page - 1) << 7;
      if (base > last || base + 127 < first) continue;
      for (int h = 0; h < 2; h++)
        for (u64 b = s.bits[h]; b; b &= b - 1) {
          u64 sector = base + 64 * h + __builtin_ctzll(b);
          if (sector >= first && sector <= last && (!best || sector < best)) best = sector;
        }
    }
    return best;
  }
  u64 count() const {
    u64 n = 0;
    for (u32 i : order_)
      n += __builtin_popcountll(slots_[i].bits[0]) + __builtin_popcountll(slots_[i].bits[1]);
    return n;
  }
  void merge(const Footprint& o) {
    for (u32 i : o.order_) {
      Slot& s = find(o.slots_[i].page);
      s.bits[0] |= o.slots_[i].bits[0];
      s.bits[1] |= o.slots_[i].bits[1];
    }
  }
  template <class F>
  void each_page(F f) const {
    for (u32 i : order_) f((slots_[i].page - 1) << 12, slots_[i].bits);
  }

 private:
  struct Slot {
    u64 page = 0, bits[2] = {0, 0};
  };
  std::vector<Slot> slots_ = std::vector<Slot>(64);
  std::vector<u32> order_;
  u32 last_ = 0;
  Slot& find(u64 page) {
    if (slots_[last_].page == page) return slots_[last_];
    u32 mask = (u32)slots_.size() - 1;
    u32 i = (u32)(page * 0x9E3779B97F4A7C15ull >> 40) & mask;
    while (slots_[i].page && slots_[i].page != page) i = (i + 1) & mask;
    if (!slots_[i].page) {
      if (order_.size() * 2 >= slots_.size()) {
        grow();
        return find(page);
      }
      slots_[i] = {page, {0, 0}};
      order_.push_back(i);
    }
    last_ = i;
    return slots_[i];
  }
  void grow() {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    std::vector<u32> o;
    o.swap(order_);
    last_ = 0;
    for (u32 i : o) {
      Slot& s = find(old[i].page);
      s.bits[0] = old[i].bits[0], s.bits[1] = old[i].bits[1];
    }
  }
};
}  // namespace vgpu
