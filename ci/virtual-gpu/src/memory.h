// Device memory. Each device owns a window of addresses that the host cannot touch; the bytes lie
// elsewhere at a constant distance, and so do one "was written" bit per byte and the race tags
// (both mapped on demand).
#pragma once
#include <functional>
#include <mutex>
#include <set>

#include "base.h"

namespace vgpu {

constexpr int MAX_DEVICES = 8;
constexpr u64 DEVICE_WINDOW = 64ull << 30;

struct Alloc {
  u64 base = 0, size = 0;
  int device = -1;  // -1: host memory that devices may use
  u32 id = 0;
  bool constant = false;
  bool pooled = false;  // cuMemAllocAsync
  void* ctx = nullptr;
  mutable bool full = false;            // every byte was written: no need to look at the bits again
  mutable bool kernel_written = false;  // a kernel stored here at least once
  mutable u32 looked = 0;               // the launch that last looked
  mutable u32 first_writer = 0;         // the launch whose kernel stored here first
};

class Memory {
 public:
  bool reserve();  // false: the address space is not there
  void capacity(int device, u64 bytes) { capacity_[device] = bytes; }
  u64 capacity(int device) const { return capacity_[device]; }
  u64 used(int device) const { return used_[device]; }
  u64 peak(int device) const { return peak_[device]; }

  const Alloc* alloc(int device, u64 size);  // null: out of memory
  bool release(u64 base);
  const Alloc* find(u64 addr) const;  // the live allocation that holds addr
  const Alloc* exact(u64 base) const;
  bool add_host(void* p, u64 size);
  bool remove_host(void* p, bool must_be_base = true);
  std::string describe(u64 addr) const;  // "4 bytes past the end of …"
  size_t live_count(void* ctx) const;
  void release_ctx(void* ctx);
  void each(void* ctx, const std::function<void(const Alloc&)>& f) const;

  u8* at(const Alloc* a, u64 addr) const {
    return a->device < 0 ? (u8*)addr : (u8*)(addr + delta_);
  }
  u8* device_bytes(u64 addr) const { return (u8*)(addr + delta_); }
  // one bit per byte; the byte that holds addr's bit
  u8* init_bits(u64 addr) const { return bits_ + ((addr - window_) >> 3); }
  void mark(u64 addr, u64 n);           // bytes are written
  bool written(u64 addr, u64 n) const;  // every byte was
  u32* write_tag(u64 addr) const { return (u32*)(addr - window_ + wtags_); }
  u32* read_tag(u64 addr) const { return (u32*)(addr - window_ + rtags_); }
  // Four tags each, of a word that was touched by parts.
  u32* write_tags_of_bytes(u64 word) const { return (u32*)((word - window_) * 4 + wbytes_); }
  u32* read_tags_of_bytes(u64 word) const { return (u32*)((word - window_) * 4 + rbytes_); }
  void drop_tags();
  u64 generation() const { return generation_; }  // moves when an allocation goes away
  bool in_window(u64 addr) const {
    return addr >= window_ && addr < window_ + DEVICE_WINDOW * MAX_DEVICES;
  }

 private:
  u64 window_ = 0, delta_ = 0, wtags_ = 0, rtags_ = 0, wbytes_ = 0, rbytes_ = 0;
  u8* bits_ = nullptr;
  std::map<u64, Alloc> live_, host_;
  std::map<u64, Alloc> freed_;
  u64 bump_[MAX_DEVICES] = {}, capacity_[MAX_DEVICES] = {}, used_[MAX_DEVICES] = {},
      peak_[MAX_DEVICES] = {};
  u32 next_id_ = 1;
  u64 generation_ = 0;
};
Memory& memory();
}  // namespace vgpu
