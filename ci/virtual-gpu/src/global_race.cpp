// Races between blocks in global memory, and the order that fences and barriers give.
#include "access.h"
#include "launch.h"

namespace vgpu {
void begin_agent(Block&) {}
void release_fence(Warp&, u32, bool) {}
void acquire_fence(Warp&, u32) {}
void global_race(Warp&, const Op&, u32, const Lanes&, u32, Use, bool) {}
}  // namespace vgpu
