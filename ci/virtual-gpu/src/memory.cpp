#include "memory.h"

#include <sys/mman.h>

#include <algorithm>

namespace vgpu {

Memory& memory() {
  static Memory* m = new Memory;  // never destroyed: threads may outlive static destructors
  return *m;
}

bool Memory::reserve() {
  if (window_) return true;
  u64 total = DEVICE_WINDOW * MAX_DEVICES;
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  // A fixed place makes addresses in reports the same in every run; any place will do where it is
  // taken.
  void* w = mmap((void*)0x200000000000ull, total, PROT_NONE, flags | MAP_FIXED_NOREPLACE, -1, 0);
  if (w == MAP_FAILED) w = mmap(nullptr, total, PROT_NONE, flags, -1, 0);
  void* d = mmap(nullptr, total, PROT_READ | PROT_WRITE, flags, -1, 0);
  void* b = mmap(nullptr, total / 8, PROT_READ | PROT_WRITE, flags, -1, 0);
  void* t = mmap(nullptr, total * 2, PROT_READ | PROT_WRITE, flags, -1, 0);
  void* y = mmap(nullptr, total * 8, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (y == MAP_FAILED || w == MAP_FAILED || d == MAP_FAILED || b == MAP_FAILED || t == MAP_FAILED)
    return false;
  window_ = (u64)w;
  delta_ = (u64)d - (u64)w;
  bits_ = (u8*)b;
  wtags_ = (u64)t;
  rtags_ = (u64)t + total;
  wbytes_ = (u64)y;
  rbytes_ = (u64)y + total * 4;
  return true;
}

const Alloc* Memory::alloc(int device, u64 size) {
  u64 step = (size + 255) / 256 * 256 + 256;  // at least 256 bytes of guard behind each allocation
  if (size > capacity_[device] || used_[device] + size > capacity_[device]) return nullptr;
  u64 lo = window_ + DEVICE_WINDOW * device + 4096, hi = window_ + DEVICE_WINDOW * (device + 1);
  if (!bump_[device]) bump_[device] = lo;
  u64 base = bump_[device];
  if (base + step > hi) {  // the window is used up once: look for a gap, oldest addresses first
    base = lo;
    for (auto it = live_.lower_bound(lo); it != live_.end() && it->first < hi; ++it) {
      if (base + step <= it->first) break;
      base = (it->second.base + it->second.size + 511) / 256 * 256;
    }
    if (base + step > hi) return nullptr;
    for (auto it = freed_.lower_bound(base); it != freed_.end() && it->first < base + step;)
      it = freed_.erase(it);
  } else {
    bump_[device] += step;
  }
  Alloc a;
  a.base = base, a.size = size, a.device = device, a.id = next_id_++;
  used_[device] += size;
  peak_[device] = std::max(peak_[device], used_[device]);
  return &(live_[base] = a);
}

bool Memory::release(u64 base) {
  auto it = live_.find(base);
  if (it == live_.end()) return false;
  Alloc a = it->second;
  live_.erase(it);
  generation_++;
  used_[a.device] -= a.size;
  auto drop = [](u64 from, u64 to) {  // whole pages go back to the system, the rest is cleared
    u64 p = (from + 4095) & ~4095ull, q = to & ~4095ull;
    if (p >= q) {
      memset((void*)from, 0, to - from);
      return;
    }
    memset((void*)from, 0, p - from);
    madvise((void*)p, q - p, MADV_DONTNEED);
    memset((void*)q, 0, to - q);
  };
  u64 end = a.base + (a.size + 255) / 256 * 256;
  drop(a.base + delta_, end + delta_);
  drop((u64)init_bits(a.base), (u64)init_bits(end));
  freed_[base] = a;
  return true;
}

const Alloc* Memory::find(u64 addr) const {
  const auto& map = in_window(addr) ? live_ : host_;
  auto it = map.upper_bound(addr);
  if (it == map.begin()) return nullptr;
  --it;
  return addr < it->second.base + it->second.size ? &it->second : nullptr;
}
const Alloc* Memory::exact(u64 base) const {
  auto it = live_.find(base);
  return it == live_.end() ? nullptr : &it->second;
}

bool Memory::add_host(void* p, u64 size) {
  if (find((u64)p) || find((u64)p + size - 1)) return false;
  Alloc a;
  a.base = (u64)p, a.size = size, a.device = -1, a.id = next_id_++;
  host_[a.base] = a;
  return true;
}
bool Memory::remove_host(void* p, bool) {
  generation_++;
  return host_.erase((u64)p) > 0;
}

std::string Memory::describe(u64 addr) const {
  auto num = [](u64 v) { return std::to_string(v); };
  if (addr < 4096) return "null pointer";
  if (!in_window(addr))
    return "an address that is no device memory (host memory that was not registered?)";
  auto f = freed_.upper_bound(addr);
  if (f != freed_.begin()) {
    --f;
    if (addr < f->second.base + f->second.size)
      return "inside freed allocation #" + num(f->second.id) + " (" + num(f->second.size) +
             " bytes)";
  }
  auto it = live_.upper_bound(addr);
  std::string best;
  u64 near = UINT64_MAX;
  if (it != live_.end() && it->second.base - addr < 4096) {
    near = it->second.base - addr;
    best = num(near) + " bytes before allocation #" + num(it->second.id) + " (" +
           num(it->second.size) + " bytes)";
  }
  if (it != live_.begin()) {
    --it;
    u64 past = addr - (it->second.base + it->second.size);
    if (addr < it->second.base + it->second.size) {
      int dev = it->second.device;
      return "allocation #" + num(it->second.id) + " of device " + num(dev) +
             " (peer access is not enabled)";
    }
    if (past < near && past < (1u << 20))
      best = num(past) + " bytes past the end of allocation #" + num(it->second.id) + " (" +
             num(it->second.size) + " bytes)";
  }
  return best.empty() ? "never allocated" : best;
}

size_t Memory::live_count(void* ctx) const {
  return std::count_if(live_.begin(), live_.end(), [&](auto& x) { return x.second.ctx == ctx; });
}
void Memory::each(void* ctx, const std::function<void(const Alloc&)>& f) const {
  for (auto& x : live_)
    if (x.second.ctx == ctx) f(x.second);
}
void Memory::release_ctx(void* ctx) {
  std::vector<u64> gone;
  for (auto& x : live_)
    if (x.second.ctx == ctx) gone.push_back(x.first);
  for (u64 b : gone) release(b);
}

void Memory::mark(u64 addr, u64 n) {
  if (!in_window(addr) || !n) return;
  u64 end = addr + n;
  while (addr < end && (addr & 7)) *init_bits(addr) |= (u8)(1u << (addr & 7)), addr++;
  if (end - addr >= 8) {
    memset(init_bits(addr), 0xff, (end - addr) >> 3);
    addr += (end - addr) & ~7ull;
  }
  while (addr < end) *init_bits(addr) |= (u8)(1u << (addr & 7)), addr++;
}
bool Memory::written(u64 addr, u64 n) const {
  u64 end = addr + n;
  for (; addr < end && (addr & 63); addr++)
    if (!(*init_bits(addr) >> (addr & 7) & 1)) return false;
  for (; end - addr >= 64; addr += 64)
    if (*(const u64*)init_bits(addr) != ~0ull) return false;
  for (; addr < end; addr++)
    if (!(*init_bits(addr) >> (addr & 7) & 1)) return false;
  return true;
}
void Memory::drop_tags() {
  madvise((void*)wtags_, DEVICE_WINDOW * MAX_DEVICES * 2, MADV_DONTNEED);
  madvise((void*)wbytes_, DEVICE_WINDOW * MAX_DEVICES * 8, MADV_DONTNEED);
}
}  // namespace vgpu
