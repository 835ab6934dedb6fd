// What runs: a launch, its blocks, their warps and the divergent paths of a warp.
#pragma once
#include <array>

#include "count.h"
#include "ir.h"
#include "memory.h"
#include "shared_shadow.h"

namespace vgpu {
struct Block;
struct Launch;

enum class Wait : u8 {
  Run,
  Lanes,    // a warp-synchronous op waits for lanes of `need` at this pc
  Barrier,  // arrived at block barrier `bar`
};

struct Path {
  u32 pc = 0, mask = 0;
  Wait wait = Wait::Run;
  u32 need = 0;  // lanes a parked op waits for
  u32 bar = 0;
};

struct AsyncCopy {
  u32 left;  // lanes still pending
  u32 size;
  const Op* op;
  u32 dst[LANES];
  u64 src[LANES];
  u32 bytes[LANES];
  u32 group[LANES];
};

// A plain global store that other warps do not see yet.
struct Delayed {
  u8* at;
  u32 size;
  alignas(16) u8 bytes[16];
};

struct Warp {
  u8* regs = nullptr;
  u32 pc = 0, mask = 0;  // the running path
  u32 next_pc = 0;       // lowest pc among the other runnable paths
  u32 live = 0;          // lanes that have not exited
  u32 entry = 0;         // lanes that started
  Block* block = nullptr;
  Launch* launch = nullptr;
  u32 id = 0;
  std::vector<Path> paths;  // all but the running one
  bool stop = false;        // leave the run loop: nothing runnable, or a yield was asked for
  bool yielded = false;
  i32 back_edges = 0, polls = 0;
  const Op* polled = nullptr;  // the last instruction that looked at memory others may change, and
                               // where its first lane looked
  u64 polled_at = 0;
  u32 polled_lane = 0;
  i32 slice = 0;  // while > 0 a starved path runs although its pc is not the lowest
  u32 last_path = 0;
  std::vector<u8> local, local_init;
  std::vector<AsyncCopy> async;
  std::vector<Delayed> delayed;  // no two overlap
  u32 committed[LANES];
  const Alloc* last_alloc = nullptr;  // valid while alloc_generation is the memory's
  u64 alloc_generation = 0;
  u32 sync_stamp = 0;  // stamp of this warp's last warp-wide synchronisation
  bool touched_shared = false;
  bool acquired = false;

  template <class T>
  T* row(u32 off) {
    return (T*)__builtin_assume_aligned(regs + off, 4);
  }
  u32& pred(u32 off) { return *(u32*)(regs + off); }
  const Op& current() const;
};

using Clock = std::map<u32, u32>;  // slot -> epoch

struct Barrier {
  u32 arrived = 0;   // threads
  u32 expected = 0;  // 0: all live threads
  const Op* first = nullptr;
  u32 warps = 0;  // bit per warp with lanes here
  u32 reduce_popc = 0, reduce_and = FULL, reduce_or = 0;
  u32 result = 0;
  struct Red {
    Warp* w;
    u32 mask;
    const Op* op;
  };
  std::vector<Red> reds;
};

struct Block {
  Launch* launch = nullptr;
  u32 index = 0;  // linear in the grid
  u32 cx = 0, cy = 0, cz = 0;
  std::vector<Warp> warps;
  std::vector<u8> arena_store, shared_store;
  u8* arena = nullptr;
  u8* shared = nullptr;  // indexed by (.shared address - SHARED_FIRST)
  u32 shared_bytes = 0;
  SharedShadow shadow;
  std::array<Barrier, 16> bars;
  u32 threads = 0, live_threads = 0, exited_threads = 0;
  Footprint footprint;
  // Order between blocks: this block's slot in the race tags, its epoch (moves at releases), and
  // which epochs of other blocks it is known to come after.
  u32 slot = 0, epoch = 1;
  Clock clock, fence_gpu, fence_sys, pending_gpu, pending_sys;
  std::vector<Delayed> delayed;  // stores that the block sees and others do not
  bool done = false;
  bool diverged = false;  // BAR-DIV was reported: a BAR-EXIT would only repeat it
  u64 steps = 0;
};

// A fault that ends the launch at once.
struct LaunchFault {
  int code;  // CUresult
};

void throw_fault(int code);
}  // namespace vgpu
