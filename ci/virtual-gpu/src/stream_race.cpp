#include "stream_race.h"

#include <algorithm>
#include <list>

#include "launch.h"
#include "report.h"
#include "rows.h"

namespace vgpu {
namespace {
std::list<Past> g_past;  // a list: pointers into it stay

std::string hex(u64 v) {
  char b[32];
  snprintf(b, sizeof b, "0x%llx", (unsigned long long)v);
  return b;
}
}  // namespace

void remember(Launch& l) {
  if (!l.order || host_knows(*l.order)) return;
  g_past.emplace_back();
  Past& p = g_past.back();
  p.order = *l.order;
  p.device = l.device;
  p.name = l.kernel->name;
  p.first_slot = l.first_slot, p.last_slot = l.last_slot;
  p.sectors = std::move(l.grid_footprint);
}
void forget_ordered() {
  if (!active_launches().empty()) return;  // they point at what they are not ordered with
  g_past.remove_if([](const Past& p) { return host_knows(p.order); });
}
void forget_slots() {
  for (Past& p : g_past) p.first_slot = p.last_slot = 0;
}
const Past* past_of(u32 slot) {
  for (const Past& p : g_past)
    if (slot >= p.first_slot && slot < p.last_slot) return &p;
  return nullptr;
}
void gather_unordered(Launch& l) {
  if (!l.order) return;
  for (const Past& p : g_past) {
    if (l.order->after(p.order)) continue;
    l.unordered.push_back(&p);
    if (p.last_slot > p.first_slot) {
      l.concurrent.push_back({p.first_slot, p.last_slot});
      l.slot_floor = std::min(l.slot_floor, p.first_slot);
    }
  }
}

bool copy_race(const Order& order, int device, const std::vector<Span>& spans,
               const std::string& what) {
  if (!(options().check & CHECK_RACE_GLOBAL)) return false;
  forget_ordered();
  std::string other;
  u64 where = 0;
  std::vector<std::pair<u32, u32>> slots;
  for (const Launch* l : active_launches())
    if (l->order && !order.after(*l->order)) slots.push_back({l->first_slot, l->last_slot});
  for (const Past& p : g_past) {
    if (order.after(p.order)) continue;
    if (p.last_slot > p.first_slot) slots.push_back({p.first_slot, p.last_slot});
    for (const Span& a : spans) {
      for (const Span& b : p.spans)
        if ((a.write || b.write) && a.lo < b.hi && b.lo < a.hi)
          other = "another copy or set", where = std::max(a.lo, b.lo);
      const Alloc* al = a.write && !p.name.empty() ? memory().find(a.lo) : nullptr;
      if (al && !al->kernel_written)
        if (u64 s = p.sectors.first_in(a.lo >> 5, (a.hi - 1) >> 5))
          other = "kernel " + p.name + ", which read", where = s << 5;
    }
  }
  for (const Span& a : spans) {
    u32 slot;
    u64 at = other.empty() ? touched_by(slots, a.lo, a.hi - a.lo, a.write, &slot) : 0;
    if (!at) continue;
    const Past* p = past_of(slot);
    other = p ? "kernel " + p->name : "a running kernel", where = at;
  }
  g_past.emplace_back();
  g_past.back().order = order;
  g_past.back().device = device;
  g_past.back().spans = spans;
  if (other.empty()) return false;
  report_host("RACE-STREAM", Severity::Error,
              what + " and " + other + " at " + hex(where) +
                  ": no stream order or event puts one before the other");
  return true;
}

void span_race(Warp& w, const Op& o, u32 m, const u64* at, u32 size, bool writes,
               bool first_store) {
  for (const Past* p : w.launch->unordered) {
    if (first_store && !p->name.empty())
      lanes(m, [&](int i) {
        if (p->sectors.first_in(at[i] >> 5, (at[i] + size - 1) >> 5))
          report_at(w, o, i, "RACE-STREAM", Severity::Error,
                    "write unordered with a read by kernel " + p->name +
                        ", which no stream order or event puts before or after this one",
                    &at[i]);
      });
    for (const Span& s : p->spans) {
      if (!writes && !s.write) continue;
      lanes(m, [&](int i) {
        if (at[i] < s.hi && at[i] + size > s.lo)
          report_at(w, o, i, "RACE-STREAM", Severity::Error,
                    std::string(writes ? "write" : "read") +
                        " of bytes that a copy or set of another stream " +
                        (s.write ? "writes" : "reads") +
                        ", which no stream order or event puts before or after this kernel",
                    &at[i]);
      });
    }
  }
}
}  // namespace vgpu
