// Which work comes after which: by its stream, by events, by graph edges, and by what the host
// waited for.
//
// Work falls into chains; within a chain each unit comes after the one before. A unit knows, for
// every chain, the newest position that it comes after.
#pragma once
#include "base.h"

namespace vgpu {

struct Order {
  u32 chain = 0;
  u64 pos = 0;
  std::vector<u64> seen;  // by chain; its own position included

  bool after(const Order& earlier) const {
    return earlier.chain < seen.size() && seen[earlier.chain] >= earlier.pos;
  }
};

// Places a new unit behind those given (nulls are skipped) and behind everything that the host has
// waited for.
void place(Order& o, const std::vector<const Order*>& behind, const void* ctx);
void host_waited(const Order& o);
// The host waited for all work of a context.
void host_waited_all(const void* ctx);
bool host_knows(const Order& o);
}  // namespace vgpu
