#include "access.h"

#include "launch.h"

namespace vgpu {

void memory_fault(Warp& w, const Op& o, int lane, const char* id, int code, const std::string& text,
                  u64 addr) {
  report_at(w, o, lane, id, Severity::Error, text, &addr);
  throw LaunchFault{code};
}

void gather_addresses(Warp& w, const Op& o, u32, u32 row, Lanes& l) {
  if (o.wide_addr) {
    u64* a = w.row<u64>(row);
    for (int i = 0; i < LANES; i++) l.at[i] = a[i] + (u64)o.imm;
  } else {
    u32* a = w.row<u32>(row);
    for (int i = 0; i < LANES; i++) l.at[i] = a[i] + (u64)o.imm;
  }
}

void classify(Lanes& l, u32 m, u32 size) {
  u64 first = l.at[__builtin_ctz(m)];
  u64 a = 0, b = 0;
  if (m == FULL) {
    for (int i = 0; i < LANES; i++) a |= l.at[i] ^ (first + (u64)i * size), b |= l.at[i] ^ first;
    l.unit = a == 0;
    l.uniform = b == 0;
  } else {
    for (int i = 0; i < LANES; i++) b |= m & kBit[i] ? l.at[i] ^ first : 0;
    l.unit = false;
    l.uniform = b == 0;
  }
}

Space generic_space(u64 a) {
  if (a >= SHARED_WINDOW && a < SHARED_WINDOW + WINDOW_SIZE) return Space::Shared;
  if (a >= LOCAL_WINDOW && a < LOCAL_WINDOW + WINDOW_SIZE) return Space::Local;
  if (a >= PARAM_WINDOW && a < PARAM_WINDOW + WINDOW_SIZE) return Space::Param;
  return Space::Global;
}

static void check_alignment(Warp& w, const Op& o, u32 m, const Lanes& l, u32 size) {
  u64 bad = 0;
  for (int i = 0; i < LANES; i++) bad |= m & kBit[i] ? l.at[i] & (size - 1) : 0;
  if (!bad) return;
  for (int i = 0; i < LANES; i++)
    if (m >> i & 1 && l.at[i] & (size - 1))
      memory_fault(w, o, i, "MEM-ALIGN", 716,
                   "address is not a multiple of " + std::to_string(size), l.at[i]);
}

// The set of distinct small keys of one instruction.
struct Distinct {
  u64 key[64];
  u64 used = 0;
  bool add(u64 k) {
    u32 h = (u32)(k * 0x9E3779B97F4A7C15ull >> 58);
    while (used >> h & 1) {
      if (key[h] == k) return false;
      h = (h + 1) & 63;
    }
    used |= 1ull << h;
    key[h] = k;
    return true;
  }
};

void count_sectors(Warp& w, Counters::Global& g, const u64* at, u32 m, u32 size, bool unit,
                   bool uniform) {
  Footprint& fp = w.block->footprint;
  g.requests++;
  if (unit) {
    u64 a = at[0] >> 5, b = (at[0] + 32ull * size - 1) >> 5;
    g.sectors += b - a + 1;
    g.bytes_useful += 32ull * size;
    fp.touch_range(a, b);
  } else if (uniform) {
    g.sectors++;
    g.bytes_useful += size;
    fp.touch(at[__builtin_ctz(m)] >> 5);
  } else {
    bool mono = m == FULL;
    if (mono) {
      u64 down = 0;
      for (int i = 1; i < LANES; i++) down |= at[i] < at[i - 1];
      mono = !down;
    }
    if (mono) {
      u64 sec = 1, add = 1;
      for (int i = 1; i < LANES; i++)
        sec += at[i] >> 5 != at[i - 1] >> 5, add += at[i] != at[i - 1];
      g.sectors += sec;
      g.bytes_useful += add * size;
      u64 last = ~0ull;
      for (int i = 0; i < LANES; i++) {
        u64 s = at[i] >> 5;
        if (s != last) fp.touch(s);
        last = s;
      }
    } else {
      Distinct a, s;
      lanes(m, [&](int i) {
        if (!a.add(at[i])) return;
        g.bytes_useful += size;
        if (s.add(at[i] >> 5)) g.sectors++, fp.touch(at[i] >> 5);
      });
    }
  }
}

void global_access(Warp& w, const Op& o, u32 m, Lanes& l, u32 size, Use use) {
  Memory& mem = memory();
  u32 checks = options().check;
  check_alignment(w, o, m, l, size);
  int first = __builtin_ctz(m);
  u64 a0 = l.at[first];
  const Alloc* al = w.last_alloc;
  if (!al || w.alloc_generation != mem.generation() || a0 < al->base || a0 >= al->base + al->size) {
    al = mem.find(a0);
    if (al && !w.launch->may_touch(*al)) al = nullptr;
    w.last_alloc = al;
    w.alloc_generation = mem.generation();
  }
  bool inside = al != nullptr;
  if (inside) {
    u64 lo = al->base, hi = al->base + al->size - size, bad = al->size < size;
    if (l.unit)
      bad |= l.at[0] < lo || l.at[31] > hi;
    else
      for (int i = 0; i < LANES; i++)
        bad |= m & kBit[i] ? (u64)(l.at[i] < lo) | (u64)(l.at[i] > hi) : 0;
    inside = !bad;
  }
  bool full = false;  // no bits to read or to set
  if (inside && al->device >= 0) {
    if (!al->full && al->looked != w.launch->launch_id) {
      al->looked = w.launch->launch_id;
      al->full = mem.written(al->base, al->size);
    }
    full = al->full;
  }
  const Alloc* of[LANES];
  if (!inside) {  // several allocations, or a fault
    lanes(m, [&](int i) {
      const Alloc* x = mem.find(l.at[i]);
      bool fits = x && l.at[i] + size <= x->base + x->size;
      if (!fits || !w.launch->may_touch(*x))
        memory_fault(w, o, i, "MEM-OOB", 700,
                     std::string(use == Use::Load    ? "read"
                                 : use == Use::Store ? "write"
                                                     : "atomic") +
                         " of " + std::to_string(size) + " bytes at " +
                         mem.describe(fits || !x ? l.at[i] : x->base + x->size),
                     l.at[i]);
      of[i] = x;
    });
  } else {
    for (int i = 0; i < LANES; i++) of[i] = al;
  }
  l.unit &= inside;
  bool device = inside ? al->device >= 0 : true;
  if (l.unit)
    l.ptr[0] = mem.at(al, l.at[0]);
  else if (inside) {
    u64 shift = (u64)mem.at(al, 0);
    for (int i = 0; i < LANES; i++) l.ptr[i] = (u8*)(l.at[i] + shift);
  } else
    lanes(m, [&](int i) {
      l.ptr[i] = mem.at(of[i], l.at[i]);
      device &= of[i]->device >= 0;
    });

  if (use != Use::Load && checks & CHECK_CONST)
    lanes(l.unit ? 1u : m, [&](int i) {
      if (of[i]->constant)
        memory_fault(w, o, i, "MEM-CONST", 700, "write to constant memory", l.at[i]);
    });
  if (use != Use::Store && !full && checks & CHECK_UNINIT) {
    auto complain = [&](int i, u64 addr) {
      report_at(w, o, i, "MEM-UNINIT", Severity::Error, "global memory that was never written",
                &addr);
      mem.mark(addr, size);
    };
    if (l.unit && device) {
      u64 n = 32ull * size;
      if (!mem.written(l.at[0], n))
        for (int i = 0; i < LANES; i++)
          if (!mem.written(l.at[i], size)) complain(i, l.at[i]);
    } else if (l.uniform) {
      if (device && !mem.written(a0, size)) complain(first, a0);
    } else {
      u32 full = (1u << size) - 1;
      lanes(m, [&](int i) {
        if (of[i]->device < 0) return;
        u32 bits;
        const u8* p = mem.init_bits(l.at[i]);
        if (size == 16)
          bits = *(const u16*)p;
        else
          bits = *p >> (l.at[i] & 7) & full;
        if (bits != (size == 16 ? 0xffffu : full)) complain(i, l.at[i]);
      });
    }
  }
  if (use != Use::Load && !full) {
    if (l.unit && device)
      mem.mark(l.at[0], 32ull * size);
    else
      lanes(m, [&](int i) {
        if (of[i]->device < 0) return;
        u8* p = mem.init_bits(l.at[i]);
        if (size == 16)
          *(u16*)p = 0xffff;
        else
          *p |= (u8)(((1u << size) - 1) << (l.at[i] & 7));
      });
  }
  bool first_store = false;  // into memory whose reads left no tags so far
  if (use != Use::Load) {
    lanes(inside ? m & -m : m, [&](int i) {
      if (!of[i]->kernel_written)
        of[i]->kernel_written = true, of[i]->first_writer = w.launch->launch_id;
      first_store |= of[i]->first_writer == w.launch->launch_id;
    });
  } else if (o.y & 0x800 && checks & CHECK_CONST && device && w.launch->race_tags &&
             (!inside || al->kernel_written)) {
    lanes(l.uniform ? m & -m : m, [&](int i) {
      if (written_by_launch(*w.launch, l.at[i], size))
        report_at(w, o, i, "MEM-CONST", Severity::Error,
                  "read through the read-only path (.nc) of bytes that this launch writes",
                  &l.at[i]);
    });
  }
  if (!w.launch->unordered.empty() && device)
    span_race(w, o, m, l.at, size, use != Use::Load, first_store);
  // Reads of memory that no kernel ever wrote (weights, inputs) race with nothing, so they are not
  // even recorded. What this misses: reads that precede the very first kernel store into an
  // allocation, against a later store in the same launch.
  bool racy = use != Use::Load || !inside || al->kernel_written || o.y & 0x100;
  if (racy && checks & CHECK_RACE_GLOBAL && device && w.launch->race_tags)
    global_race(w, o, m, l, size, use, o.cls != Cls::Async && o.y & 0x100 && (o.y >> 12 & 3) >= 2);
  if (options().count && o.cls != Cls::LdstConst) {
    Counters& c = w.launch->c;
    count_sectors(w,
                  use == Use::Load    ? c.ld
                  : use == Use::Store ? c.st
                                      : c.red,
                  l.at, m, size, l.unit, l.uniform);
  }
}

void count_banks(Counters& c, const u32* off, u32 m, u32 size, bool unit, bool uniform) {
  u32 group = size <= 4 ? 32 : size == 8 ? 16 : 8, groups = 32 / group;
  c.shared_requests++;
  if (unit) {
    c.shared_wavefronts += groups;
    return;
  }
  u32 per = size <= 4 ? 1 : size / 4;
  for (u32 g = 0; g < groups; g++) {
    u32 gm = (group == 32 ? m : m >> (g * group) & ((1u << group) - 1));
    if (!gm) continue;
    if (uniform) {
      c.shared_wavefronts++;
      continue;
    }
    if (per == 4) {  // 16-byte lanes: eight distinct bank quads cannot conflict
      u32 quads = 0, twice = 0;
      for (u32 q = gm; q; q &= q - 1) {
        u32 bit = 1u << (off[g * group + __builtin_ctz(q)] >> 4 & 7);
        twice |= quads & bit;
        quads |= bit;
      }
      if (!twice) {
        c.shared_wavefronts++;
        continue;
      }
    }
    u32 words[128], n[32] = {}, most = 1;
    u8 next[128], head[32];
    u32 used = 0;
    for (u32 q = gm; q; q &= q - 1) {
      u32 lane = g * group + __builtin_ctz(q);
      for (u32 e = 0; e < per; e++) {
        u32 word = (off[lane] >> 2) + e, bank = word & 31;
        bool seen = false;
        if (n[bank])
          for (u32 k = head[bank];; k = next[k]) {
            if (words[k] == word) {
              seen = true;
              break;
            }
            if (next[k] == 255) break;
          }
        if (seen) continue;
        words[used] = word;
        next[used] = n[bank] ? head[bank] : 255;
        head[bank] = (u8)used++;
        most = std::max(most, ++n[bank]);
      }
    }
    c.shared_wavefronts += most;
    c.shared_conflicts += most - 1;
  }
}

void shared_bounds(Warp& w, const Op& o, u32 m, Lanes& l, u32 size) {
  check_alignment(w, o, m, l, size);
  Block& b = *w.block;
  u64 hi = SHARED_FIRST + b.shared_bytes, bad = 0;
  for (int i = 0; i < LANES; i++)
    bad |= m & kBit[i] ? (u64)(l.at[i] < SHARED_FIRST) | (u64)(l.at[i] + size > hi) : 0;
  if (!bad) return;
  lanes(m, [&](int i) {
    if (l.at[i] < SHARED_FIRST || l.at[i] + size > hi)
      memory_fault(w, o, i, "MEM-OOB", 700,
                   "shared access outside the block's " + std::to_string(b.shared_bytes) + " bytes",
                   l.at[i]);
  });
}

void shared_access(Warp& w, const Op& o, u32 m, Lanes& l, u32 size, Use use, u32 same) {
  shared_bounds(w, o, m, l, size);
  Block& b = *w.block;
  alignas(64) u32 off[LANES];
  for (int i = 0; i < LANES; i++) off[i] = (u32)(l.at[i] - SHARED_FIRST);
  if (options().check & (CHECK_RACE_SHARED | CHECK_UNINIT | CHECK_ASYNC))
    b.shadow.access(b, w, o,
                    use == Use::Load    ? SharedShadow::Read
                    : use == Use::Store ? SharedShadow::Write
                                        : SharedShadow::Atomic,
                    m, off, size, l.unit, same);
  if (l.unit)
    l.ptr[0] = b.shared + off[0];
  else
    lanes(m, [&](int i) { l.ptr[i] = b.shared + off[i]; });
  if (options().count) count_banks(w.launch->c, off, m, size, l.unit, l.uniform);
}

void local_access(Warp& w, const Op& o, u32 m, Lanes& l, u32 size, Use use) {
  check_alignment(w, o, m, l, size);
  u32 frame = w.launch->kernel->local_bytes + 16;
  if (w.local.empty())
    w.local.assign((size_t)frame * LANES, 0), w.local_init.assign((size_t)frame * LANES, 0);
  lanes(m, [&](int i) {
    if (l.at[i] < 16 || l.at[i] + size > frame)
      memory_fault(w, o, i, "MEM-OOB", 700, "local access outside the frame", l.at[i]);
    size_t at = (size_t)i * frame + l.at[i];
    l.ptr[i] = &w.local[at];
    if (use == Use::Load) {
      bool ok = true;
      for (u32 k = 0; k < size; k++) ok &= w.local_init[at + k];
      if (!ok && options().check & CHECK_UNINIT)
        report_at(w, o, i, "MEM-UNINIT", Severity::Error, "local memory that was never written",
                  &l.at[i]);
    } else {
      memset(&w.local_init[at], 1, size);
    }
  });
  l.unit = l.uniform = false;  // one address, yet a place of its own for every lane
}

void param_access(Warp& w, const Op& o, u32 m, Lanes& l, u32 size) {
  std::vector<u8>& p = w.launch->params;
  lanes(m, [&](int i) {
    if (l.at[i] + size > p.size())
      memory_fault(w, o, i, "MEM-OOB", 700, "read past the kernel's parameters", l.at[i]);
    l.ptr[i] = &p[l.at[i]];
  });
  l.unit = false;
}
}  // namespace vgpu
