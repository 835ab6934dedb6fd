// How ranks on devices with peer access reach each other: every rank pushes into the mailboxes of
// the others and reads only its own. A message goes in packets of 16 bytes; block b of a rank talks
// to block b of the others and to no other, so the lowest unfinished block can always go on,
// however few blocks fit on a device.
//
// A block numbers its pieces. Two slots of a mailbox take turns: a slot is written again only by
// ranks that have had everybody's next piece, hence after everybody has read this one. Nobody waits
// at the end of a message.
#pragma once

#include "common.cuh"

constexpr int MAX_RANKS = 8;        // Mailbox.MAX_RANKS
constexpr int MAX_BLOCKS = 32;      // Mailbox.BLOCKS
constexpr int PIECE = 1024;         // packets of one block in one slot: Mailbox.PIECE
constexpr int HEADER_BYTES = 4096;  // Mailbox.HEADER_BYTES
constexpr int RECORD_WORDS = 16;    // Mailbox.RECORD_WORDS

enum Wait { WAIT_DATA = 1, WAIT_SCATTER = 2, WAIT_GATHER = 3 };

struct Group {
  unsigned char* box[MAX_RANKS];  // mailboxes by rank, as this device addresses them
  unsigned*
      failure;  // pinned host memory of the group: word 0 ends every wait, then a record per rank
  int rank, world, deadlineMillis, unused;

  // Header: pieces so far by block, for cells and for bulk; whether this rank has failed; flags by
  // block, phase, sender.
  __device__ unsigned* cellPieces() const { return (unsigned*)box[rank]; }
  __device__ unsigned* bulkPieces() const { return (unsigned*)box[rank] + MAX_BLOCKS; }
  __device__ unsigned* failed() const { return (unsigned*)box[rank] + 2 * MAX_BLOCKS; }
  __device__ unsigned* flag(int owner, int block, int phase, int from) const {
    return (unsigned*)(box[owner] + 512) + (block * 2 + phase) * MAX_RANKS + from;
  }
  // Cells: two words of data, each beside the number of its piece; a packet takes two pairs of
  // cells, PIECE apart.
  __device__ ulonglong2* cells(int owner, unsigned piece, int from, int block) const {
    return (ulonglong2*)(box[owner] + HEADER_BYTES) +
           (((piece & 1) * world + from) * MAX_BLOCKS + block) * 2 * PIECE;
  }
  __device__ uint4* bulk(int owner, unsigned piece, int phase, int from, int block) const {
    size_t cellBytes = (size_t)world * MAX_BLOCKS * 2 * 2 * PIECE * 16;
    return (uint4*)(box[owner] + HEADER_BYTES + cellBytes) +
           ((((piece & 1) * 2 + phase) * world + from) * MAX_BLOCKS + block) * PIECE;
  }
};

__device__ inline void storeFlag(unsigned* p, unsigned v) {
  asm volatile("st.release.sys.global.u32 [%0], %1;" ::"l"(p), "r"(v) : "memory");
}
__device__ inline unsigned loadFlag(const unsigned* p) {
  unsigned v;
  asm volatile("ld.acquire.sys.global.u32 %0, [%1];" : "=r"(v) : "l"(p) : "memory");
  return v;
}
__device__ inline unsigned loadWord(const unsigned* p) {
  unsigned v;
  asm volatile("ld.relaxed.sys.global.u32 %0, [%1];" : "=r"(v) : "l"(p) : "memory");
  return v;
}
__device__ inline void storeWord(unsigned* p, unsigned v) {
  asm volatile("st.relaxed.sys.global.u32 [%0], %1;" ::"l"(p), "r"(v) : "memory");
}
// Each half is one access of 64 bits, so a word and its number arrive together; the two halves may
// arrive apart.
__device__ inline void storeCells(ulonglong2* p, unsigned a, unsigned b, unsigned piece) {
  unsigned long long n = (unsigned long long)piece << 32;
  asm volatile("st.relaxed.sys.global.v2.u64 [%0], {%1, %2};" ::"l"(p), "l"(n | a), "l"(n | b)
               : "memory");
}
__device__ inline ulonglong2 loadCells(const ulonglong2* p) {
  ulonglong2 v;
  asm volatile("ld.relaxed.sys.global.v2.u64 {%0, %1}, [%2];"
               : "=l"(v.x), "=l"(v.y)
               : "l"(p)
               : "memory");
  return v;
}
__device__ inline unsigned long long nanoseconds() {
  unsigned long long t;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(t));
  return t;
}

// The patience of one wait. A rank that runs out of it leaves a record and ends every wait of the
// group: whoever sees that stops, and the host, which looks after each step, never uses what was
// not reduced.
struct Patience {
  unsigned long long start = 0;
  unsigned polls = 0;

  __device__ bool over(const Group& g, int peer, unsigned piece, Wait kind) {
    if (++polls & 63) return false;
    if (loadWord(g.failure)) return true;
    unsigned long long now = nanoseconds();
    if (start == 0) start = now;
    if (now - start < (unsigned long long)g.deadlineMillis * 1000000) return false;
    if (atomicExch(g.failed(), 1u) == 0) {
      unsigned* record = g.failure + RECORD_WORDS * (1 + g.rank);
      storeWord(record + 1, peer);
      storeWord(record + 2, piece);
      storeWord(record + 3, blockIdx.x);
      storeWord(record + 4, kind);
      storeFlag(record, 1);
    }
    storeFlag(g.failure, 1);
    return true;
  }
};

// False if the group failed: the packet is then worth nothing.
__device__ inline bool receive(const Group& g, const ulonglong2* at, int peer, unsigned piece,
                               uint4& out) {
  Patience patience;
  for (;;) {
    ulonglong2 a = loadCells(at), b = loadCells(at + PIECE);
    if ((unsigned)(a.x >> 32) == piece && (unsigned)(a.y >> 32) == piece &&
        (unsigned)(b.x >> 32) == piece && (unsigned)(b.y >> 32) == piece) {
      out = make_uint4((unsigned)a.x, (unsigned)a.y, (unsigned)b.x, (unsigned)b.y);
      return true;
    }
    if (patience.over(g, peer, piece, WAIT_DATA)) return false;
  }
}

__device__ inline void send(ulonglong2* at, uint4 v, unsigned piece) {
  storeCells(at, v.x, v.y, piece);
  storeCells(at + PIECE, v.z, v.w, piece);
}

// All ranks' blocks of this number meet; what each wrote before it is then readable. Every thread
// of the block calls it.
__device__ inline bool meet(const Group& g, int phase, unsigned piece) {
  __syncthreads();
  bool ok = true;
  int peer = threadIdx.x;
  if (peer < g.world && peer != g.rank) {
    storeFlag(g.flag(peer, blockIdx.x, phase, g.rank), piece);
    const unsigned* theirs = g.flag(g.rank, blockIdx.x, phase, peer);
    Patience patience;
    while (ok && (int)(loadFlag(theirs) - piece) < 0) {
      ok = !patience.over(g, peer, piece, phase == 0 ? WAIT_SCATTER : WAIT_GATHER);
    }
  }
  return __syncthreads_and(ok);
}

// A message of n elements in packets; the last may be part of one and is filled up with zeros.
template <class T>
struct Message {
  static constexpr int EACH = 16 / sizeof(T);
  const T* x;
  T* y;
  size_t n;

  __device__ size_t packets() const { return (n + EACH - 1) / EACH; }
  __device__ uint4 load(size_t p) const {
    if ((p + 1) * EACH <= n) return ((const uint4*)x)[p];
    union {
      T e[EACH];
      uint4 all;
    } v;
    v.all = make_uint4(0, 0, 0, 0);
#pragma unroll
    for (int i = 0; i < EACH; i++) {
      if (p * EACH + i < n) v.e[i] = x[p * EACH + i];
    }
    return v.all;
  }
  __device__ void store(size_t p, uint4 all) const {
    if ((p + 1) * EACH <= n) {
      ((uint4*)y)[p] = all;
      return;
    }
    union {
      T e[EACH];
      uint4 all;
    } v;
    v.all = all;
#pragma unroll
    for (int i = 0; i < EACH; i++) {
      if (p * EACH + i < n) y[p * EACH + i] = v.e[i];
    }
  }
};

__device__ inline float widen(float v) { return v; }
__device__ inline float widen(__half v) { return __half2float(v); }
__device__ inline float widen(__nv_bfloat16 v) { return __bfloat162float(v); }
__device__ inline void narrow(float v, float& out) { out = v; }
__device__ inline void narrow(float v, __half& out) { out = __float2half_rn(v); }
__device__ inline void narrow(float v, __nv_bfloat16& out) { out = __float2bfloat16_rn(v); }

// Adds packets in the order of ranks, in f32, and rounds once: the same bits on every rank, by
// every algorithm.
template <class T>
struct Sum {
  static constexpr int EACH = 16 / sizeof(T);
  float v[EACH];

  __device__ void add(int rank, uint4 packet) {
    union {
      uint4 all;
      T e[EACH];
    } u;
    u.all = packet;
#pragma unroll
    for (int i = 0; i < EACH; i++) v[i] = rank == 0 ? widen(u.e[i]) : v[i] + widen(u.e[i]);
  }
  __device__ uint4 rounded() const {
    union {
      uint4 all;
      T e[EACH];
    } u;
#pragma unroll
    for (int i = 0; i < EACH; i++) narrow(v[i], u.e[i]);
    return u.all;
  }
};

// This block's packets of a message.
struct Share {
  size_t from, to;
  __device__ explicit Share(size_t packets) {
    size_t each = (packets + gridDim.x - 1) / gridDim.x;
    from = min(packets, blockIdx.x * each);
    to = min(packets, from + each);
  }
};

// Sends packets [from, from + count) of a message to every other rank.
template <class T>
__device__ inline void push(const Group& g, const Message<T>& m, size_t from, int count,
                            unsigned piece) {
  for (int i = threadIdx.x; i < count; i += blockDim.x) {
    uint4 own = m.load(from + i);
    for (int k = 1; k < g.world; k++) {
      int peer = (g.rank + k) % g.world;
      send(g.cells(peer, piece, g.rank, blockIdx.x) + i, own, piece);
    }
  }
}

// Sum over ranks of packet `from + i` of this piece; false if the group failed.
template <class T>
__device__ inline bool pull(const Group& g, const Message<T>& m, size_t from, int i, unsigned piece,
                            Sum<T>& sum) {
  for (int r = 0; r < g.world; r++) {
    uint4 v;
    if (r == g.rank)
      v = m.load(from + i);
    else if (!receive(g, g.cells(g.rank, piece, r, blockIdx.x) + i, r, piece, v))
      return false;
    sum.add(r, v);
  }
  return true;
}
