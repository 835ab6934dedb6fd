// Device functions that stay functions, printf and assert: what PTX calls.
#include <cassert>
#include <cstdio>

struct Pair {
  float sum;
  int count;
  double wide;
};

__device__ __noinline__ float polynomial(float x, int n) {
  float y = 0;
  for (int i = 0; i < n; i++) {
    if (y > 1000) return -1;  // lanes leave at different times
    y = y * x + (float)i;
  }
  return y;
}
__device__ __noinline__ Pair collect(const float* x, int n, Pair start) {
  Pair p = start;
  for (int i = 0; i < n; i++) p.sum += polynomial(x[i], 4), p.count++;
  p.wide = p.sum * 2.0;
  return p;
}
__device__ __noinline__ void store(float* out, float a, float b) { *out = a - b; }

extern "C" __global__ void calls(const float* x, float* out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  float y = polynomial(x[i], i % 7);
  if (i % 3 == 0) y += polynomial(y, 2);  // a part of the warp calls
  Pair p = collect(x, i % 5, Pair{y, i, 0});
  store(out + i, p.sum + (float)p.wide, (float)p.count);
}
extern "C" __global__ void prints(int n) {
  if (threadIdx.x < n)
    printf("thread %d of %s: %5.2f %lld %c%%\n", threadIdx.x, "block", threadIdx.x * 0.5, 1ll << 40,
           'x');
}
extern "C" __global__ void asserts(int limit) {
  assert(threadIdx.x < limit);  // BAD asserts
}
