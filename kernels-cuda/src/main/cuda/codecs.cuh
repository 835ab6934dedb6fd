// One block codec per weight format. A quantised matrix lies on the device as planes
// (WeightLayout.java repacks it, size unchanged but for rows that fill up the last eight), each a
// few bytes per group of 32 elements. Eight rows are interleaved: the pieces of rows 8b … 8b + 7 at
// one group are neighbours, so that a warp of 8 rows × 4 groups, and a tile of 8 rows × 2 groups,
// read whole sectors of every plane. A group decodes to eight words of four signed bytes, in
// element order, and
//
//     w[i] = s[i / 16] · (q[i] − OFFSET) − m[i / 16]
//
//   nibble plane  16 B/group   byte j: element j low, element j + 16 high        (Q4_*, Q5_*, Q6_K)
//   bit plane      4 B/group   bit 8b + j: the high bit of element 4j + b          (Q5_*, Q3_K)
//   pair plane     8 B/group   word j / 4, bits 8b + 2(j % 4): element 4j + b      (Q2_K, Q3_K;
//   high bits of Q6_K) byte planes   16 + 16 B    elements 0–15, elements 16–31 (Q8_0)
#pragma once

#include "common.cuh"

enum Format { F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ4_NL };

struct Weight {
  const uint8_t* plane[4];
  int rows, cols;
};

struct Group {
  int q[8];
  float s[2], m[2];
};

// HALVES: each 16 elements have a scale of their own. MIN: m is not zero.
template <int FORMAT>
struct Codec;

// Which piece of a plane per group: rows 8b … 8b + 7 side by side.
__device__ inline size_t groupAt(const Weight& w, int row, int group) {
  return ((size_t)(row >> 3) * (w.cols >> 5) + group) * 8 + (row & 7);
}

// The same for planes that have a piece per 256 elements.
__device__ inline size_t superAt(const Weight& w, int row, int group) {
  return ((size_t)(row >> 3) * (w.cols >> 8) + (group >> 3)) * 8 + (row & 7);
}

__device__ inline void nibbles(const uint8_t* plane, size_t g, int q[8]) {
  uint4 v = __ldg((const uint4*)plane + g);
  q[0] = v.x & 0x0f0f0f0f, q[1] = v.y & 0x0f0f0f0f, q[2] = v.z & 0x0f0f0f0f,
  q[3] = v.w & 0x0f0f0f0f;
  q[4] = (v.x >> 4) & 0x0f0f0f0f, q[5] = (v.y >> 4) & 0x0f0f0f0f;
  q[6] = (v.z >> 4) & 0x0f0f0f0f, q[7] = (v.w >> 4) & 0x0f0f0f0f;
}

template <int SHIFT>
__device__ inline void addBits(const uint8_t* plane, size_t g, int q[8]) {
  uint32_t h = __ldg((const uint32_t*)plane + g);
#pragma unroll
  for (int j = 0; j < 8; j++) q[j] |= ((h >> j) & 0x01010101) << SHIFT;
}

template <int SHIFT>
__device__ inline void addPairs(const uint8_t* plane, size_t g, int q[8]) {
  uint2 h = __ldg((const uint2*)plane + g);
#pragma unroll
  for (int j = 0; j < 8; j++)
    q[j] |= (((j < 4 ? h.x : h.y) >> (2 * (j & 3))) & 0x03030303) << SHIFT;
}

__device__ inline float halfAt(const uint8_t* plane, size_t i) {
  return __half2float(((const __half*)plane)[i]);
}

__device__ inline float2 half2At(const uint8_t* plane, size_t i) {
  return __half22float2(((const __half2*)plane)[i]);
}

__device__ inline void oneScale(Group& g, float s) {
  g.s[0] = g.s[1] = s;
  g.m[0] = g.m[1] = 0;
}

__device__ inline void scaleAndMin(Group& g, float s, float m) {
  g.s[0] = g.s[1] = s;
  g.m[0] = g.m[1] = m;
}

// Eight groups' 6-bit pairs (a, b) in three words: low nibbles of a, low nibbles of b, high bits
// (a, b) interleaved.
__device__ inline int2 sixBits(uint32_t a, uint32_t b, uint32_t high, int group) {
  int at = 4 * (group & 7);
  uint32_t h = high >> at;
  return make_int2(((a >> at) & 15) | ((h & 3) << 4), ((b >> at) & 15) | ((h & 12) << 2));
}

// planes: nibbles, f16 scale per group
template <>
struct Codec<Q4_0> {
  static constexpr bool HALVES = false, MIN = false;
  static constexpr int OFFSET = 8;
  __device__ static void load(const Weight& w, int row, int group, Group& g) {
    size_t at = groupAt(w, row, group);
    nibbles(w.plane[0], at, g.q);
    oneScale(g, halfAt(w.plane[1], at));
  }
};

// planes: nibbles, f16 scale and minimum per group
template <>
struct Codec<Q4_1> {
  static constexpr bool HALVES = false, MIN = true;
  static constexpr int OFFSET = 0;
  __device__ static void load(const Weight& w, int row, int group, Group& g) {
    size_t at = groupAt(w, row, group);
    nibbles(w.plane[0], at, g.q);
    float2 sm = half2At(w.plane[1], at);
    scaleAndMin(g, sm.x, -sm.y);
  }
};

// planes: nibbles, bits, f16 scale per group
template <>
struct Codec<Q5_0> {
  static constexpr bool HALVES = false, MIN = false;
  static constexpr int OFFSET = 16;
  __device__ static void load(const Weight& w, int row, int group, Group& g) {
    size_t at = groupAt(w, row, group);
    nibbles(w.plane[0], at, g.q);
    addBits<4>(w.plane[1], at, g.q);
    oneScale(g, halfAt(w.plane[2], at));
  }
};

// planes: nibbles, bits, f16 scale and minimum per group
template <>
struct Codec<Q5_1> {
  static constexpr bool HALVES = false, MIN = true;
  static constexpr int OFFSET = 0;
  __device__ static void load(const Weight& w, int row, int group, Group& g) {
    size_t at = groupAt(w, row, group);
    nibbles(w.plane[0], at, g.q);
    addBits<4>(w.plane[1], at, g.q);
    float2 sm = half2At(w.plane[2], at);
    scaleAndMin(g, sm.x, -sm.y);
  }
};

// planes: bytes 0–15, bytes 16–31, f16 scale per group
template <>
struct Codec<Q8_0> {
  static constexpr bool HALVES = false, MIN = false;
  static constexpr int OFFSET = 0;
  __device__ static void load(const Weight& w, int row, int group, Group& g) {
    size_t at = groupAt(w, row, group);
    int4 lo = __ldg((const int4*)w.plane[0] + at), hi = __ldg((const int4*)w.plane[1] + at);
    g.q[0] = lo.x, g.q[1] = lo.y, g.q[2] = lo.z, g.q[3] = lo.w;
    g.q[4] = hi.x, g.q[5] = hi.y, g.q[6] = hi.z, g.q[7] = hi.w;
    oneScale(g, halfAt(w.plane[2], at));
  }
};

// planes: nibbles in element order (element i at bit 4i), f16 scale per group
template <>
struct Codec<IQ4_NL> {
  static constexpr bool HALVES = false, MIN = false;
  static constexpr int OFFSET = 0;
  // −127 −104 −83 −65 | −49 −35 −22 −10 | 1 13 25 38 | 53 69 89 113
  static constexpr uint32_t T0 = 0xbfad9881, T1 = 0xf6eaddcf, T2 = 0x26190d01, T3 = 0x71594535;

  __device__ static int lookup(uint32_t four) {
    uint32_t low3 = four & 0x7777;
    uint32_t a = __byte_perm(T0, T1, low3), b = __byte_perm(T2, T3, low3);
    return __byte_perm(a, b, 0x3210 | ((four & 0x8888) >> 1));
  }

  __device__ static void load(const Weight& w, int row, int group, Group& g) {
    size_t at = groupAt(w, row, group);
    uint4 v = __ldg((const uint4*)w.plane[0] + at);
    g.q[0] = lookup(v.x & 0xffff), g.q[1] = lookup(v.x >> 16);
    g.q[2] = lookup(v.y & 0xffff), g.q[3] = lookup(v.y >> 16);
    g.q[4] = lookup(v.z & 0xffff), g.q[5] = lookup(v.z >> 16);
    g.q[6] = lookup(v.w & 0xffff), g.q[7] = lookup(v.w >> 16);
    oneScale(g, halfAt(w.plane[1], at));
  }
};

// planes: nibbles, 16 B per 256 (f16 scale and minimum, then sixBits words)
template <>
struct Codec<Q4_K> {
  static constexpr bool HALVES = false, MIN = true;
  static constexpr int OFFSET = 0;
  __device__ static void scales(const Weight& w, int plane, int row, int group, Group& g) {
    uint4 v = __ldg((const uint4*)w.plane[plane] + superAt(w, row, group));
    float2 dm = __half22float2(*(const __half2*)&v.x);
    int2 sm = sixBits(v.y, v.z, v.w, group);
    scaleAndMin(g, dm.x * sm.x, dm.y * sm.y);
  }
  __device__ static void load(const Weight& w, int row, int group, Group& g) {
    size_t at = groupAt(w, row, group);
    nibbles(w.plane[0], at, g.q);
    scales(w, 1, row, group, g);
  }
};

// planes: nibbles, bits, 16 B per 256 as Q4_K
template <>
struct Codec<Q5_K> {
  static constexpr bool HALVES = false, MIN = true;
  static constexpr int OFFSET = 0;
  __device__ static void load(const Weight& w, int row, int group, Group& g) {
    size_t at = groupAt(w, row, group);
    nibbles(w.plane[0], at, g.q);
    addBits<4>(w.plane[1], at, g.q);
    Codec<Q4_K>::scales(w, 2, row, group, g);
  }
};

// planes: nibbles, pairs, two signed byte scales per group, f16 scale per 256
template <>
struct Codec<Q6_K> {
  static constexpr bool HALVES = true, MIN = false;
  static constexpr int OFFSET = 32;
  __device__ static void load(const Weight& w, int row, int group, Group& g) {
    size_t at = groupAt(w, row, group);
    nibbles(w.plane[0], at, g.q);
    addPairs<4>(w.plane[1], at, g.q);
    char2 s = ((const char2*)w.plane[2])[at];
    float d = halfAt(w.plane[3], superAt(w, row, group));
    g.s[0] = d * s.x, g.s[1] = d * s.y;
    g.m[0] = g.m[1] = 0;
  }
};

// planes: pairs, two bytes per group (scale low, minimum high nibble), f16 scale and minimum per
// 256
template <>
struct Codec<Q2_K> {
  static constexpr bool HALVES = true, MIN = true;
  static constexpr int OFFSET = 0;
  __device__ static void load(const Weight& w, int row, int group, Group& g) {
    size_t at = groupAt(w, row, group);
#pragma unroll
    for (int j = 0; j < 8; j++) g.q[j] = 0;
    addPairs<0>(w.plane[0], at, g.q);
    uchar2 sm = ((const uchar2*)w.plane[1])[at];
    float2 dm = half2At(w.plane[2], superAt(w, row, group));
    g.s[0] = dm.x * (sm.x & 15), g.s[1] = dm.x * (sm.y & 15);
    g.m[0] = dm.y * (sm.x >> 4), g.m[1] = dm.y * (sm.y >> 4);
  }
};

// planes: pairs, bits, three sixBits words per 256 (scales + 32; word by word for eight rows), f16
// scale per 256
template <>
struct Codec<Q3_K> {
  static constexpr bool HALVES = true, MIN = false;
  static constexpr int OFFSET = 4;
  __device__ static void load(const Weight& w, int row, int group, Group& g) {
    size_t at = groupAt(w, row, group);
#pragma unroll
    for (int j = 0; j < 8; j++) g.q[j] = 0;
    addPairs<0>(w.plane[0], at, g.q);
    addBits<2>(w.plane[1], at, g.q);
    size_t super = superAt(w, row, group);
    // the three words of eight rows lie word by word
    const uint32_t* words = (const uint32_t*)w.plane[2] + 3 * (super & ~(size_t)7) + (super & 7);
    int2 s = sixBits(words[0], words[8], words[16], group);
    float d = halfAt(w.plane[3], super);
    g.s[0] = d * (s.x - 32), g.s[1] = d * (s.y - 32);
    g.m[0] = g.m[1] = 0;
  }
};

template <int FORMAT>
constexpr bool isQuantized = FORMAT > BF16;

template <int FORMAT>
__device__ inline float plainAt(const Weight& w, size_t i) {
  if (FORMAT == F32) return ((const float*)w.plane[0])[i];
  if (FORMAT == F16) return __half2float(((const __half*)w.plane[0])[i]);
  return __bfloat162float(((const __nv_bfloat16*)w.plane[0])[i]);
}
