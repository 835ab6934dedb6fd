// Findings of the checkers and the counters of launches, kept until somebody asks (JSON).
#pragma once
#include <array>
#include <mutex>
#include <set>
#include <tuple>

#include "count.h"

namespace vgpu {
struct Warp;
struct Op;
struct Launch;

enum class Severity : u8 { Warn, Error };

struct Report {
  std::string id, kernel, file, inst, text;
  Severity severity = Severity::Error;
  int device = 0;
  u32 block[3] = {0, 0, 0}, thread[3] = {0, 0, 0};
  u32 line = 0, src_line = 0;
  u64 address = 0, count = 1;
  bool has_address = false;
};

struct LaunchRecord {
  std::string kernel, label;
  u32 grid[3], block[3];
  Kernel::Ptxas ptxas;  // registers 0: not known
  u32 shared_static = 0, shared_dynamic = 0, local_bytes = 0, live_registers = 0;
  bool from_graph = false;
  Counters c;
  double seconds = 0;
};

// Which checkers are on (GATUN_VGPU_CHECK): "all", "none", or a list such as "all,-race-shared".
enum Check : u32 {
  CHECK_OOB = 1,
  CHECK_ALIGN = 2,
  CHECK_UNINIT = 4,
  CHECK_CONST = 8,
  CHECK_RACE_SHARED = 16,
  CHECK_RACE_GLOBAL = 32,
  CHECK_BARRIER = 64,
  CHECK_WARP = 128,
  CHECK_ASYNC = 256,
  CHECK_LEAK = 512,
  CHECK_ALL = 1023
};
struct Options {
  u32 check = CHECK_ALL;
  bool count = true;
  bool strict = true;  // findings of severity error fail the launch
  int mma = 0;         // 0 chain, 1 group8, 2 exact
  u64 jitter = 0;      // seed of the approximate-function jitter; 0 = off
  u64 fuzz = 0;        // seed of the schedule; 0 = the plain order
  u64 store_delay =
      0;  // seed: plain global stores become visible late, in random order; 0 = at once
  u64 watchdog = 50000000;  // warp instructions without progress
  u64 watchdog_seconds =
      20;  // and that long, where other host threads could still launch something
  bool trace = false;
  std::string report_file;
};
Options& options();
void load_options();

// Adds a finding at this op; lane < 0 means the first active lane. Returns true when it was new.
bool report_at(Warp& w, const Op& o, int lane, const char* id, Severity s, const std::string& text,
               const u64* address = nullptr);
void report_host(const char* id, Severity s, const std::string& text);

// Launches of one kernel with one shape under one label, summed: what a baseline of counters is
// made of.
struct Group {
  LaunchRecord first;
  u64 launches = 0;
  Counters sum;
};
using GroupKey = std::tuple<std::string, std::string,
                            std::array<u32, 7>>;  // label, kernel, grid, block, dynamic shared

struct Ledger {
  std::mutex mu;
  std::vector<Report> reports;
  std::map<std::tuple<std::string, u32, std::string>, size_t> seen;
  std::vector<LaunchRecord> launches;  // newest 4096
  u64 launches_total = 0;
  std::map<std::string, Counters> totals;  // by kernel
  std::map<std::string, u64> totals_launches;
  std::map<GroupKey, Group> groups;
  std::map<std::string, u64> api;   // calls by function
  std::map<std::string, u64> host;  // copies, launches, syncs, memory
  u64 dropped = 0;
};
Ledger& ledger();
std::string report_json(bool with_launches);
std::string counters_json(const Counters& c);
void reset_ledger();
void write_report_file();
}  // namespace vgpu
