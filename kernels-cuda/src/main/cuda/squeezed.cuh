// Squeezed attention (AttentionPlan.Squeezed; Hooper et al. 2024): a prefix's keys lie in clusters;
// of each only those are read whose centroid promises more softmax weight per key than a threshold.
// Lookup, compaction, then attention over the tokens kept and the pages.
#pragma once

#include "flash.cuh"
#include "plan_rows.cuh"

// One level of a layer's clusters, for all prefixes: centroids [id][kv head][max][dim] f16, sizes
// [id][kv head][max].
struct Clusters {
  const __half* centroids;
  const int *sizes, *parents;  // parents: clusters of the coarser level; negative: there is none
  const int* numbers;          // [id][3]: tokens, fine clusters, coarse clusters
  int which, max;              // 1 fine, 2 coarse

  __device__ int count(int id) const { return numbers[3 * id + which]; }
};

// Flags [sequence][kv head][max]: whether a cluster is kept. The coarser level's flags decide which
// ones are looked at. Steps of few rows read centroids once and keep the scores; those of many
// would keep too many, so they score twice, on tensor cores (squeezed_tiles.cuh).
struct Lookup {
  float* sums;           // [row][head]: log sums over the clusters that are looked at
  float* scores;         // [row][head][max]; null in steps of many rows
  float* shares;         // [tile of rows][head][max]: sums over the tile's rows
  uint8_t* kept;         // of this level
  const uint8_t* above;  // of the coarser level; null at the top

  __device__ bool alive(const Clusters& c, size_t list, size_t of, int i, int max) const {
    return !above || c.parents[of + i] < 0 || above[list * max + c.parents[of + i]];
  }
};

// grid (heads, rows): the log sum of N_j exp score(q, C_j), and the scores.
KERNEL squeezed_sums(Step step, const float* q, Scoring at, Clusters c, Lookup l) {
  extern __shared__ float qs[];
  __shared__ float2 part[PLAN_THREADS / 32];
  int r = blockIdx.y, h = blockIdx.x;
  if (r >= step.tokens()) return;
  int seq = step.row(SEQUENCE, r), id = step.seq(PREFIX, seq), head = h / at.group();
  if (id < 0) return;
  loadQueries(at, q, r, h, 1, qs);
  size_t of = ((size_t)id * at.kvHeads + head) * c.max, list = (size_t)seq * at.kvHeads + head;
  int count = c.count(id);
  LogSum mine;
  for (int i0 = 0; i0 < count; i0 += KEYS_AT_ONCE) {
    int i = i0 + (threadIdx.x >> 3);
    bool live = i < count && c.sizes[of + i] > 0 && l.alive(c, list, of, i, c.max);
    float s = at.of(dotOfEight(live ? c.centroids + (of + i) * at.dim : nullptr, qs, at.dim));
    if (live) mine.add(s, c.sizes[of + i]);
    if (live && (threadIdx.x & 7) == 0) l.scores[((size_t)r * at.heads + h) * c.max + i] = s;
  }
  mine = blockLogSum(mine, part);
  if (threadIdx.x == 0) l.sums[(size_t)r * at.heads + h] = mine.value();
}

// grid (stretches of 128 clusters, kv heads, sequences): which clusters are kept, one to a thread;
// their score is the mean over the queries.
KERNEL squeezed_keep(Step step, Scoring at, Clusters c, Lookup l, int thresholdField) {
  int seq = blockIdx.z, head = blockIdx.y, i = blockIdx.x * PLAN_THREADS + threadIdx.x;
  if (seq >= step.sequenceCount()) return;
  int id = step.seq(PREFIX, seq);
  if (id < 0 || i >= c.count(id)) return;
  size_t of = ((size_t)id * at.kvHeads + head) * c.max, list = (size_t)seq * at.kvHeads + head;
  int row0 = step.seq(ROW_START, seq), rows = step.seq(ROW_COUNT, seq), group = at.group();
  bool live = c.sizes[of + i] > 0 && l.alive(c, list, of, i, c.max);
  float mean = 0;
  if (live && l.scores) {
    for (int r = row0; r < row0 + rows; r++) {
      for (int g = 0; g < group; g++) {
        size_t query = (size_t)r * at.heads + head * group + g;
        mean += __expf(l.scores[query * c.max + i] - l.sums[query]);
      }
    }
  } else if (live) {
    int first = 0;  // tile of the sequence, counted as RowTile does
    for (int s = 0; s < seq; s++) first += (step.seq(ROW_COUNT, s) + FLASH_ROWS - 1) / FLASH_ROWS;
    for (int t = first; t < first + (rows + FLASH_ROWS - 1) / FLASH_ROWS; t++)
      for (int g = 0; g < group; g++)
        mean += l.shares[((size_t)t * at.heads + head * group + g) * c.max + i];
  }
  float threshold = __int_as_float(step.seq(thresholdField, seq));
  l.kept[list * c.max + i] = live && mean / (rows * group) > threshold;
}

// The tokens kept, per sequence and KV head, and where the prefixes' keys and values lie: [id][kv
// head][max][dim].
struct KeptTokens {
  Kv kv;  // of the prefixes: its `heads` is that of the model
  int *token, *counts;
  int max;  // tokens of a prefix
};

// grid (kv heads, sequences), 128 threads: the list of tokens of kept clusters, by rising number.
KERNEL squeezed_compact(Step step, Clusters c, const uint8_t* kept, const int* starts,
                        KeptTokens out) {
  __shared__ int part[PLAN_THREADS / 32];
  __shared__ int ends[PLAN_THREADS];   // of each cluster's run, in this turn's part of the list
  __shared__ int bases[PLAN_THREADS];  // what a place in the run is away from its token
  int seq = blockIdx.y, head = blockIdx.x, heads = gridDim.x, warp = threadIdx.x >> 5,
      lane = threadIdx.x & 31;
  if (seq >= step.sequenceCount()) return;
  int id = step.seq(PREFIX, seq), total = 0;
  size_t list = (size_t)seq * heads + head;
  int* to = out.token + list * out.max;
  int count = id < 0 ? 0 : c.count(id);
  const int *size = c.sizes + ((size_t)max(id, 0) * heads + head) * c.max,
            *start = starts + ((size_t)max(id, 0) * heads + head) * c.max;
  for (int i0 = 0; i0 < count; i0 += PLAN_THREADS) {
    int i = i0 + threadIdx.x, n = i < count && kept[list * c.max + i] ? size[i] : 0, before = n;
#pragma unroll
    for (int o = 1; o < 32; o <<= 1) {
      int left = __shfl_up_sync(FULL_WARP, before, o);
      before += lane >= o ? left : 0;
    }
    if (lane == 31) part[warp] = before;
    __syncthreads();  // the warps' sums are there
    int all = 0;
    for (int w = 0; w < PLAN_THREADS / 32; w++) {
      before += w < warp ? part[w] : 0;
      all += part[w];
    }
    ends[threadIdx.x] = before;
    bases[threadIdx.x] = i < count ? start[i] - (before - n) : 0;
    __syncthreads();  // the runs are there
    for (int t = threadIdx.x; t < all; t += PLAN_THREADS) {
      int run = 0;  // the first that ends behind t
#pragma unroll
      for (int half = PLAN_THREADS / 2; half > 0; half >>= 1)
        run += ends[run + half - 1] <= t ? half : 0;
      to[total + t] = bases[run] + t;
    }
    total += all;
    __syncthreads();  // part and runs have been read
  }
  if (threadIdx.x == 0) out.counts[list] = total;
}

// A plan of attention: tiles of 64 kept tokens, then all pages.
struct PrefixAndPages {
  static constexpr bool GATHERS = true, CHOOSES = false;

  KeptTokens kept;

  __device__ int tokens(int seq, int head) const { return kept.counts[seq * kept.kv.heads + head]; }
  __device__ int count(const Step& step, Slots slots, int r, int seq, int head) const {
    return (tokens(seq, head) + PAGE - 1) / PAGE + AllPages().count(step, slots, r, seq, head);
  }
  __device__ Tile tile(const Step& step, const Kv& kv, Slots slots, int r, int seq, int head,
                       int i) const {
    int n = tokens(seq, head), runs = (n + PAGE - 1) / PAGE;
    if (i >= runs) return AllPages().tile(step, kv, slots, r, seq, head, i - runs);
    Tile t;
    t.k = kept.kv.k, t.v = kept.kv.v, t.kScale = kept.kv.kScale, t.vScale = kept.kv.vScale;
    t.base = ((size_t)step.seq(PREFIX, seq) * kept.kv.heads + head) * kept.max;
    t.gather = kept.token + ((size_t)seq * kept.kv.heads + head) * kept.max + i * PAGE;
    t.first = 0;
    t.keys = min(PAGE, n - i * PAGE);
    return t;
  }
};
