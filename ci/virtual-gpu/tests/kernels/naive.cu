// Small plain kernels: RMSNorm, RoPE, Q8_0 matrix-vector with dp4a, naive attention.
#include <cuda_fp16.h>
#include <stdint.h>

// One block per row; a warp-shuffle reduction, then one across warps through shared memory.
extern "C" __global__ void rmsnorm_f16(const __half* x, const __half* w, __half* y, int n,
                                       float eps) {
  __shared__ float part[32];
  const __half* row = x + (size_t)blockIdx.x * n;
  float sum = 0.f;
  for (int i = threadIdx.x; i < n; i += blockDim.x) {
    float v = __half2float(row[i]);
    sum += v * v;
  }
  for (int o = 16; o > 0; o >>= 1) sum += __shfl_xor_sync(0xffffffffu, sum, o);
  if ((threadIdx.x & 31) == 0) part[threadIdx.x >> 5] = sum;
  __syncthreads();
  if (threadIdx.x < 32) {
    float s = threadIdx.x < (blockDim.x >> 5) ? part[threadIdx.x] : 0.f;
    for (int o = 16; o > 0; o >>= 1) s += __shfl_xor_sync(0xffffffffu, s, o);
    if (threadIdx.x == 0) part[0] = rsqrtf(s / n + eps);
  }
  __syncthreads();
  float scale = part[0];
  for (int i = threadIdx.x; i < n; i += blockDim.x)
    y[(size_t)blockIdx.x * n + i] = __float2half(__half2float(row[i]) * scale * __half2float(w[i]));
}

// x: [rows][heads][dim], rotated in place, pairs (i, i + dim/2).
extern "C" __global__ void rope_f32(float* x, const int* pos, int heads, int dim, float base) {
  int half_dim = dim / 2;
  int row = blockIdx.x, head = blockIdx.y;
  float* v = x + ((size_t)row * heads + head) * dim;
  for (int i = threadIdx.x; i < half_dim; i += blockDim.x) {
    float theta = pos[row] * powf(base, -2.0f * i / dim);
    float s, c;
    sincosf(theta, &s, &c);
    float a = v[i], b = v[i + half_dim];
    v[i] = a * c - b * s;
    v[i + half_dim] = a * s + b * c;
  }
}

struct block_q8_0 {
  __half d;
  int8_t qs[32];
};

static __device__ int load4(const int8_t* p) {  // 2-byte aligned
  const uint16_t* q = (const uint16_t*)p;
  return q[0] | (q[1] << 16);
}

// One warp per row; a lane takes every 32nd block. x is quantised the same way.
extern "C" __global__ void gemv_q8_0(const block_q8_0* w, const block_q8_0* x, float* y, int rows,
                                     int blocks) {
  int row = blockIdx.x * (blockDim.x >> 5) + (threadIdx.x >> 5);
  int lane = threadIdx.x & 31;
  if (row >= rows) return;
  const block_q8_0* wr = w + (size_t)row * blocks;
  float acc = 0.f;
  for (int b = lane; b < blocks; b += 32) {
    int sum = 0;
#pragma unroll
    for (int i = 0; i < 8; i++) sum = __dp4a(load4(wr[b].qs + 4 * i), load4(x[b].qs + 4 * i), sum);
    acc += __half2float(wr[b].d) * __half2float(x[b].d) * sum;
  }
  for (int o = 16; o > 0; o >>= 1) acc += __shfl_down_sync(0xffffffffu, acc, o);
  if (lane == 0) y[row] = acc;
}

// One block per (query, head). scores in dynamic shared memory, one float per key.
extern "C" __global__ void attention_naive(const float* q, const float* k, const float* v, float* o,
                                           int keys, int heads, int dim, float scale) {
  extern __shared__ float s[];
  __shared__ float red[2];
  int row = blockIdx.x, head = blockIdx.y;
  const float* qr = q + ((size_t)row * heads + head) * dim;
  for (int j = threadIdx.x; j < keys; j += blockDim.x) {
    const float* kr = k + ((size_t)j * heads + head) * dim;
    float d = 0.f;
    for (int i = 0; i < dim; i++) d += qr[i] * kr[i];
    s[j] = j <= row ? d * scale : -INFINITY;
  }
  __syncthreads();
  if (threadIdx.x == 0) {
    float m = -INFINITY, sum = 0.f;
    for (int j = 0; j < keys; j++) m = fmaxf(m, s[j]);
    for (int j = 0; j < keys; j++) sum += expf(s[j] - m);
    red[0] = m;
    red[1] = sum;
  }
  __syncthreads();
  for (int i = threadIdx.x; i < dim; i += blockDim.x) {
    float acc = 0.f;
    for (int j = 0; j < keys; j++)
      acc += expf(s[j] - red[0]) * v[((size_t)j * heads + head) * dim + i];
    o[((size_t)row * heads + head) * dim + i] = acc / red[1];
  }
}
