// One kernel launch: what it runs on, what it counts, and how it is stepped.
#pragma once
#include <deque>

#include "order.h"
#include "stream_race.h"
#include "warp.h"

namespace vgpu {

struct Profile {
  const char* name;
  int sms, major, minor;
  u32 shared_per_sm, shared_per_block, shared_optin, threads_per_sm, blocks_per_sm;
  u64 memory, l2;
  double gbps, tflops_f16;
};

struct Launch {
  const Kernel* kernel = nullptr;
  std::string label;  // what the caller named it by vgpuLabel
  u32 grid[3], block[3];
  u32 shared_dynamic = 0;
  std::vector<u8> params;
  int device = 0;
  u32 peers = 0;  // devices whose memory this launch may touch, itself included
  bool cooperative = false, from_graph = false;
  u64 resident_limit = 1;
  u64 grid_workspace =
      0;  // cooperative launches: {size, barrier word}, as the device library expects
  bool race_tags = false;
  u32 launch_id = 0;
  u32 first_slot = 0, last_slot = 0, slot_floor = 0;  // of its blocks in the race tags
  std::vector<std::pair<u32, u32>>
      concurrent;                // slots of launches that nothing orders before or after this one
  const Order* order = nullptr;  // its place among all work; null: none
  std::vector<const Past*> unordered;  // work that is done, but not ordered before this launch

  u64 fuzz = 0;   // seed of a random schedule; 0: the plain one
  Random random;  // of the schedule and of delayed stores

  std::vector<Delayed> delayed;  // of blocks that have ended

  // running
  bool started = false, finished = false;
  int fault = 0;
  u64 next_block = 0, blocks = 0, done_blocks = 0;
  std::deque<std::unique_ptr<Block>> resident;
  std::vector<std::unique_ptr<Block>> spare;
  Counters c;
  std::vector<u64> warp_count, lane_count;  // by op
  Footprint grid_footprint;
  u64 idle_steps = 0;  // warp instructions since memory last changed by a store or a block retired
  u64 total_steps = 0;
  u64 idle_since = 0;  // second in which the watchdog's budget was used up; 0: it is not
  bool error_reported = false;
  double seconds = 0;

  bool may_touch(const Alloc& a) const { return a.device < 0 || (peers >> a.device & 1); }
  void start();
  // Runs until finished or until every resident block only waits for others; true: progress was
  // made.
  bool step();
  void finish();

 private:
  std::unique_ptr<Block> make_block(u64 index);
  bool run_block(Block& b);
  void retire(Block& b);
  void land_stores();
  bool spun_out();
};

u32 host_threads();  // that have called the driver so far
void run_warp(Warp& w, u32 budget);
void exit_lanes(Warp& w, u32 m);
void next_path(Warp& w);  // picks the path to run; sets stop when none is runnable
void park(Warp& w, Path p);
// Delayed stores (GATUN_VGPU_STORE_DELAY) become visible to the block; and to everybody, with those
// of the block.
void share_stores(Warp& w);
void drain_stores(Warp& w);
void arrive(Warp& w, const Op& o, u32 id, u32 expected, u32 lanes, bool wait);
void check_barriers(Block& b);
// Waits until every live lane of `need` is at this op with the same mask. True: run now for the
// lanes in m.
bool converge(Warp& w, const Op& o, u32 m, u32 need);

// scope: 0 block, 2 device, 3 system
void release_fence(Warp& w, int scope);
void acquire_fence(Warp& w, int scope);
void begin_block(Block& b);
void begin_launch(Launch& l);
void end_launch(Launch& l);
void async_exit(Warp& w, u32 m);  // copies still pending when lanes exit
void note_poll(Warp& w);
}  // namespace vgpu
