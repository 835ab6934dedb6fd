// Rotary position embedding of one head. `turns` holds each pair's frequency in turns per position
// as f64, so that the angle keeps its precision at position 131071 with one f64 product and no slow
// range reduction.
#pragma once

#include "common.cuh"

// Cosine and sine of a pair's angle.
__device__ inline float2 rotation(int position, double turns) {
  double t = position * turns;
  float s, c;
  sincospif(2.0f * (float)(t - floor(t)), &s, &c);
  return make_float2(c, s);
}

// A head, read element by element as if it had been rotated.
struct Rotated {
  const float* x;
  const double* turns;
  int position, pairs, interleaved;

  __device__ float operator()(int i) const {
    if (i >= 2 * pairs) return x[i];
    bool second = interleaved ? i & 1 : i >= pairs;
    int p = interleaved ? i >> 1 : second ? i - pairs : i;
    int a = interleaved ? i & ~1 : p, b = interleaved ? i | 1 : p + pairs;
    float2 cs = rotation(position, turns[p]);
    return second ? x[a] * cs.y + x[b] * cs.x : x[a] * cs.x - x[b] * cs.y;
  }
};
