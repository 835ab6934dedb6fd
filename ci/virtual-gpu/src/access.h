// One memory instruction of a warp: its addresses, the checks they pass, what they count, and where
// the bytes are.
#pragma once
#include "report.h"
#include "rows.h"

namespace vgpu {

enum class Use : u8 { Load, Store, Atomic };

struct Lanes {
  alignas(64) u64 at[LANES];  // addresses as the instruction gives them
  u8* ptr[LANES];             // where the bytes are; only lane 0 when unit
  bool unit = false;          // all 32 lanes active, at[i] = at[0] + i * size
  bool uniform = false;       // all active lanes at the same address
};

// Fills at[], unit and uniform.
void gather_addresses(Warp& w, const Op& o, u32 m, u32 row, Lanes& l);
void classify(Lanes& l, u32 m, u32 size);
// Bounds, alignment, initialisation and race checks, counters; fills ptr[]. Throws LaunchFault.
void global_access(Warp& w, const Op& o, u32 m, Lanes& l, u32 size, Use use);
void shared_access(Warp& w, const Op& o, u32 m, Lanes& l, u32 size, Use use, u32 same);
void shared_bounds(Warp& w, const Op& o, u32 m, Lanes& l, u32 size);
void local_access(Warp& w, const Op& o, u32 m, Lanes& l, u32 size, Use use);
void param_access(Warp& w, const Op& o, u32 m, Lanes& l, u32 size);
void count_banks(Counters& c, const u32* off, u32 m, u32 size, bool unit, bool uniform);
void count_sectors(Warp& w, Counters::Global& g, const u64* at, u32 m, u32 size, bool unit,
                   bool uniform);
[[noreturn]] void memory_fault(Warp& w, const Op& o, int lane, const char* id, int code,
                               const std::string& text, u64 addr);
Space generic_space(u64 addr);
void settle_stores(Warp& w, u32 m, const Lanes& l,
                   u32 size);  // delayed stores of these bytes become visible

// Race tags of global memory, one word per 4 bytes (global_race.cpp).
bool written_by_launch(const Launch& l, u64 addr, u32 size);
void global_race(Warp& w, const Op& o, u32 m, const Lanes& l, u32 size, Use use, bool strong);
}  // namespace vgpu
