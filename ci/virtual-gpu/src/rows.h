// Loops over the 32 lanes of rows. A full mask takes the unmasked loop, which the compiler
// vectorises. Registers of 32 bits and fewer are u32 lanes (zero-extended), 64-bit registers are
// u64 lanes, predicates one u32.
#pragma once
#include "warp.h"

namespace vgpu {

struct h16 {
  u16 b;
};  // f16 bits
struct bf16 {
  u16 b;
};  // bfloat16 bits
struct h16x2 {
  u32 b;
};
struct bf16x2 {
  u32 b;
};

template <class T>
using LaneOf = std::conditional_t<sizeof(T) == 8, u64, u32>;

template <class T>
inline T lane_get(LaneOf<T> v) {
  if constexpr (std::is_same_v<T, h16> || std::is_same_v<T, bf16>)
    return T{(u16)v};
  else if constexpr (sizeof(T) == sizeof(v))
    return bits_as<T>(v);
  else
    return (T)v;
}
template <class T>
inline LaneOf<T> lane_put(T v) {
  if constexpr (std::is_same_v<T, h16> || std::is_same_v<T, bf16>)
    return v.b;
  else if constexpr (sizeof(T) == sizeof(LaneOf<T>))
    return bits_as<LaneOf<T>>(v);
  else
    return (LaneOf<T>)(i32)
        v;  // small signed results fill the register; readers of narrow registers cut them
}

alignas(64) inline const u32 kBit[32] = {
    1u << 0,  1u << 1,  1u << 2,  1u << 3,  1u << 4,  1u << 5,  1u << 6,  1u << 7,
    1u << 8,  1u << 9,  1u << 10, 1u << 11, 1u << 12, 1u << 13, 1u << 14, 1u << 15,
    1u << 16, 1u << 17, 1u << 18, 1u << 19, 1u << 20, 1u << 21, 1u << 22, 1u << 23,
    1u << 24, 1u << 25, 1u << 26, 1u << 27, 1u << 28, 1u << 29, 1u << 30, 1u << 31};

// f(i) gives the new lane value; d may be the same row as a source.
template <class S, class F>
inline void each(S* __restrict__ d, u32 m, F f) {
  if (m == FULL) {
#pragma GCC ivdep
    for (int i = 0; i < LANES; i++) d[i] = f(i);
  } else {
#pragma GCC ivdep
    for (int i = 0; i < LANES; i++) {
      S v = f(i);
      d[i] = (m & kBit[i]) ? v : d[i];
    }
  }
}
// The same for functions that must not see inactive lanes or do not vectorise.
template <class F>
inline void lanes(u32 m, F f) {
  for (; m; m &= m - 1) f(__builtin_ctz(m));
}

template <class D, class A, class F>
void un(Warp& w, const Op& o, u32 m) {
  auto* a = w.row<LaneOf<A>>(o.r[1]);
  F f{o};
  each(w.row<LaneOf<D>>(o.r[0]), m, [&](int i) { return lane_put<D>(f(lane_get<A>(a[i]))); });
}
template <class D, class A, class B, class F>
void bin(Warp& w, const Op& o, u32 m) {
  auto* a = w.row<LaneOf<A>>(o.r[1]);
  auto* b = w.row<LaneOf<B>>(o.r[2]);
  F f{o};
  each(w.row<LaneOf<D>>(o.r[0]), m,
       [&](int i) { return lane_put<D>(f(lane_get<A>(a[i]), lane_get<B>(b[i]))); });
}
template <class D, class A, class B, class C, class F>
void ter(Warp& w, const Op& o, u32 m) {
  auto* a = w.row<LaneOf<A>>(o.r[1]);
  auto* b = w.row<LaneOf<B>>(o.r[2]);
  auto* c = w.row<LaneOf<C>>(o.r[3]);
  F f{o};
  each(w.row<LaneOf<D>>(o.r[0]), m, [&](int i) {
    return lane_put<D>(f(lane_get<A>(a[i]), lane_get<B>(b[i]), lane_get<C>(c[i])));
  });
}
struct Fn {
  const Op& o;
};
}  // namespace vgpu
