// Block top-k (AttentionPlan.BlockTopK, the shape of InfLLM v2): means of 32 keys every 16 slots
// and of 128 every 64 are kept beside the pages; a row's pages are those with the best means, and
// attention reads a list of pages.
//
//   fine    [page][kv head][4][dim] f16   mean j ends in page b for j = 4b − 1 … 4b + 2
//   coarse  [page][kv head][dim] f16      mean i ends in page i + 1
#pragma once

#include "flash.cuh"
#include "plan_rows.cuh"

struct Means {
  __half *fine, *coarse;

  __device__ __half* fineAt(const Kv& kv, int page, int head, int entry) const {
    return fine + (((size_t)page * kv.heads + head) * 4 + entry) * kv.dim;
  }
  __device__ __half* coarseAt(const Kv& kv, int page, int head) const {
    return coarse + ((size_t)page * kv.heads + head) * kv.dim;
  }
};

// What a row may choose from.
struct TopK {
  int blocks, init, local;  // the plan

  __device__ static bool causal(const Step& step, int seq) { return step.seq(MASK, seq) == CAUSAL; }

  // Means must end at or before this slot.
  __device__ static int bound(const Step& step, int r, int seq) {
    return causal(step, seq) ? step.row(SLOT, r)
                             : step.seq(KV_LENGTH, seq) - step.seq(ROW_COUNT, seq) - 1;
  }
  __device__ static int pages(const Step& step, int r, int seq) {
    return (causal(step, seq) ? step.row(SLOT, r) : step.seq(KV_LENGTH, seq) - 1) / PAGE + 1;
  }
  // From this page on all are read.
  __device__ int localFrom(const Step& step, int r, int seq) const {
    int from = causal(step, seq) ? pages(step, r, seq) - local
                                 : (bound(step, r, seq) + 1) / PAGE - max(local, 2) + 1;
    return max(from, 0);
  }
  __device__ static int visible(int bound, int width, int stride) {
    return bound + 1 < width ? 0 : (bound + 1 - width) / stride + 1;
  }
};

// The pages that each row and KV head reads, as a plan of attention.
struct PageLists {
  static constexpr bool GATHERS = false;

  int *page, *counts;
  int capacity, heads;

  __device__ int* at(int r, int head) const { return page + ((size_t)r * heads + head) * capacity; }
  __device__ int count(const Step& step, Slots slots, int r, int seq, int head) const {
    return counts[r * heads + head];
  }
  __device__ Tile tile(const Step& step, const Kv& kv, Slots slots, int r, int seq, int head,
                       int i) const {
    int p = at(r, head)[i];
    return Tile(kv, step.page(step.seq(TABLE, seq), p), head, p, slots.last);
  }
};

// The pages that any row of a tile of 64 reads, rising, and which rows read each.
struct PageUnion {
  static constexpr bool GATHERS = false, CHOOSES = true;

  int *page, *counts;
  uint2* readers;  // bit r % 32 of .x (r < 32) or .y: row r of the tile
  int capacity, heads;

  __device__ size_t at(int tile, int head) const {
    return ((size_t)tile * heads + head) * capacity;
  }
  __device__ int count(const Step& step, Slots slots, int tile, int seq, int head) const {
    return counts[tile * heads + head];
  }
  __device__ Tile tile(const Step& step, const Kv& kv, Slots slots, int tile, int seq, int head,
                       int i) const {
    int p = page[at(tile, head) + i];
    return Tile(kv, step.page(step.seq(TABLE, seq), p), head, p, slots.last);
  }
  __device__ uint2 readersOf(int tile, int head, int i) const {
    return readers[at(tile, head) + i];
  }
};

// Sum of two elements over the slots from … from + count − 1 of a sequence.
__device__ inline float2 sumSlots(const Step& step, const Kv& kv, int table, int head, int from,
                                  int count, int i) {
  float2 sum = make_float2(0, 0);
  for (int s = from, end = from + count; s < end;) {
    size_t slot = kv.slotAt(step.page(table, s / PAGE), head, s % PAGE);
    for (int stop = min(end, s - s % PAGE + PAGE); s < stop; s++, slot++) {
      float2 k = load2<KV>(kv.k, kv.kScale, slot, kv.dim, i);
      sum.x += k.x;
      sum.y += k.y;
    }
  }
  return sum;
}

__device__ inline void storeMean(__half* to, float2 sum, float share) {
  *(__half2*)to = __halves2half2(saturated(sum.x * share), saturated(sum.y * share));
}

// grid (stretches of pages, kv heads, sequences): the means whose last slot the step saw for the
// first time.
KERNEL topk_means(Step step, Kv kv, Means means) {
  int seq = blockIdx.z, head = blockIdx.y;
  if (seq >= step.sequenceCount()) return;
  int length = step.seq(KV_LENGTH, seq), fresh = step.seq(FRESH, seq), table = step.seq(TABLE, seq);
  for (int b = fresh / PAGE + blockIdx.x; b < (length + PAGE - 1) / PAGE; b += gridDim.x) {
    int page = step.page(table, b);
    for (int i = 2 * threadIdx.x; i < kv.dim; i += 2 * blockDim.x) {
      for (int e = 0; e < 4; e++) {
        int first = b * PAGE - 16 + 16 * e, last = first + 31;
        if (first < 0 || last < fresh || last >= length) continue;
        storeMean(means.fineAt(kv, page, head, e) + i,
                  sumSlots(step, kv, table, head, first, 32, i), 1.0f / 32);
      }
      int last = b * PAGE + PAGE - 1;
      if (b > 0 && last >= fresh && last < length) {
        storeMean(means.coarseAt(kv, page, head) + i,
                  sumSlots(step, kv, table, head, last - 127, 128, i), 1.0f / 128);
      }
    }
  }
}

// grid (kv heads, rows): log sums over the coarse means, per query head; rows that read all their
// pages need none.
KERNEL topk_sums(Step step, const float* q, Kv kv, Means means, Scoring at, TopK plan,
                 float* sums) {
  extern __shared__ float qs[];
  __shared__ float2 part[PLAN_THREADS / 32];
  int r = blockIdx.y, head = blockIdx.x;
  if (r >= step.tokens()) return;
  int seq = step.row(SEQUENCE, r), table = step.seq(TABLE, seq);
  if (TopK::pages(step, r, seq) <= plan.blocks) return;
  loadQueries(at, q, r, head * at.group(), at.group(), qs);
  int count = TopK::visible(TopK::bound(step, r, seq), 128, 64);
  for (int g = 0; g < at.group(); g++) {
    LogSum mine;
    for (int i0 = 0; i0 < count; i0 += KEYS_AT_ONCE) {
      int i = i0 + (threadIdx.x >> 3);
      const __half* key = i < count ? means.coarseAt(kv, step.page(table, i + 1), head) : nullptr;
      float s = at.of(dotOfEight(key, qs + g * at.qDim(), at.dim));
      if (key) mine.add(s, 1);
    }
    mine = blockLogSum(mine, part);
    if (threadIdx.x == 0) sums[(size_t)r * at.heads + head * at.group() + g] = mine.value();
  }
}

constexpr int PAGES_PER_BLOCK = 16;

// grid (stretches of 16 pages, kv heads, rows): the score of each page.
KERNEL topk_scores(Step step, const float* q, Kv kv, Means means, Scoring at, TopK plan,
                   const float* sums, float* scores, int maxPages) {
  extern __shared__ float qs[];
  __shared__ float p[4 * PAGES_PER_BLOCK + 1];
  int r = blockIdx.z, head = blockIdx.y, first = blockIdx.x * PAGES_PER_BLOCK;
  if (r >= step.tokens()) return;
  int seq = step.row(SEQUENCE, r), table = step.seq(TABLE, seq), pages = TopK::pages(step, r, seq);
  if (pages <= plan.blocks || first >= pages) return;
  loadQueries(at, q, r, head * at.group(), at.group(), qs);
  int count = TopK::visible(TopK::bound(step, r, seq), 32, 16);
  // entry e of page b is mean 4b − 1 + e; the last page's score takes the first entry of the page
  // behind it, too
  for (int e0 = 0; e0 < 4 * PAGES_PER_BLOCK + 1; e0 += KEYS_AT_ONCE) {
    int e = e0 + (threadIdx.x >> 3), j = 4 * first - 1 + e;
    bool live = e < 4 * PAGES_PER_BLOCK + 1 && j >= 0 && j < count;
    const __half* key =
        live ? means.fineAt(kv, step.page(table, (j + 1) / 4), head, (j + 1) % 4) : nullptr;
    float sum = 0;
    for (int g = 0; g < at.group(); g++) {
      float s = at.of(dotOfEight(key, qs + g * at.qDim(), at.dim));
      sum += __expf(s - sums[(size_t)r * at.heads + head * at.group() + g]);
    }
    if (e < 4 * PAGES_PER_BLOCK + 1 && (threadIdx.x & 7) == 0) p[e] = live ? sum : 0.0f;
  }
  __syncthreads();  // all shares are there
  int b = first + threadIdx.x;
  if (threadIdx.x < PAGES_PER_BLOCK && b < pages) {
    float best = 0;
    for (int e = 0; e < 5; e++) best = fmaxf(best, p[4 * threadIdx.x + e]);
    scores[((size_t)r * at.kvHeads + head) * maxPages + b] = best;
  }
}

// The largest key, in every thread. `part` has a word per warp.
__device__ inline unsigned long long blockMax(unsigned long long v, unsigned long long* part) {
#pragma unroll
  for (int o = 16; o > 0; o >>= 1) {
    unsigned long long other = __shfl_xor_sync(FULL_WARP, v, o);
    v = other > v ? other : v;
  }
  __syncthreads();  // the previous use of part has been read
  if ((threadIdx.x & 31) == 0) part[threadIdx.x >> 5] = v;
  __syncthreads();  // all warps' parts are there
  for (int i = 0; i < PLAN_THREADS / 32; i++) v = part[i] > v ? part[i] : v;
  return v;
}

// grid (kv heads, rows): the list of pages. Those taken have score −1; shared memory holds a score
// per page.
KERNEL topk_select(Step step, TopK plan, const float* scores, int maxPages, PageLists lists) {
  extern __shared__ float left[];
  __shared__ unsigned long long part[PLAN_THREADS / 32];
  int r = blockIdx.y, head = blockIdx.x;
  if (r >= step.tokens()) return;
  int seq = step.row(SEQUENCE, r), pages = TopK::pages(step, r, seq), *out = lists.at(r, head);
  if (pages <= plan.blocks) {
    for (int b = threadIdx.x; b < pages; b += blockDim.x) out[b] = b;
    if (threadIdx.x == 0) lists.counts[r * lists.heads + head] = pages;
    return;
  }
  int localFrom = max(plan.init, plan.localFrom(step, r, seq)), taken = 0;
  for (int b = threadIdx.x; b < pages; b += blockDim.x) {
    bool always = b < plan.init || b >= localFrom;
    left[b] = always ? -1.0f : scores[((size_t)r * lists.heads + head) * maxPages + b];
    if (always) out[b < plan.init ? b : plan.init + b - localFrom] = b;
  }
  taken = plan.init + pages - localFrom;
  __syncthreads();  // scores are there
  for (; taken < plan.blocks; taken++) {
    // a score is not negative, so its bits order as it does; the lower page wins a tie
    unsigned long long best = 0;
    for (int b = threadIdx.x; b < pages; b += blockDim.x) {
      if (!(left[b] < 0)) {  // a NaN may be taken, too
        unsigned long long key = (unsigned long long)__float_as_uint(left[b]) << 32 | (uint32_t)~b;
        best = key > best ? key : best;
      }
    }
    best = blockMax(best, part);
    int b = ~(uint32_t)best;
    if (threadIdx.x == 0) {
      left[b] = -1.0f;
      out[taken] = b;
    }
    __syncthreads();  // the page is taken
  }
  if (threadIdx.x == 0) lists.counts[r * lists.heads + head] = taken;
}

constexpr int UNION_WINDOW = 1024;

// grid (kv heads, tiles of 64 rows), 128 threads: merges the rows' lists, a window of pages at a
// time.
KERNEL topk_union(Step step, PageLists lists, int minRows, PageUnion out) {
  __shared__ unsigned readers[2][UNION_WINDOW];
  __shared__ int part[PLAN_THREADS / 32];
  RowTile t(step, blockIdx.y, minRows);
  if (t.seq < 0) return;
  int head = blockIdx.x, warp = threadIdx.x >> 5, lane = threadIdx.x & 31, total = 0;
  int pages = (step.seq(KV_LENGTH, t.seq) + PAGE - 1) / PAGE;
  size_t to = out.at(blockIdx.y, head);
  for (int first = 0; first < pages; first += UNION_WINDOW) {
    int window = min(UNION_WINDOW, pages - first);
    for (int b = threadIdx.x; b < window; b += PLAN_THREADS) readers[0][b] = readers[1][b] = 0;
    __syncthreads();  // nobody reads yet
    for (int r = warp; r < t.live; r += PLAN_THREADS / 32) {
      const int* list = lists.at(t.row0 + r, head);
      int n = lists.counts[(t.row0 + r) * lists.heads + head];
      for (int i = lane; i < n; i += 32) {
        int b = list[i] - first;
        if (b >= 0 && b < window) atomicOr(&readers[r >> 5][b], 1u << (r & 31));
      }
    }
    __syncthreads();  // all readers are there
    for (int b0 = 0; b0 < window; b0 += PLAN_THREADS) {
      int b = b0 + threadIdx.x;
      unsigned low = b < window ? readers[0][b] : 0, high = b < window ? readers[1][b] : 0;
      unsigned warps = __ballot_sync(FULL_WARP, (low | high) != 0);
      if (lane == 0) part[warp] = __popc(warps);
      __syncthreads();  // the warps' counts are there
      int before = total + __popc(warps & ((1u << lane) - 1));
      for (int w = 0; w < PLAN_THREADS / 32; w++) {
        before += w < warp ? part[w] : 0;
        total += part[w];
      }
      if (low | high) {
        out.page[to + before] = first + b;
        out.readers[to + before] = make_uint2(low, high);
      }
      __syncthreads();  // part and readers have been read
    }
  }
  if (threadIdx.x == 0) out.counts[blockIdx.y * out.heads + head] = total;
}
