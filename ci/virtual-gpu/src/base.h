// Integer names, the load-time error, and the limits that every file shares.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace vgpu {
using u8 = uint8_t;
using u16 = uint16_t;
using u32 = uint32_t;
using u64 = uint64_t;
using i8 = int8_t;
using i16 = int16_t;
using i32 = int32_t;
using i64 = int64_t;

constexpr int LANES = 32;
constexpr u32 FULL = 0xffffffffu;

// Generic address windows, all below any device allocation.
constexpr u64 SHARED_FIRST = 0x400;  // a .shared offset of 0 is never valid
constexpr u64 SHARED_WINDOW = 0x1000000000ull;
constexpr u64 LOCAL_WINDOW = 0x2000000000ull;
constexpr u64 PARAM_WINDOW = 0x3000000000ull;
constexpr u64 WINDOW_SIZE = 0x1000000000ull;

// Refusal of a module: says the PTX line.
struct PtxError : std::runtime_error {
  int line;
  PtxError(int line, const std::string& what)
      : std::runtime_error("line " + std::to_string(line) + ": " + what), line(line) {}
};

// A small random sequence for the schedule modes (xorshift64*).
struct Random {
  u64 state = 1;
  explicit Random(u64 seed = 1) : state(seed * 0x9E3779B97F4A7C15ull | 1) {}
  u32 operator()(u32 n) {  // below n
    state ^= state >> 12, state ^= state << 25, state ^= state >> 27;
    return (u32)((state * 0x2545F4914F6CDD1Dull >> 33) % n);
  }
};

template <class To, class From>
inline To bits_as(const From& f) {
  static_assert(sizeof(To) == sizeof(From), "same size");
  To t;
  __builtin_memcpy(&t, &f, sizeof t);
  return t;
}
}  // namespace vgpu
