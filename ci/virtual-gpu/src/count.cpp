#include "count.h"

#include "launch.h"
#include "report.h"

namespace vgpu {

void Counters::add(const Counters& o) {
  for (int i = 0; i < (int)Cls::Count; i++)
    inst_warp[i] += o.inst_warp[i], inst_lane[i] += o.inst_lane[i];
  auto g = [](Global& a, const Global& b) {
    a.requests += b.requests, a.sectors += b.sectors, a.bytes_useful += b.bytes_useful;
  };
  g(ld, o.ld), g(st, o.st), g(red, o.red);
  divergent += o.divergent;
  footprint_blocks += o.footprint_blocks, footprint_grid += o.footprint_grid;
  shared_requests += o.shared_requests, shared_wavefronts += o.shared_wavefronts,
      shared_conflicts += o.shared_conflicts;
  async_bytes += o.async_bytes, mma_ops += o.mma_ops, mma_macs += o.mma_macs;
  barrier_waits += o.barrier_waits, warp_barriers += o.warp_barriers, blocks += o.blocks;
  for (auto& x : o.mma) mma[x.first] += x.second;
}

void Launch::finish() {
  const auto& code = kernel->code;
  for (size_t i = 0; i < code.size(); i++) {
    c.inst_warp[(int)code[i].cls] += warp_count[i];
    c.inst_lane[(int)code[i].cls] += lane_count[i];
    if (code[i].cls == Cls::Mma && warp_count[i])
      c.mma[kernel->spellings[code[i].kind]] += warp_count[i];
  }
  c.footprint_grid = grid_footprint.count();
  end_launch(*this);
  if (grid_workspace) memory().release(grid_workspace);
  resident.clear();
  spare.clear();
  LaunchRecord r;
  r.kernel = kernel->name, r.label = label, r.ptxas = kernel->ptxas;
  for (int i = 0; i < 3; i++) r.grid[i] = grid[i], r.block[i] = block[i];
  r.shared_static = kernel->static_shared, r.shared_dynamic = shared_dynamic;
  r.local_bytes = kernel->local_bytes, r.live_registers = kernel->reg_pressure;
  r.from_graph = from_graph;
  r.c = c;
  r.seconds = seconds;
  if (!fault && error_reported) fault = 719;
  Ledger& l = ledger();
  std::lock_guard<std::mutex> lock(l.mu);
  l.totals[r.kernel].add(c);
  l.totals_launches[r.kernel]++;
  l.launches_total++;
  Group& g = l.groups[{
      r.label,
      r.kernel,
      {r.grid[0], r.grid[1], r.grid[2], r.block[0], r.block[1], r.block[2], r.shared_dynamic}}];
  if (!g.launches++) g.first = r;
  g.sum.add(c);
  l.launches.push_back(std::move(r));
  if (l.launches.size() > 4096) l.launches.erase(l.launches.begin(), l.launches.begin() + 2048);
}

static void put(std::string& s, const char* k, u64 v) {
  if (s.back() != '{') s += ",";
  s += "\"" + std::string(k) + "\":" + std::to_string(v);
}
std::string counters_json(const Counters& c) {
  std::string s = "{";
  u64 warp = 0, lane = 0;
  for (int i = 0; i < (int)Cls::Count; i++) {
    warp += c.inst_warp[i], lane += c.inst_lane[i];
    if (!c.inst_warp[i]) continue;
    put(s, ("inst.warp." + std::string(kClsNames[i])).c_str(), c.inst_warp[i]);
    put(s, ("inst.lane." + std::string(kClsNames[i])).c_str(), c.inst_lane[i]);
  }
  put(s, "inst.warp", warp);
  put(s, "inst.lane", lane);
  char lanes[48];
  snprintf(lanes, sizeof lanes, ",\"active_lanes_avg\":%.3f",
           warp ? (double)lane / (double)warp : 0.0);
  s += lanes;
  put(s, "branch.divergent", c.divergent);
  auto g = [&](const char* n, const Counters::Global& x) {
    std::string p = std::string("global.") + n;
    put(s, (p + ".requests").c_str(), x.requests);
    put(s, (p + ".sectors").c_str(), x.sectors);
    put(s, (p + ".bytes_useful").c_str(), x.bytes_useful);
  };
  g("ld", c.ld), g("st", c.st), g("red", c.red);
  u64 sectors = c.ld.sectors + c.st.sectors + c.red.sectors,
      useful = c.ld.bytes_useful + c.st.bytes_useful + c.red.bytes_useful;
  char buf[64];
  snprintf(buf, sizeof buf, ",\"global.efficiency\":%.4f",
           sectors ? (double)useful / (32.0 * sectors) : 1.0);
  s += buf;
  put(s, "global.footprint_sectors.blocks", c.footprint_blocks);
  put(s, "global.footprint_sectors.grid", c.footprint_grid);
  put(s, "shared.requests", c.shared_requests);
  put(s, "shared.wavefronts", c.shared_wavefronts);
  put(s, "shared.conflicts", c.shared_conflicts);
  put(s, "async.bytes", c.async_bytes);
  put(s, "mma.ops", c.mma_ops);
  put(s, "mma.macs", c.mma_macs);
  for (auto& x : c.mma) put(s, x.first.c_str(), x.second);
  put(s, "barrier.waits", c.barrier_waits);
  put(s, "barrier.warp", c.warp_barriers);
  put(s, "blocks", c.blocks);
  return s + "}";
}
}  // namespace vgpu
