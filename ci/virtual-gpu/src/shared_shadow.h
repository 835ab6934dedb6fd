// Who last wrote and read each word of a block's shared memory, and whether barriers lie in
// between.
//
// A tag is  mixed:1 | pending:1 | stamp:17 | atomic:1 | warp:6 | lane:6.  Time is the block's
// stamp, which moves at barriers and warp barriers; an access with a stamp below the reader's limit
// is ordered before it. Tag 0 = never written. A word that saw accesses narrower than 4 bytes is
// "mixed" and keeps its tags per byte.
#pragma once
#include "base.h"

namespace vgpu {
struct Block;
struct Warp;
struct Op;

class SharedShadow {
 public:
  static constexpr u32 MIXED = 1u << 31, PENDING = 1u << 30, ATOMIC = 1u << 12, MANY = 63,
                       WHOLE = 62;
  static constexpr u32 STAMP_SHIFT = 13, STAMP_MASK = 0x1ffffu << STAMP_SHIFT, OWNER = 0xfff,
                       STAMP_MAX = 0x1ffff;
  enum Kind : u8 { Read, ReadWhole, Write, Atomic, AsyncIssue, AsyncLand };

  void reset(u32 bytes);
  // n lanes' accesses of `size` bytes at off[lane]; unit: off[lane] = off[0] + lane * size for all
  // 32 lanes. same[lane]: the bytes to be written are there already (a benign race is only a
  // warning).
  void access(Block& b, Warp& w, const Op& o, Kind k, u32 m, const u32* off, u32 size, bool unit,
              u32 same);
  void full_barrier();
  void partial_barrier(u32 warps);
  void warp_barrier(Warp& w);
  u32 stamp() const { return stamp_; }

 private:
  u32 stamp_ = 1, limit_ = 1;
  bool named_ = false;
  std::vector<u32> w_, r_, wop_, rop_;
  std::vector<u32> bw_, br_;  // four per word, for mixed words
  std::vector<u32>
      seen_;  // [me][other]: stamps below this are ordered, once named barriers were used

  void tick();
  bool conflict(u32 tag, const Warp& w, u32 lane, bool atomic) const;
  void one(Block& b, Warp& w, const Op& o, Kind k, u32 lane, u32 word, bool same);
  void bytes(Block& b, Warp& w, const Op& o, Kind k, u32 lane, u32 off, u32 size, bool same);
  void check(Warp& w, const Op& o, Kind k, u32 lane, u32 wt, u32 rt, u32 off, u32 word, bool same);
  bool read16(u32 first, u32 mine, const Warp& w, u32 op);
  u32 merge_read(u32 old, u32 mine, const Warp& w) const;
};
}  // namespace vgpu
