// Attention plans that choose what they read: selection on the device, then attention over the
// choice. Compiled once per KV codec: -DGATUN_KV=KV_F16.
#include "squeezed_tiles.cuh"
#include "topk.cuh"

#define ATTEND(HEADS)                                                                              \
  KERNEL attend_pages_##HEADS(Step step, PageLists lists, const float* q, Kv kv, int heads,        \
                              float scale, int window, float softCap, int maxRows, int splits,     \
                              Partial partial, float* out, float* lse) {                           \
    attend<HEADS>(step, lists, q, kv, heads, scale, window, softCap, maxRows, splits, partial,     \
                  out, lse);                                                                       \
  }                                                                                                \
  KERNEL attend_prefix_##HEADS(Step step, PrefixAndPages plan, const float* q, Kv kv, int heads,   \
                               float scale, int window, float softCap, int maxRows, int splits,    \
                               Partial partial, float* out, float* lse) {                          \
    attend<HEADS>(step, plan, q, kv, heads, scale, window, softCap, maxRows, splits, partial, out, \
                  lse);                                                                            \
  }

ATTEND(1)
ATTEND(2)
ATTEND(4)
ATTEND(8)

// Tokens that are named one by one take registers: with three blocks those of 128 would spill.
constexpr int prefixBlocks(int dim) { return dim == 128 ? 2 : flashBlocks(dim); }

// grid (tiles of 64 rows, query heads): squeezed_tiles_ of all sequences, the others of those that
// bring at least minRows rows.
#define FLASH(D)                                                                                 \
  KERNEL __launch_bounds__(FLASH_THREADS, flashBlocks(D))                                        \
      flash_pages_##D(Step step, PageUnion pages, const float* q, Kv kv, int heads, float scale, \
                      int window, float softCap, int minRows, float* out, float* lse) {          \
    flashForward<KV, D>(step, pages, q, kv, heads, scale, window, softCap, minRows, out, lse);   \
  }                                                                                              \
  KERNEL __launch_bounds__(FLASH_THREADS, prefixBlocks(D)) flash_prefix_##D(                     \
      Step step, PrefixAndPages plan, const float* q, Kv kv, int heads, float scale, int window, \
      float softCap, int minRows, float* out, float* lse) {                                      \
    flashForward<KV, D>(step, plan, q, kv, heads, scale, window, softCap, minRows, out, lse);    \
  }                                                                                              \
  KERNEL __launch_bounds__(FLASH_THREADS, flashBlocks(D))                                        \
      squeezed_tiles_##D(Step step, const float* q, Scoring at, Clusters c, Lookup l) {          \
    lookupTiles<D>(step, q, at, c, l);                                                           \
  }

FLASH(64)
FLASH(80)
FLASH(96)
FLASH(128)
FLASH(192)
FLASH(256)
