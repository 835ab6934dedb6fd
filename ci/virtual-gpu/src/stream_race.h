// Work that is done but that nothing puts before work still to come: kernels and copies of other
// streams that no event, edge or wait of the host joined. What touches the same bytes, one of them
// writing, is a race between streams.
#pragma once
#include "count.h"
#include "order.h"

namespace vgpu {
struct Launch;
struct Warp;
struct Op;

struct Span {
  u64 lo, hi;  // device addresses
  bool write;
};
struct Past {
  Order order;
  int device = 0;
  std::string name;                   // of the kernel; empty: a copy or a set
  u32 first_slot = 0, last_slot = 0;  // of a kernel's blocks in the race tags
  Footprint sectors;                  // a kernel's: also reads that left no tag
  std::vector<Span> spans;            // a copy's
};

void remember(Launch& l);          // a kernel is done
void forget_ordered();             // drops what the host has waited for
void forget_slots();               // the race tags were wiped
void gather_unordered(Launch& l);  // fills the launch's concurrent slots and spans
const Past* past_of(u32 slot);
// A copy or set runs now: races with kernels and copies that no order separates from it. True: one
// was found.
bool copy_race(const Order& order, int device, const std::vector<Span>& spans,
               const std::string& what);
// A kernel's access against copies on unordered streams, and its first stores against reads that
// left no tag.
void span_race(Warp& w, const Op& o, u32 m, const u64* at, u32 size, bool writes, bool first_store);

// global_race.cpp
const std::vector<Launch*>& active_launches();
u64 touched_by(const std::vector<std::pair<u32, u32>>& ranges, u64 addr, u64 n, bool reads_too,
               u32* slot);
}  // namespace vgpu
