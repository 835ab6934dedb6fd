// Collectives between devices with peer access, as nodes of the step's graph. Three all-reduces
// give the same bits:
//   cells     one hop, no barrier: every 32-bit word travels beside the number of its piece (twice
//   the bytes) one_shot  every rank pushes everything to all, one barrier, everybody adds
//   everything two_shot  rank r is pushed slice r, adds it and pushes the sum: two barriers,
//   2(t-1)/t of the bytes
// Sources: custom all-reduce of vLLM, the Lamport kernels of TensorRT-LLM, NCCL's LL protocol; see
// collectives.cuh.
#include "collectives.cuh"

template <class T>
__device__ inline void cells(const Group& g, const Message<T>& m) {
  Share share(m.packets());
  unsigned piece = g.cellPieces()[blockIdx.x];
  bool ok = true;
  for (size_t at = share.from; ok && at < share.to; at += PIECE) {
    int count = (int)min((size_t)PIECE, share.to - at);
    piece++;
    push(g, m, at, count, piece);
    for (int i = threadIdx.x; ok && i < count; i += blockDim.x) {
      Sum<T> sum;
      ok = pull(g, m, at, i, piece, sum);
      if (ok) m.store(at + i, sum.rounded());
    }
    ok =
        __syncthreads_and(ok);  // all of this piece is read before any of the next but one may come
  }
  __syncthreads();
  if (threadIdx.x == 0) g.cellPieces()[blockIdx.x] = piece;
}

template <class T>
__device__ inline void oneShot(const Group& g, const Message<T>& m) {
  Share share(m.packets());
  unsigned piece = g.bulkPieces()[blockIdx.x];
  bool ok = true;
  for (size_t at = share.from; ok && at < share.to; at += PIECE) {
    int count = (int)min((size_t)PIECE, share.to - at);
    piece++;
    for (int i = threadIdx.x; i < count; i += blockDim.x) {
      uint4 own = m.load(at + i);
      for (int k = 1; k < g.world; k++) {
        g.bulk((g.rank + k) % g.world, piece, 0, g.rank, blockIdx.x)[i] = own;
      }
    }
    ok = meet(g, 0, piece);
    for (int i = threadIdx.x; ok && i < count; i += blockDim.x) {
      Sum<T> sum;
      for (int r = 0; r < g.world; r++) {
        sum.add(r, r == g.rank ? m.load(at + i) : g.bulk(g.rank, piece, 0, r, blockIdx.x)[i]);
      }
      m.store(at + i, sum.rounded());
    }
  }
  __syncthreads();
  if (threadIdx.x == 0) g.bulkPieces()[blockIdx.x] = piece;
}

template <class T>
__device__ inline void twoShot(const Group& g, const Message<T>& m) {
  Share share(m.packets());
  unsigned piece = g.bulkPieces()[blockIdx.x];
  bool ok = true;
  for (size_t at = share.from; ok && at < share.to; at += PIECE) {
    int count = (int)min((size_t)PIECE, share.to - at), slice = (count + g.world - 1) / g.world;
    piece++;
    for (int k = 1; k < g.world; k++) {
      int peer = (g.rank + k) % g.world, end = min(count, (peer + 1) * slice);
      uint4* to = g.bulk(peer, piece, 0, g.rank, blockIdx.x);
      for (int i = peer * slice + threadIdx.x; i < end; i += blockDim.x) to[i] = m.load(at + i);
    }
    ok = meet(g, 0, piece);
    int end = min(count, (g.rank + 1) * slice);
    for (int i = g.rank * slice + threadIdx.x; ok && i < end; i += blockDim.x) {
      Sum<T> sum;
      for (int r = 0; r < g.world; r++) {
        sum.add(r, r == g.rank ? m.load(at + i) : g.bulk(g.rank, piece, 0, r, blockIdx.x)[i]);
      }
      uint4 v = sum.rounded();
      m.store(at + i, v);
      for (int k = 1; k < g.world; k++)
        g.bulk((g.rank + k) % g.world, piece, 1, g.rank, blockIdx.x)[i] = v;
    }
    ok = meet(g, 1, piece) && ok;
    for (int k = 1; ok && k < g.world; k++) {
      int peer = (g.rank + k) % g.world, stop = min(count, (peer + 1) * slice);
      const uint4* from = g.bulk(g.rank, piece, 1, peer, blockIdx.x);
      for (int i = peer * slice + threadIdx.x; i < stop; i += blockDim.x) m.store(at + i, from[i]);
    }
  }
  __syncthreads();
  if (threadIdx.x == 0) g.bulkPieces()[blockIdx.x] = piece;
}

#define ALL_REDUCE(NAME, BODY, SUFFIX, T)                                                 \
  KERNEL all_reduce_##NAME##_##SUFFIX(Step step, int rowField, Group g, const T* x, T* y, \
                                      long long cols) {                                   \
    BODY(g, Message<T>{x, y, (size_t)(step.count(rowField) * cols)});                     \
  }
#define ALL_REDUCES(SUFFIX, T)             \
  ALL_REDUCE(cells, cells, SUFFIX, T)      \
  ALL_REDUCE(one_shot, oneShot, SUFFIX, T) \
  ALL_REDUCE(two_shot, twoShot, SUFFIX, T)
ALL_REDUCES(f32, float)
ALL_REDUCES(f16, __half)
ALL_REDUCES(bf16, __nv_bfloat16)

// The sum over ranks of x, then as add_rms_norm: sum = residual + x, or residual + norm(x, wx); y =
// norm(sum, w). A block takes whole rows, so the reduction stays inside it; dim is a multiple of 4.
// A thread reads back only what it wrote.
KERNEL all_reduce_add_rms_norm(Step step, int rowField, Group g, const float* x,
                               const float* residual, const float* w, const float* wx, float* sum,
                               float* y, int dim, float eps) {
  __shared__ float part[32];
  int rows = step.count(rowField), packets = dim / 4;
  unsigned piece = g.cellPieces()[blockIdx.x];
  bool ok = true;
  for (int row = blockIdx.x; ok && row < rows; row += gridDim.x) {
    size_t at = (size_t)row * dim;
    Message<float> m{x + at, nullptr, (size_t)dim};
    const float4* r4 = (const float4*)(residual + at);
    float4* s4 = (float4*)(sum + at);
    float squares = 0;
    for (int from = 0; ok && from < packets; from += PIECE) {
      int count = min(PIECE, packets - from);
      piece++;
      push(g, m, from, count, piece);
      for (int i = threadIdx.x; ok && i < count; i += blockDim.x) {
        float4 add = wx ? make_float4(0, 0, 0, 0) : r4[from + i];  // on its way before the wait
        Sum<float> total;
        ok = pull(g, m, from, i, piece, total);
        float4 v = make_float4(add.x + total.v[0], add.y + total.v[1], add.z + total.v[2],
                               add.w + total.v[3]);
        if (wx) v = make_float4(total.v[0], total.v[1], total.v[2], total.v[3]);
        if (!ok) break;
        s4[from + i] = v;
        squares += v.x * v.x + v.y * v.y + v.z * v.z + v.w * v.w;
      }
      ok = __syncthreads_and(ok);
    }
    if (!ok) break;
    float scale = 1.0f / sqrtf(blockSum(squares, part) / dim + eps);
    if (wx) {
      squares = 0;
      for (int i = threadIdx.x; i < packets; i += blockDim.x) {
        float4 v = s4[i], r = r4[i], k = ((const float4*)wx)[i];
        v = make_float4(r.x + v.x * scale * k.x, r.y + v.y * scale * k.y, r.z + v.z * scale * k.z,
                        r.w + v.w * scale * k.w);
        s4[i] = v;
        squares += v.x * v.x + v.y * v.y + v.z * v.z + v.w * v.w;
      }
      scale = 1.0f / sqrtf(blockSum(squares, part) / dim + eps);
    }
    for (int i = threadIdx.x; i < packets; i += blockDim.x) {
      float4 v = s4[i], k = ((const float4*)w)[i];
      ((float4*)(y + at))[i] =
          make_float4(v.x * scale * k.x, v.y * scale * k.y, v.z * scale * k.z, v.w * scale * k.w);
    }
  }
  __syncthreads();
  if (threadIdx.x == 0) g.cellPieces()[blockIdx.x] = piece;
}

// y[row] = the columns of rank 0, 1, …: x is [rows, cols] on every rank, y [rows, world × cols];
// f32 or any 32-bit words. Packets may cross rows: then words are placed one by one.
struct Columns {
  float* y;
  int cols, world;
  size_t n;

  __device__ void place(int rank, size_t packet, uint4 v) const {
    const unsigned word[4] = {v.x, v.y, v.z, v.w};
    size_t first = packet * 4;
    if (cols % 4 == 0) {  // the packet is whole
      *(uint4*)(y + (first / cols * world + rank) * cols + first % cols) = v;
      return;
    }
#pragma unroll
    for (int i = 0; i < 4; i++) {
      size_t at = first + i;
      if (at < n) y[(at / cols * world + rank) * cols + at % cols] = __uint_as_float(word[i]);
    }
  }
};

KERNEL all_gather_cells(Step step, int rowField, Group g, const float* x, float* y, int cols) {
  size_t n = (size_t)step.count(rowField) * cols;
  Message<float> m{x, nullptr, n};
  Columns out{y, cols, g.world, n};
  Share share(m.packets());
  unsigned piece = g.cellPieces()[blockIdx.x];
  bool ok = true;
  for (size_t at = share.from; ok && at < share.to; at += PIECE) {
    int count = (int)min((size_t)PIECE, share.to - at);
    piece++;
    push(g, m, at, count, piece);
    for (int i = threadIdx.x; i < count; i += blockDim.x) {
      for (int r = 0; ok && r < g.world; r++) {
        uint4 v;
        if (r == g.rank)
          v = m.load(at + i);
        else
          ok = receive(g, g.cells(g.rank, piece, r, blockIdx.x) + i, r, piece, v);
        if (ok) out.place(r, at + i, v);
      }
    }
    ok = __syncthreads_and(ok);
  }
  __syncthreads();
  if (threadIdx.x == 0) g.cellPieces()[blockIdx.x] = piece;
}

KERNEL all_gather_bulk(Step step, int rowField, Group g, const float* x, float* y, int cols) {
  size_t n = (size_t)step.count(rowField) * cols;
  Message<float> m{x, nullptr, n};
  Columns out{y, cols, g.world, n};
  Share share(m.packets());
  unsigned piece = g.bulkPieces()[blockIdx.x];
  bool ok = true;
  for (size_t at = share.from; ok && at < share.to; at += PIECE) {
    int count = (int)min((size_t)PIECE, share.to - at);
    piece++;
    for (int i = threadIdx.x; i < count; i += blockDim.x) {
      uint4 own = m.load(at + i);
      out.place(g.rank, at + i, own);
      for (int k = 1; k < g.world; k++)
        g.bulk((g.rank + k) % g.world, piece, 0, g.rank, blockIdx.x)[i] = own;
    }
    ok = meet(g, 0, piece);
    for (int r = 0; ok && r < g.world; r++) {
      const uint4* from = g.bulk(g.rank, piece, 0, r, blockIdx.x);
      for (int i = threadIdx.x; r != g.rank && i < count; i += blockDim.x)
        out.place(r, at + i, from[i]);
    }
  }
  __syncthreads();
  if (threadIdx.x == 0) g.bulkPieces()[blockIdx.x] = piece;
}

// grid (column blocks, rows, ranks): what NCCL's all-gather put behind each other, [ranks,
// shapeRows, cols], side by side.
KERNEL place_columns(Step step, int rowField, const float* x, float* y, int cols, int ranks,
                     int shapeRows) {
  int i = blockIdx.x * blockDim.x + threadIdx.x, row = blockIdx.y, rank = blockIdx.z;
  if (row >= step.count(rowField) || i >= cols) return;
  y[((size_t)row * ranks + rank) * cols + i] = x[((size_t)rank * shapeRows + row) * cols + i];
}
