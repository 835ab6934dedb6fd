// How a matrix product's fragments leave for memory.
#pragma once

// Writes a block's sums: neighbouring outputs in pairs where rows are aligned for it.
template <typename F>
__device__ inline void storePairs(float* y, const float* bias, int row, int rows, int o,
                                  int outputs, F value) {
  if (row >= rows) return;
  float* at = y + (size_t)row * outputs + o;
  if (outputs % 2 == 0) {
    if (o < outputs) {
      *(float2*)at =
          make_float2(value(0) + (bias ? bias[o] : 0.0f), value(1) + (bias ? bias[o + 1] : 0.0f));
    }
  } else {
    for (int e = 0; e < 2; e++) {
      if (o + e < outputs) at[e] = value(e) + (bias ? bias[o + e] : 0.0f);
    }
  }
}
