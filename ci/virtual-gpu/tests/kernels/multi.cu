// Blocks and devices that wait for each other.
#include <cooperative_groups.h>

#include <cuda/atomic>
namespace cg = cooperative_groups;

// Two blocks take turns by a flag; the grid needs every block resident.
extern "C" __global__ void grid_barrier(int* count, int* data, int rounds) {
  for (int r = 0; r < rounds; r++) {
    data[r * gridDim.x + blockIdx.x] = r;
    __syncthreads();
    if (threadIdx.x == 0) {
      __threadfence();
      atomicAdd(count, 1);
      while (atomicAdd(count, 0) < (int)gridDim.x * (r + 1)) {
      }
      __threadfence();
    }
    __syncthreads();
    int other = data[r * gridDim.x + (blockIdx.x + 1) % gridDim.x];
    if (other != r && threadIdx.x == 0) atomicExch(count + 1, 1);
    __syncthreads();
  }
}
extern "C" __global__ void cooperative_sum(const float* x, float* partial, float* out, int n) {
  cg::grid_group grid = cg::this_grid();
  float s = 0;
  for (int i = grid.thread_rank(); i < n; i += grid.size()) s += x[i];
  atomicAdd(&partial[blockIdx.x], s);
  grid.sync();
  if (blockIdx.x == 0 && threadIdx.x == 0) {
    float t = 0;
    for (int b = 0; b < (int)gridDim.x; b++) t += partial[b];
    *out = t;
  }
}

// One-shot all-reduce: every rank reads every peer's input after a flag handshake. The flags of a
// block stand in its own memory, one per peer, written by the peer with release at system scope.
struct Peers {
  float* in[8];
  int* flags[8];
};
template <bool BAD>
static __device__ void all_reduce(Peers p, float* out, int rank, int world, int n, int epoch) {
  if (threadIdx.x < world) {
    int* theirs = p.flags[threadIdx.x] + blockIdx.x * 8 + rank;
    int* mine = p.flags[rank] + blockIdx.x * 8 + threadIdx.x;
    if (BAD) {
      *(volatile int*)theirs = epoch;
      while (*(volatile int*)mine < epoch) {
      }
    } else {
      cuda::atomic_ref<int, cuda::thread_scope_system>(*theirs).store(epoch,
                                                                      cuda::memory_order_release);
      while (cuda::atomic_ref<int, cuda::thread_scope_system>(*mine).load(
                 cuda::memory_order_acquire) < epoch) {
      }
    }
  }
  __syncthreads();
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
    float s = 0;
    for (int r = 0; r < world; r++) s += p.in[r][i];
    out[i] = s;
  }
}
// The rank writes its own input in the same kernel, so that the handshake is what orders it.
template <bool BAD>
static __device__ void produce_and_reduce(Peers p, float* out, int rank, int world, int n,
                                          int epoch) {
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
    p.in[rank][i] = rank * 100 + i;
  __syncthreads();
  all_reduce<BAD>(p, out, rank, world, n, epoch);
}
extern "C" __global__ void all_reduce_ok(Peers p, float* out, int rank, int world, int n,
                                         int epoch) {
  produce_and_reduce<false>(p, out, rank, world, n, epoch);
}
extern "C" __global__ void all_reduce_bad(Peers p, float* out, int rank, int world, int n,
                                          int epoch) {
  produce_and_reduce<true>(p, out, rank, world, n, epoch);
}

// Lane 0 releases the other lanes of its own warp: they spin at a lower address than the release.
extern "C" __global__ void lane_release(volatile int* flag, int* out) {
  if (threadIdx.x != 0) {
    while (*flag == 0) {
    }
  } else {
    __threadfence();
    *flag = 1;
  }
  out[threadIdx.x] = threadIdx.x;
}
extern "C" __global__ void fill(int* x, int v) { x[blockIdx.x * blockDim.x + threadIdx.x] = v; }
extern "C" __global__ void add_one(int* x) { x[blockIdx.x * blockDim.x + threadIdx.x] += 1; }
