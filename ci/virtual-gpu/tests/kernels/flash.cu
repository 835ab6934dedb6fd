// FlashAttention-2 forward, f16 in and out, f32 accumulators, causal, head dim 64 or 128.
// One block = 64 query rows of one head = 4 warps x 16 rows. K and V tiles of 32 keys, two stages
// of cp.async. Shared: Q[64][D+8] | K[2][32][D+8] | V[2][32][D+8]  (8 halves of padding keep
// ldmatrix free of bank conflicts)
#include <cuda_fp16.h>
#include <stdint.h>

#ifndef WAIT_STEADY
#define WAIT_STEADY 1
#endif

constexpr int BM = 64, BN = 32, WARPS = 4;

static __device__ uint32_t smem_ptr(const void* p) { return (uint32_t)__cvta_generic_to_shared(p); }

static __device__ void cp_async16(void* dst, const void* src, bool inside) {
  int bytes = inside ? 16 : 0;  // 0: the 16 bytes are filled with zeros
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(smem_ptr(dst)), "l"(src),
               "r"(bytes)
               : "memory");
}
static __device__ void cp_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int N>
static __device__ void cp_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
}
static __device__ void ldm_x4(uint32_t* r, const void* p) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(smem_ptr(p))
               : "memory");
}
static __device__ void ldm_x4_trans(uint32_t* r, const void* p) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(smem_ptr(p))
               : "memory");
}
static __device__ void mma16816(float* c, const uint32_t* a, uint32_t b0, uint32_t b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
static __device__ uint32_t pack(float a, float b) {
  __half2 h = __floats2half2_rn(a, b);
  return *(uint32_t*)&h;
}

template <int D>
static __device__ void load_tile(__half (*dst)[D + 8], const __half* src, int first, int rows,
                                 int n, int stride) {
  for (int i = threadIdx.x; i < rows * (D / 8); i += WARPS * 32) {
    int r = i / (D / 8), c = (i % (D / 8)) * 8;
    bool inside = first + r < n;
    cp_async16(&dst[r][c], src + (size_t)(inside ? first + r : 0) * stride + c, inside);
  }
}

// q, o: [n][heads][D]; k, v: [n][kv_heads][D]
template <int D>
static __device__ void flash(const __half* q, const __half* k, const __half* v, __half* o, int n,
                             int heads, int kv_heads, float scale) {
  extern __shared__ __align__(16) __half smem[];
  __half(*sq)[D + 8] = (__half(*)[D + 8]) smem;
  __half(*sk)[BN][D + 8] = (__half(*)[BN][D + 8])(smem + BM * (D + 8));
  __half(*sv)[BN][D + 8] = (__half(*)[BN][D + 8])(smem + (BM + 2 * BN) * (D + 8));
  int head = blockIdx.y, kv = head / (heads / kv_heads), m0 = blockIdx.x * BM;
  int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;
  q += head * D, o += head * D, k += kv * D, v += kv * D;
  int kstride = kv_heads * D, qstride = heads * D;
  int last = min(n, m0 + BM);  // causal: keys of later rows are never read
  int tiles = (last + BN - 1) / BN;

  load_tile<D>(sq, q, m0, BM, n, qstride);
  load_tile<D>(sk[0], k, 0, BN, n, kstride);
  load_tile<D>(sv[0], v, 0, BN, n, kstride);
  cp_commit();

  float acc[D / 8][4] = {};
  float mx[2] = {-INFINITY, -INFINITY}, sum[2] = {0.f, 0.f};
  uint32_t qf[D / 16][4];

  for (int tile = 0; tile < tiles; tile++) {
    int st = tile & 1;
    if (tile + 1 < tiles) {
      load_tile<D>(sk[st ^ 1], k, (tile + 1) * BN, BN, n, kstride);
      load_tile<D>(sv[st ^ 1], v, (tile + 1) * BN, BN, n, kstride);
    }
    cp_commit();
    cp_wait<WAIT_STEADY>();  // all but the newest group: this tile is here
    __syncthreads();         // ... for every thread's part of it
    if (tile == 0)
      for (int i = 0; i < D / 16; i++)
        ldm_x4(qf[i], &sq[warp * 16 + (lane & 15)][i * 16 + (lane >> 4) * 8]);

    float s[BN / 8][4] = {};
#pragma unroll
    for (int i = 0; i < D / 16; i++)
#pragma unroll
      for (int j = 0; j < BN / 16; j++) {
        uint32_t b[4];  // keys 16j..16j+15: (k low, k high) of the first 8, then of the second 8
        ldm_x4(b, &sk[st][j * 16 + (lane & 7) + (lane >> 4) * 8][i * 16 + ((lane >> 3) & 1) * 8]);
        mma16816(s[2 * j], qf[i], b[0], b[1]);
        mma16816(s[2 * j + 1], qf[i], b[2], b[3]);
      }
    int row0 = m0 + warp * 16 + g;
#pragma unroll
    for (int h = 0; h < 2; h++) {
      float m = mx[h];
#pragma unroll
      for (int j = 0; j < BN / 8; j++)
#pragma unroll
        for (int e = 0; e < 2; e++) {
          int key = tile * BN + j * 8 + 2 * t + e;
          float& x = s[j][2 * h + e];
          x = key <= row0 + 8 * h && key < n ? x * scale : -INFINITY;
          m = fmaxf(m, x);
        }
      m = fmaxf(m, __shfl_xor_sync(0xffffffffu, m, 1));
      m = fmaxf(m, __shfl_xor_sync(0xffffffffu, m, 2));
      float old = exp2f(mx[h] - m), part = 0.f;  // scale holds log2(e)
      mx[h] = m;
#pragma unroll
      for (int j = 0; j < BN / 8; j++)
#pragma unroll
        for (int e = 0; e < 2; e++) {
          float& x = s[j][2 * h + e];
          x = exp2f(x - m);
          part += x;
        }
      sum[h] = sum[h] * old + part;
#pragma unroll
      for (int d = 0; d < D / 8; d++) acc[d][2 * h] *= old, acc[d][2 * h + 1] *= old;
    }
#pragma unroll
    for (int j = 0; j < BN / 16; j++) {
      uint32_t p[4] = {pack(s[2 * j][0], s[2 * j][1]), pack(s[2 * j][2], s[2 * j][3]),
                       pack(s[2 * j + 1][0], s[2 * j + 1][1]),
                       pack(s[2 * j + 1][2], s[2 * j + 1][3])};
#pragma unroll
      for (int d = 0; d < D / 16; d++) {
        uint32_t b[4];
        ldm_x4_trans(b, &sv[st][j * 16 + (lane & 15)][d * 16 + (lane >> 4) * 8]);
        mma16816(acc[2 * d], p, b[0], b[1]);
        mma16816(acc[2 * d + 1], p, b[2], b[3]);
      }
    }
    __syncthreads();  // the next round overwrites the stage just read
  }
#pragma unroll
  for (int h = 0; h < 2; h++) {
    float l = sum[h];
    l += __shfl_xor_sync(0xffffffffu, l, 1);
    l += __shfl_xor_sync(0xffffffffu, l, 2);
    int row = m0 + warp * 16 + g + 8 * h;
    if (row < n)
#pragma unroll
      for (int d = 0; d < D / 8; d++)
        *(uint32_t*)(o + (size_t)row * qstride + d * 8 + 2 * t) =
            pack(acc[d][2 * h] / l, acc[d][2 * h + 1] / l);
  }
}

extern "C" __global__ void __launch_bounds__(128)
    flash_d128(const __half* q, const __half* k, const __half* v, __half* o, int n, int heads,
               int kv_heads, float scale) {
  flash<128>(q, k, v, o, n, heads, kv_heads, scale);
}
extern "C" __global__ void __launch_bounds__(128)
    flash_d64(const __half* q, const __half* k, const __half* v, __half* o, int n, int heads,
              int kv_heads, float scale) {
  flash<64>(q, k, v, o, n, heads, kv_heads, scale);
}
