// Warps and their divergent paths: the lowest pc runs, paths at one pc merge, and barriers hold
// them.
#include <time.h>

#include <algorithm>

#include "access.h"
#include "launch.h"
#include "report.h"

namespace vgpu {

const Op& Warp::current() const { return launch->kernel->code[pc ? pc - 1 : 0]; }

void run_warp(Warp& w, u32 budget) {
  const Op* code = w.launch->kernel->code.data();
  u64* wc = w.launch->warp_count.data();
  u64* lc = w.launch->lane_count.data();
  w.stop = w.yielded = false;
  u64 start = budget;
  if (!w.mask) next_path(w);
  while (!w.stop) {
    u32 pc = w.pc;
    const Op& o = code[pc];
    u32 m = w.mask;
    if (o.guard != NOROW) m &= w.pred(o.guard) ^ o.guard_xor;
    w.pc = pc + 1;
    if (m) {
      wc[pc]++;
      lc[pc] += (u32)__builtin_popcount(m);
      o.fn(w, o, m);
    }
    if (w.pc >= w.next_pc && w.mask) {
      w.paths.push_back({w.pc, w.mask, Wait::Run, 0, 0});
      w.mask = 0;
      next_path(w);
    }
    if (--budget == 0) break;
  }
  w.block->steps += start - budget;
  w.launch->total_steps += start - budget;
  w.launch->idle_steps += start - budget;
}

void next_path(Warp& w) {
  auto& ps = w.paths;
  int best = -1;
  for (size_t i = 0; i < ps.size(); i++)
    if (ps[i].wait == Wait::Run && (best < 0 || ps[i].pc < ps[best].pc)) best = (int)i;
  w.next_pc = ~0u;
  if (best < 0) {
    w.mask = 0;
    w.stop = true;
    return;
  }
  bool lowest = true;
  if (w.launch->fuzz && w.launch->random(4) == 0) {  // any path may go first
    size_t start = w.launch->random((u32)ps.size());
    for (size_t i = 0; i < ps.size(); i++) {
      size_t k = (start + i) % ps.size();
      if (ps[k].wait != Wait::Run) continue;
      lowest = ps[k].pc == ps[best].pc;
      best = (int)k;
      break;
    }
  }
  w.pc = ps[best].pc;
  w.mask = 0;
  size_t keep = 0;
  for (size_t i = 0; i < ps.size(); i++) {
    if (ps[i].wait == Wait::Run && ps[i].pc == w.pc) {
      w.mask |= ps[i].mask;
    } else {
      if (ps[i].wait == Wait::Run && lowest) w.next_pc = std::min(w.next_pc, ps[i].pc);
      ps[keep++] = ps[i];
    }
  }
  ps.resize(keep);
}

// A spinning path would starve the one it waits for: let another runnable path go first for a
// while.
static void rotate(Warp& w) {
  size_t n = w.paths.size();
  for (size_t k = 0; k < n; k++) {
    if (w.paths[0].wait != Wait::Run) {
      std::rotate(w.paths.begin(), w.paths.begin() + 1, w.paths.end());
      continue;
    }
    Path p = w.paths[0];
    w.paths.erase(w.paths.begin());
    w.paths.push_back({w.pc, w.mask, Wait::Run, 0, 0});
    w.pc = p.pc, w.mask = p.mask;
    w.next_pc = ~0u;  // no merging until this path parks, exits or has had its turn
    return;
  }
}
void note_poll(Warp& w) {
  if (!w.paths.empty() && ++w.back_edges >= 64) {
    w.back_edges = 0;
    rotate(w);
  }
  if (++w.polls >= 16) w.polls = 0, w.stop = w.yielded = true;  // somebody else may hold the answer
}
void note_back_edge(Warp& w) {
  if (!w.paths.empty() && ++w.back_edges >= 1 << 20) {
    w.back_edges = 0;
    rotate(w);
  }
}

static void uncount(Warp& w, const Op& o, u32 m) {
  size_t pc = &o - w.launch->kernel->code.data();
  w.launch->warp_count[pc]--;
  w.launch->lane_count[pc] -= (u32)__builtin_popcount(m);
}

bool converge(Warp& w, const Op& o, u32 m, u32 need) {
  u32 required = need & w.live;
  if ((m & required) == required) return true;
  u32 pc = (u32)(&o - w.launch->kernel->code.data());
  uncount(w, o, m);
  u32 rest = w.mask & ~m;
  if (rest) w.paths.push_back({w.pc, rest, Wait::Run, 0, 0});
  w.mask = 0;
  for (auto& p : w.paths)
    if (p.wait == Wait::Lanes && p.pc == pc && p.need == need) {
      p.mask |= m;
      if ((p.mask & required) == required) p.wait = Wait::Run;  // it runs the op again, now whole
      next_path(w);
      return false;
    }
  w.paths.push_back({pc, m, Wait::Lanes, need, 0});
  next_path(w);
  return false;
}

void exit_lanes(Warp& w, u32 m) {
  share_stores(w);
  Block& b = *w.block;
  w.live &= ~m;
  w.mask &= ~m;
  u32 n = (u32)__builtin_popcount(m);
  b.live_threads -= n;
  b.exited_threads += n;
  for (auto& p : w.paths) {
    if (p.wait != Wait::Lanes || !(p.need & m)) continue;
    const Op& o = w.launch->kernel->code[p.pc];
    bool bar = o.cls == Cls::Barrier;
    b.diverged |= bar;
    if (options().check & (bar ? CHECK_BARRIER : CHECK_WARP))
      report_at(w, o, __builtin_ctz(p.mask), bar ? "BAR-DIV" : "WARP-MASK", Severity::Error,
                bar ? "barrier reached by only a part of the warp; the other lanes exited"
                    : "a lane of the member mask exited without arriving");
    if ((p.mask & p.need & w.live) == (p.need & w.live)) p.wait = Wait::Run;
  }
  if (!w.mask) next_path(w);
  check_barriers(b);
}

// ---- block barriers ----

static void complete(Block& b, u32 id) {
  Barrier& bar = b.bars[id];
  bool full = bar.expected == 0;
  if (full && b.exited_threads && !b.diverged && options().check & CHECK_BARRIER) {
    Warp& w = b.warps[__builtin_ctz(bar.warps)];
    report_at(w, *bar.first, -1, "BAR-EXIT", Severity::Warn,
              std::to_string(b.exited_threads) +
                  " threads of the block had exited when the others met at this barrier");
  }
  if (full)
    b.shadow.full_barrier();
  else
    b.shadow.partial_barrier(bar.warps);
  for (auto& r : bar.reds) {
    u32 v = r.op->x == 0   ? bar.reduce_popc
            : r.op->x == 1 ? (bar.reduce_and ? FULL : 0)
                           : (bar.reduce_or ? FULL : 0);
    if (r.op->x == 0)
      lanes(r.mask, [&](int i) { r.w->row<u32>(r.op->r[0])[i] = v; });
    else {
      u32& p = r.w->pred(r.op->r[0]);
      p = (p & ~r.mask) | (v & r.mask);
    }
  }
  for (u32 q = bar.warps; q; q &= q - 1)
    for (auto& p : b.warps[__builtin_ctz(q)].paths)
      if (p.wait == Wait::Barrier && p.bar == id) p.wait = Wait::Run;
  bar = Barrier{};
  b.launch->idle_steps = 0;
}

void check_barriers(Block& b) {
  for (u32 id = 0; id < 16; id++)
    if (b.bars[id].arrived && b.bars[id].expected == 0 && b.bars[id].arrived >= b.live_threads)
      complete(b, id);
}

void arrive(Warp& w, const Op& o, u32 id, u32 expected, u32 lanes_, bool wait) {
  share_stores(w);
  Block& b = *w.block;
  Barrier& bar = b.bars[id];
  if (bar.first && bar.first != &o && wait && options().check & CHECK_BARRIER && expected == 0 &&
      bar.expected == 0)
    report_at(w, o, -1, "BAR-DIV", Severity::Warn,
              "warps meet at different barrier instructions; the other is at line " +
                  std::to_string(bar.first->line));
  if (!bar.first) bar.first = &o, bar.expected = expected;
  bar.arrived += expected ? 32 : (u32)__builtin_popcount(lanes_);
  bar.warps |= 1u << w.id;
  w.launch->c.barrier_waits++;
  if (wait) {
    u32 rest = w.mask & ~lanes_;
    if (rest) w.paths.push_back({w.pc, rest, Wait::Run, 0, 0});
    w.paths.push_back({w.pc, lanes_, Wait::Barrier, 0, id});
    w.mask = 0;
  }
  bool done = bar.expected ? bar.arrived >= bar.expected : bar.arrived >= b.live_threads;
  if (done) complete(b, id);
  if (wait) next_path(w);
}

// ---- blocks of a launch ----

static void fill_specials(Block& b, Warp& w, bool all) {
  Launch& l = *b.launch;
  const Kernel& k = *l.kernel;
  for (auto& s : k.specials) {
    const std::string& n = s.name;
    u32* r = w.row<u32>(s.row);
    auto bc = [&](u32 v) {
      for (int i = 0; i < LANES; i++) r[i] = v;
    };
    auto dim = [&](const u32* d) {
      char c = n.back();
      return c == 'x' ? d[0] : c == 'y' ? d[1] : d[2];
    };
    u32 ctaid[3] = {b.cx, b.cy, b.cz};
    if (n.rfind("%ctaid", 0) == 0) {
      bc(dim(ctaid));
      continue;
    }
    if (n == "%smid") {
      bc(b.index % (u32)std::max<u64>(1, l.resident_limit));
      continue;
    }
    if (!all) continue;
    if (n.rfind("%tid", 0) == 0) {
      for (int i = 0; i < LANES; i++) {
        u32 t = w.id * 32 + i;
        char c = n.back();
        r[i] = c == 'x'   ? t % l.block[0]
               : c == 'y' ? t / l.block[0] % l.block[1]
                          : t / l.block[0] / l.block[1];
      }
    } else if (n.rfind("%ntid", 0) == 0)
      bc(dim(l.block));
    else if (n.rfind("%nctaid", 0) == 0)
      bc(dim(l.grid));
    else if (n == "%laneid")
      for (int i = 0; i < LANES; i++) r[i] = i;
    else if (n == "%warpid")
      bc(w.id);
    else if (n == "%nwarpid")
      bc((u32)b.warps.size());
    else if (n == "%nsmid")
      bc((u32)l.resident_limit);
    else if (n == "%gridid") {
      u64* q = (u64*)r;
      for (int i = 0; i < LANES; i++) q[i] = l.launch_id;
    } else if (n == "%lanemask_eq")
      for (int i = 0; i < LANES; i++) r[i] = 1u << i;
    else if (n == "%lanemask_lt")
      for (int i = 0; i < LANES; i++) r[i] = (1u << i) - 1;
    else if (n == "%lanemask_le")
      for (int i = 0; i < LANES; i++) r[i] = (2u << i) - 1;
    else if (n == "%lanemask_gt")
      for (int i = 0; i < LANES; i++) r[i] = ~((2u << i) - 1);
    else if (n == "%lanemask_ge")
      for (int i = 0; i < LANES; i++) r[i] = ~((1u << i) - 1);
    else if (n == "%envreg1")
      bc((u32)(l.grid_workspace >> 32));
    else if (n == "%envreg2")
      bc((u32)l.grid_workspace);
    else if (n == "%dynamic_smem_size")
      bc(l.shared_dynamic);
    else if (n == "%total_smem_size")
      bc(k.static_shared + l.shared_dynamic);
  }
}

std::unique_ptr<Block> Launch::make_block(u64 index) {
  std::unique_ptr<Block> p;
  bool fresh = spare.empty();
  if (fresh)
    p = std::make_unique<Block>();
  else
    p = std::move(spare.back()), spare.pop_back();
  Block& b = *p;
  b.launch = this;
  b.index = (u32)index;
  b.cx = (u32)(index % grid[0]), b.cy = (u32)(index / grid[0] % grid[1]),
  b.cz = (u32)(index / grid[0] / grid[1]);
  b.threads = block[0] * block[1] * block[2];
  b.live_threads = b.threads;
  b.exited_threads = 0;
  b.steps = 0;
  b.done = b.diverged = false;
  b.bars = {};
  b.footprint.clear();
  u32 warps = (b.threads + 31) / 32, row_bytes = std::max(kernel->row_bytes, 64u);
  b.shared_bytes = kernel->static_shared + shared_dynamic;
  if (fresh) {
    b.warps = std::vector<Warp>(warps);
    b.arena_store.resize((size_t)row_bytes * warps + 64);
    b.arena = (u8*)(((u64)b.arena_store.data() + 63) & ~63ull);
    b.shared_store.assign(b.shared_bytes + 128, 0xcd);
    b.shared = (u8*)(((u64)b.shared_store.data() + 63) & ~63ull);
  }
  b.shadow.reset(b.shared_bytes);
  for (u32 i = 0; i < warps; i++) {
    Warp& w = b.warps[i];
    w.id = i;
    w.block = &b, w.launch = this;
    w.regs = b.arena + (size_t)i * row_bytes;
    u32 n = std::min(32u, b.threads - i * 32);
    w.live = w.entry = n == 32 ? FULL : (1u << n) - 1;
    w.pc = 0, w.mask = w.live, w.next_pc = ~0u;
    w.paths.clear(), w.async.clear(), w.delayed.clear();
    w.local.clear(), w.local_init.clear();
    w.last_alloc = nullptr;
    w.sync_stamp = 0, w.touched_shared = false;
    w.polls = w.back_edges = 0;
    w.polled = nullptr;
    std::fill(w.committed, w.committed + LANES, 0);
    if (fresh) memcpy(w.regs, kernel->row_template.data(), kernel->row_template.size());
    fill_specials(b, w, fresh);
  }
  begin_block(b);
  return p;
}

void Launch::land_stores() {
  for (const Delayed& d : delayed) memcpy(d.at, d.bytes, d.size);
  delayed.clear();
}

void Launch::retire(Block& b) {
  c.blocks++;
  // A block that ended without a release has published nothing yet.
  delayed.insert(delayed.end(), b.delayed.begin(), b.delayed.end());
  b.delayed.clear();
  if (delayed.size() > 1 << 16) land_stores();
  c.footprint_blocks += b.footprint.count();
  grid_footprint.merge(b.footprint);
  done_blocks++;
  idle_steps = 0;
}

static void stuck(Block& b) {
  for (auto& w : b.warps)
    for (auto& p : w.paths) {
      const Op& o = b.launch->kernel->code[p.wait == Wait::Lanes ? p.pc : p.pc - 1];
      bool bar = o.cls == Cls::Barrier;
      u32 missing = p.need & w.live & ~p.mask;
      if (p.wait == Wait::Lanes)
        report_at(w, o, __builtin_ctz(p.mask), bar ? "BAR-DIV" : "WARP-MASK", Severity::Error,
                  (bar ? std::string("barrier reached by only a part of the warp")
                       : std::string("the lanes of the member mask never meet here")) +
                      " (missing lanes " + std::to_string(missing) + ")");
    }
  for (auto& w : b.warps)
    for (auto& p : w.paths)
      if (p.wait == Wait::Barrier)
        report_at(w, b.launch->kernel->code[p.pc - 1], -1, "BAR-DIV", Severity::Error,
                  "barrier " + std::to_string(p.bar) + " can never complete: " +
                      std::to_string(b.bars[p.bar].arrived) + " threads arrived");
  throw LaunchFault{719};
}

// True when something other than polling happened.
bool Launch::run_block(Block& b) {
  bool progress = false;
  u64 limit = b.steps + (kernel->spins ? 20000u : 2000000u);
  size_t n = b.warps.size();
  for (;;) {
    bool ran = false, waiting = false, all_yield = true;
    size_t first = fuzz ? random((u32)n) : 0;
    for (size_t i = 0; i < n; i++) {
      Warp& w = b.warps[(i + first) % n];
      if (!w.live) continue;
      if (!w.mask) {
        bool any = std::any_of(w.paths.begin(), w.paths.end(),
                               [](const Path& p) { return p.wait == Wait::Run; });
        if (!any) {
          waiting = true;
          continue;
        }
      }
      run_warp(w, fuzz ? 1 + random(64) : 4096);
      ran = true;
      if (!w.yielded) all_yield = false, progress = true;
    }
    if (!ran && !waiting) {
      b.done = true;
      return true;
    }
    if (!ran) stuck(b);
    if (all_yield || b.steps > limit || (fuzz && !random(8))) return progress;
  }
}

void Launch::start() {
  started = true;
  blocks = (u64)grid[0] * grid[1] * grid[2];
  warp_count.assign(kernel->code.size(), 0);
  lane_count.assign(kernel->code.size(), 0);
  begin_launch(*this);
}

// With one host thread nobody can help any more. Others may be about to launch what the blocks wait
// for: they get time.
bool Launch::spun_out() {
  if (host_threads() < 2) return true;
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  if (!idle_since) idle_since = (u64)t.tv_sec;
  return (u64)t.tv_sec - idle_since >= options().watchdog_seconds;
}

static void report_spin(Warp& w) {
  Launch& l = *w.launch;
  std::string text = "spinning without progress: whoever should release it never runs (" +
                     std::to_string(l.blocks) + " blocks, " + std::to_string(l.resident_limit) +
                     " resident)";
  if (!w.polled) {
    if (w.mask) report_at(w, l.kernel->code[w.pc], -1, "SPIN", Severity::Error, text);
    return;
  }
  const Alloc* a = memory().find(w.polled_at);
  u64 value = 0;
  if (a && w.polled->size <= 8 && w.polled_at + w.polled->size <= a->base + a->size)
    memcpy(&value, memory().at(a, w.polled_at), w.polled->size);
  report_at(w, *w.polled, (int)w.polled_lane, "SPIN", Severity::Error,
            text + (a ? "; it sees " + std::to_string(value) : ""), &w.polled_at);
}

bool Launch::step() {
  if (!started) start();
  bool progress = false;
  try {
    size_t n = resident.size();
    if (n == 0 && next_block < blocks) resident.push_back(make_block(next_block++)), n = 1;
    for (size_t i = 0; i < n; i++) {
      if (fuzz) std::swap(resident.front(), resident[random((u32)resident.size())]);
      Block& b = *resident.front();
      bool p = run_block(b);
      progress |= p;
      auto own = std::move(resident.front());
      resident.pop_front();
      if (b.done) {
        retire(b);
        spare.push_back(std::move(own));
        if (next_block < blocks) resident.push_back(make_block(next_block++));
      } else {
        resident.push_back(std::move(own));
      }
    }
    // everybody is waiting or out of turn: the next block may hold what they wait for
    if (next_block < blocks && resident.size() < resident_limit &&
        (!progress || kernel->spins || (fuzz && random(2)))) {
      resident.push_back(make_block(next_block++));
      progress = true;
    }
    if (progress || idle_steps <= options().watchdog)
      idle_since = 0;
    else if (spun_out()) {
      for (auto& b : resident)
        for (auto& w : b->warps)
          if (w.live) report_spin(w);
      throw LaunchFault{702};
    }
  } catch (const LaunchFault& f) {
    fault = f.code;
    finished = true;
  }
  if (done_blocks == blocks) finished = true;
  if (finished) land_stores(), finish();
  return progress || finished;
}
}  // namespace vgpu
