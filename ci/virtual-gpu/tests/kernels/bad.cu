// The known-bad corpus: every kernel is built twice, as it should not be (NAME_bad) and corrected
// (NAME_ok). The line that must be reported carries "// BAD NAME".
#include <cuda_pipeline.h>
#include <stdint.h>

__constant__ float table[32];

template <bool BAD>
__device__ void oob(float* x, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (BAD ? i <= n : i < n) x[i] = 1.0f;  // BAD oob
}
template <bool BAD>
__device__ void align(float* x, int n) {
  float4* p = (float4*)(x + (BAD ? 1 : 0));
  float v = x[n - 1];
  p[threadIdx.x] = make_float4(v, v, v, v);  // BAD align
}
template <bool BAD>
__device__ void uninit(float* x, float* y, int n) {
  y[threadIdx.x] = x[threadIdx.x + (BAD ? n : 0)];  // BAD uninit
}
template <bool BAD>
__device__ void uninit_shared(float* x) {
  __shared__ float s[64];
  if (threadIdx.x < (BAD ? 63 : 64)) s[threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  x[threadIdx.x] = s[63 - threadIdx.x];  // BAD uninit_shared
}
template <bool BAD>
__device__ void uninit_local(float* x, int n) {
  float a[16];
  for (int i = 0; i < (BAD ? n - 1 : n); i++) a[(i * 7) & 15] = x[i];
  x[threadIdx.x] = a[threadIdx.x & 15];  // BAD uninit_local
}
template <bool BAD>
__device__ void constant(float* x) {
  float* p = (BAD ? (float*)table : x) + threadIdx.x;
  asm volatile("st.f32 [%0], %1;" ::"l"(p), "f"(1.0f));  // BAD constant
}
template <bool BAD>
__device__ void race_block(float* x) {
  __shared__ float s[32];
  if (threadIdx.x < 32) s[threadIdx.x] = x[threadIdx.x];
  if (!BAD) __syncthreads();
  if (threadIdx.x >= 32 && threadIdx.x < 64)
    x[threadIdx.x] = s[threadIdx.x - 32];  // BAD race_block
}
template <bool BAD>
__device__ void race_warp(float* x) {
  __shared__ float s[32];
  s[threadIdx.x] = x[threadIdx.x];
  if (!BAD) __syncwarp();
  x[threadIdx.x] = s[31 - threadIdx.x];  // BAD race_warp
}
template <bool BAD>
__device__ void race_bytes(float* x) {
  __shared__ uint8_t s[128];
  s[BAD ? threadIdx.x / 2 : threadIdx.x] = (uint8_t)threadIdx.x;  // BAD race_bytes
  __syncthreads();
  x[threadIdx.x] = s[threadIdx.x / 2];
}
template <bool BAD>
__device__ void barrier_if(float* x) {
  __shared__ float s[32];
  s[threadIdx.x] = x[threadIdx.x];
  if (!BAD || threadIdx.x < 16) __syncthreads();  // BAD barrier_if
  x[threadIdx.x] = 1.0f;
}
template <bool BAD>
__device__ void barrier_exit(float* x) {
  if (BAD && threadIdx.x >= 32) return;
  __syncthreads();  // BAD barrier_exit
  x[threadIdx.x] = 1.0f;
}
template <bool BAD>
__device__ void shuffle_absent(int* x) {
  int v = threadIdx.x;
  if (threadIdx.x < 16)
    v = __shfl_xor_sync(BAD ? 0xffffffffu : 0xffffu, v, 1);  // BAD shuffle_absent
  x[threadIdx.x] = v;
}
template <bool BAD>
__device__ void shuffle_outside(int* x) {
  int v = threadIdx.x;
  if (threadIdx.x < 16) v = __shfl_sync(0xffffu, v, BAD ? 20 : 10);  // BAD shuffle_outside
  x[threadIdx.x] = v;
}
template <bool BAD>
__device__ void async_wait(float4* x, float4* y) {
  __shared__ float4 s[2][32];
  for (int k = 0; k < 2; k++) {
    __pipeline_memcpy_async(&s[k][threadIdx.x], x + k * 32 + threadIdx.x, 16);
    __pipeline_commit();
  }
  __pipeline_wait_prior(BAD ? 2 : 1);
  y[threadIdx.x] = s[0][threadIdx.x];  // BAD async_wait
  __pipeline_wait_prior(0);
}
template <bool BAD>
__device__ void async_barrier(float4* x, float4* y) {
  __shared__ float4 s[64];
  if (threadIdx.x < 32) __pipeline_memcpy_async(&s[threadIdx.x], x + threadIdx.x, 16);
  __pipeline_commit();
  __pipeline_wait_prior(0);
  if (!BAD) __syncthreads();
  if (threadIdx.x >= 32) y[threadIdx.x] = s[threadIdx.x - 32];  // BAD async_barrier
}
template <bool BAD>
__device__ void async_exit(float4* x) {
  __shared__ float4 s[32];
  __pipeline_memcpy_async(&s[threadIdx.x], x + threadIdx.x, 16);  // BAD async_exit
  __pipeline_commit();
  if (!BAD) __pipeline_wait_prior(0);
}
template <bool BAD>
__device__ void race_grid(int* x) {
  if (threadIdx.x == 0) {
    if (BAD)
      x[0] = blockIdx.x;  // BAD race_grid
    else
      atomicMax(x, blockIdx.x);
  }
}
template <bool BAD>
__device__ void race_narrow(unsigned char* x) {  // different bytes of one word are no race
  if (threadIdx.x == 0) x[BAD ? blockIdx.x / 2 : blockIdx.x] = blockIdx.x;  // BAD race_narrow
}
template <bool BAD>
__device__ void race_narrow_wide(unsigned char* x) {  // a byte against the word that holds it
  if (threadIdx.x != 0) return;
  if (blockIdx.x == 0)
    x[5] = 1;
  else if (blockIdx.x == 1)
    ((int*)x)[BAD ? 1 : 2] = 7;  // BAD race_narrow_wide
}
template <bool BAD>
__device__ void race_async(
    float4* x) {  // a copy of a part of 16 bytes reads what the other block writes
  __shared__ float4 s[32];
  if (blockIdx.x == 0) {
    x[threadIdx.x] = make_float4(1, 2, 3, 4);
  } else {
    const float4* from = x + threadIdx.x + (BAD ? 0 : 64);
    __pipeline_memcpy_async(&s[threadIdx.x], from, 16, 8);  // BAD race_async
    __pipeline_commit();
    __pipeline_wait_prior(0);
    x[threadIdx.x + 128] = s[threadIdx.x];
  }
}
template <bool BAD>
__device__ void read_only(int* x) {
  x[threadIdx.x] = threadIdx.x;
  int v;
  if (BAD)
    asm volatile("ld.global.nc.s32 %0, [%1];" : "=r"(v) : "l"(x + threadIdx.x));  // BAD read_only
  else
    asm volatile("ld.global.s32 %0, [%1];" : "=r"(v) : "l"(x + threadIdx.x));
  x[threadIdx.x + 32] = v;
}
template <bool BAD>
__device__ void publish(int* x) {  // x[0]: flag, x[32..]: data
  volatile int* flag = x;
  if (blockIdx.x == 0) {
    x[32 + threadIdx.x] = threadIdx.x;
    __syncthreads();
    if (threadIdx.x == 0) {
      if (!BAD) __threadfence();
      *flag = 1;
    }
  } else {
    if (threadIdx.x == 0) {
      while (*flag == 0) {
      }
      __threadfence();
    }
    __syncthreads();
    x[96 + threadIdx.x] = x[32 + threadIdx.x];  // BAD publish
  }
}
template <bool BAD>
__device__ void spin(int* x) {
  if (threadIdx.x == 0) {
    if (!BAD) atomicExch(x, 1);
    int seen;
    do seen = atomicAdd(x, 0);  // BAD spin
    while (seen == 0);
  }
}
template <bool BAD>
__device__ void trapped(int* x) {
  if (BAD && threadIdx.x == 3) __trap();  // BAD trapped
  x[threadIdx.x] = 0;
}

// For work on several streams: who writes, who reads.
extern "C" __global__ void stream_write(int* x) {
  x[threadIdx.x] = threadIdx.x;  // BAD stream_write
}
extern "C" __global__ void stream_read(const int* x, int* y) {
  y[threadIdx.x] = x[threadIdx.x];  // BAD stream_read
}

#define BOTH(NAME, PARAMS, ARGS)                                    \
  extern "C" __global__ void NAME##_bad PARAMS { NAME<true> ARGS; } \
  extern "C" __global__ void NAME##_ok PARAMS { NAME<false> ARGS; }
BOTH(oob, (float* x, int n), (x, n))
BOTH(align, (float* x, int n), (x, n))
BOTH(uninit, (float* x, float* y, int n), (x, y, n))
BOTH(uninit_shared, (float* x), (x))
BOTH(uninit_local, (float* x, int n), (x, n))
BOTH(constant, (float* x), (x))
BOTH(race_block, (float* x), (x))
BOTH(race_warp, (float* x), (x))
BOTH(race_bytes, (float* x), (x))
BOTH(barrier_if, (float* x), (x))
BOTH(barrier_exit, (float* x), (x))
BOTH(shuffle_absent, (int* x), (x))
BOTH(shuffle_outside, (int* x), (x))
BOTH(async_wait, (float4 * x, float4* y), (x, y))
BOTH(async_barrier, (float4 * x, float4* y), (x, y))
BOTH(async_exit, (float4 * x), (x))
BOTH(race_grid, (int* x), (x))
BOTH(race_narrow, (unsigned char* x), (x))
BOTH(race_narrow_wide, (unsigned char* x), (x))
BOTH(race_async, (float4 * x), (x))
BOTH(read_only, (int* x), (x))
BOTH(publish, (int* x), (x))
BOTH(spin, (int* x), (x))
BOTH(trapped, (int* x), (x))
