// The sum of n floats by one block of 256, and the same with a fault: warps may read parts before others wrote them.
template <bool RACY>
__device__ void reduce(const float* x, float* y, int n) {
  __shared__ float part[256];
  int id = threadIdx.x;
  float s = 0;
  for (int i = id; i < n; i += 256) s += x[i];
  part[id] = s;
  for (int w = 128; w > 0; w /= 2) {
    if (!RACY || w == 1) __syncthreads();
    if (id < w) part[id] += part[id + w];
  }
  if (id == 0) y[0] = part[0];
}

extern "C" __global__ void sum(const float* x, float* y, int n) { reduce<false>(x, y, n); }
extern "C" __global__ void racy_sum(const float* x, float* y, int n) { reduce<true>(x, y, n); }
