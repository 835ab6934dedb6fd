package org.gatun.tornado.kernels;

/**
 * Attention with an online softmax over tiles of one page (Dao et al. 2022, arXiv 2205.14135), the
 * keys of a row split among groups where rows and heads are few (flash-decoding), and the merge of
 * the splits by their log sums.
 *
 * <p>A group is a (row, head, split). Local memory: scores of the tile, then each lane's running
 * maximum and sum, then the weighted values. A lane owns every LANES-th element of those; while it
 * adds a tile of 16-bit values, every LANES-th word's two elements, which lie half a head apart.
 */
public final class Attend {
  /** Parameters; {@code FLOATS}: scale, softCap. */
  public static final int Q = 1,
      Y = 2,
      LSE = 3,
      HEADS = 4,
      KV_HEADS = 5,
      DIM = 6,
      WINDOW = 7,
      K = 8,
      V = 9,
      HALVES = 10,
      PARTS = 11,
      FLOATS = 12;

  /** Largest head dim: what local memory holds beside the scores. */
  public static final int MOST_DIM = Pool.LOCAL - 64 - 2 * Pool.MOST_LANES;

  private static final float HIDDEN = -1e30f;

  private static final int MAX = 64, SUM = 64 + Pool.MOST_LANES, VALUES = 64 + 2 * Pool.MOST_LANES;

  private Attend() {}

  private static int splits(int[] step, int[] w, int p) {
    return step[w[p + WINDOW] > 0 ? Pool.SPLITS_WINDOW : Pool.SPLITS_ALL];
  }

  /** First page a row may see: where slots are positions, a window cuts the front off. */
  private static int firstPage(int[] step, int[] w, int p, int r, int s) {
    int window = w[p + WINDOW];
    int first = Pool.row(step, w, 2, r) - window + 1;
    first = window > 0 ? first : 0;
    first = Pool.sequence(step, w, 6, s) < 0 ? first : 0;
    return first > 0 ? first >> 6 : 0;
  }

  /** Pages up to the last a row may see. */
  private static int endPage(int[] step, int[] w, int r, int s) {
    int end = Pool.sequence(step, w, 2, s);
    int causal = end - Pool.sequence(step, w, 1, s) + r - Pool.sequence(step, w, 0, s) + 1;
    end = Pool.sequence(step, w, 4, s) > 0 ? end : causal;
    return (end + 63) >> 6;
  }

  /** Tiles of a group's split; the same for all its lanes. */
  public static int tiles(int group, int[] step, int[] call, int[] w, int k) {
    int p = Pool.params(call, k);
    int splits = splits(step, w, p);
    int row = group / (w[p + HEADS] * splits);
    int r = row < step[0] ? row : 0;
    int s = Pool.row(step, w, 1, r);
    int pages = endPage(step, w, r, s) - firstPage(step, w, p, r, s);
    int each = (pages + splits - 1) / splits;
    int left = pages - group % splits * each;
    left = left < each ? left : each;
    left = row < step[0] ? left : 0;
    return left < 0 ? 0 : left;
  }

  /** Clears the lane's state. */
  public static void begin(int lane, int lanes, float[] local, int[] call, int[] w, int k) {
    int p = Pool.params(call, k);
    local[MAX + lane] = HIDDEN;
    local[SUM + lane] = 0f;
    for (int i = lane; i < w[p + DIM]; i += lanes) {
      local[VALUES + i] = 0f;
    }
  }

  /** Scores of the lane's keys in tile {@code t}. */
  public static void scores(
      int group,
      int lane,
      int lanes,
      int t,
      float[] local,
      int[] step,
      int[] call,
      int[] w,
      float[] f,
      int[] kv,
      int k) {
    int p = Pool.params(call, k);
    int heads = w[p + HEADS];
    int splits = splits(step, w, p);
    int r = group / (heads * splits);
    int h = group / splits % heads;
    int s = Pool.row(step, w, 1, r);
    int firstPage = firstPage(step, w, p, r, s);
    int each = (endPage(step, w, r, s) - firstPage + splits - 1) / splits;
    int tile = firstPage + group % splits * each + t;
    int dim = w[p + DIM];
    int kvHeads = w[p + KV_HEADS];
    int halves = w[p + HALVES];
    int words = halves == 1 ? dim >> 1 : dim;
    int q = w[p + Q] + (r * heads + h) * dim;
    int slots =
        w[p + K]
            + (Pool.page(step, w, s, tile * 64) * 64 * kvHeads + h / (heads / kvHeads)) * words;
    float scale = f[w[p + FLOATS]];
    float cap = f[w[p + FLOATS] + 1];
    for (int j = lane; j < 64; j += lanes) {
      float score = HIDDEN;
      if (visible(step, w, r, s, tile * 64 + j, w[p + WINDOW]) != 0) {
        int at = slots + j * kvHeads * words;
        // Two loops, one of them empty: behind an if and an else that both end in a loop, TornadoVM
        // takes the wrong one's result.
        int pairs = halves == 1 ? words : 0;
        int plain = halves == 1 ? 0 : dim;
        float dot = 0f;
        float more = 0f;
        for (int i = 0; i < pairs; i++) {
          int v = kv[at + i];
          dot += f[q + i] * Arithmetic.half(v & 65535);
          more += f[q + words + i] * Arithmetic.half(v >> 16 & 65535);
        }
        for (int i = 0; i < plain; i += 2) {
          dot += f[q + i] * f[at + i];
          // An odd head dim ends on its last element, twice over and the second time times 0.
          int next = i + 1 < plain ? i + 1 : i;
          more += (next > i ? f[q + next] : 0f) * f[at + next];
        }
        dot += more;
        score = dot * scale;
        if (cap > 0f) {
          score = cap * Arithmetic.tanh(score / cap);
        }
      }
      local[j] = score;
    }
  }

  /** 1 if row {@code r} sees this slot: {@code Step.visible}, without a branch. */
  private static int visible(int[] step, int[] w, int r, int s, int slot, int window) {
    int length = Pool.sequence(step, w, 2, s);
    int there = slot < length ? slot : length - 1;
    int positions = Pool.sequence(step, w, 6, s);
    int held = step[w[Pool.POSITIONS_AT] + (positions < 0 ? 0 : positions + there)];
    int position = positions < 0 ? there : held;
    int reach = window > 0 ? window : 2147483647;
    int near = Pool.row(step, w, 2, r) - position < reach ? 1 : 0;
    int count = Pool.sequence(step, w, 1, s);
    int j = there - (length - count);
    int own = j < 0 ? 0 : j;
    int i = r - Pool.sequence(step, w, 0, s);
    int mask = Pool.sequence(step, w, 4, s);
    int word = Pool.sequence(step, w, 5, s) + i * ((count + 31) >> 5) + (own >> 5);
    int bits = step[w[Pool.MASKS_AT] + (mask > 1 ? word : 0)];
    int seen = mask > 1 ? bits >> (own & 31) & 1 : 1;
    seen = mask > 0 ? seen : own <= i ? 1 : 0;
    seen = j < 0 ? 1 : seen;
    return (slot < length ? 1 : 0) & near & seen;
  }

  /** Adds the tile's values, weighted, to the elements the lane owns. */
  public static void accumulate(
      int group,
      int lane,
      int lanes,
      int t,
      float[] local,
      int[] step,
      int[] call,
      int[] w,
      float[] f,
      int[] kv,
      int k) {
    int p = Pool.params(call, k);
    float max = local[MAX + lane];
    float before = max;
    for (int j = 0; j < 64; j++) {
      float x = local[j];
      max = x > max ? x : max;
    }
    if (max <= HIDDEN) {
      return;
    }
    int heads = w[p + HEADS];
    int splits = splits(step, w, p);
    int r = group / (heads * splits);
    int h = group / splits % heads;
    int s = Pool.row(step, w, 1, r);
    int firstPage = firstPage(step, w, p, r, s);
    int each = (endPage(step, w, r, s) - firstPage + splits - 1) / splits;
    int tile = firstPage + group % splits * each + t;
    int dim = w[p + DIM];
    int kvHeads = w[p + KV_HEADS];
    int halves = w[p + HALVES];
    int words = halves == 1 ? dim >> 1 : dim;
    int slots =
        w[p + V]
            + (Pool.page(step, w, s, tile * 64) * 64 * kvHeads + h / (heads / kvHeads)) * words;
    float shrink = before <= HIDDEN ? 0f : Arithmetic.expNegative(before - max);
    float sum = local[SUM + lane] * shrink;
    // As the sums below divide the elements among lanes: another lane's may be ahead or behind.
    for (int i = lane; i < words; i += lanes) {
      local[VALUES + i] = local[VALUES + i] * shrink;
    }
    int high = dim - words;
    for (int i = lane; i < high; i += lanes) {
      local[VALUES + words + i] = local[VALUES + words + i] * shrink;
    }
    for (int j = 0; j < 64; j++) {
      if (local[j] > HIDDEN) {
        float weight = Arithmetic.expNegative(local[j] - max);
        sum += weight;
        int at = slots + j * kvHeads * words;
        if (halves == 1) {
          for (int i = lane; i < words; i += lanes) {
            int v = kv[at + i];
            local[VALUES + i] = local[VALUES + i] + weight * Arithmetic.half(v & 65535);
            local[VALUES + words + i] =
                local[VALUES + words + i] + weight * Arithmetic.half(v >> 16 & 65535);
          }
        } else {
          for (int i = lane; i < dim; i += lanes) {
            local[VALUES + i] = local[VALUES + i] + weight * f[at + i];
          }
        }
      }
    }
    local[MAX + lane] = max;
    local[SUM + lane] = sum;
  }

  /** Writes the row, or what a merge needs of this split. */
  public static void end(
      int group,
      int lane,
      int lanes,
      float[] local,
      int[] step,
      int[] call,
      int[] w,
      float[] f,
      int k) {
    int p = Pool.params(call, k);
    int heads = w[p + HEADS];
    int splits = splits(step, w, p);
    if (group / (heads * splits) >= step[0]) {
      return;
    }
    int dim = w[p + DIM];
    float sum = local[SUM + lane];
    float max = local[MAX + lane];
    if (splits == 1) {
      write(group, lane, lanes, max, sum, local, w, f, p);
      return;
    }
    int part = w[p + PARTS] + group * (dim + 2);
    for (int i = lane; i < dim; i += lanes) {
      f[part + i] = local[VALUES + i];
    }
    if (lane == 0) {
      f[part + dim] = max;
      f[part + dim + 1] = sum;
    }
  }

  private static void write(
      int rowHead,
      int lane,
      int lanes,
      float max,
      float sum,
      float[] local,
      int[] w,
      float[] f,
      int p) {
    int dim = w[p + DIM];
    int y = w[p + Y] + rowHead * dim;
    float inverse = sum > 0f ? 1f / sum : 0f;
    for (int i = lane; i < dim; i += lanes) {
      f[y + i] = local[VALUES + i] * inverse;
    }
    int lse = w[p + LSE];
    if (lane == 0 && lse >= 0) {
      f[lse + rowHead] = sum > 0f ? max + Arithmetic.log(sum) : f[Pool.NEGATIVE_INFINITY];
    }
  }

  /** Merges the splits of a (row, head). */
  public static void merge(
      int group,
      int lane,
      int lanes,
      float[] local,
      int[] step,
      int[] call,
      int[] w,
      float[] f,
      int k) {
    int p = Pool.params(call, k);
    int splits = splits(step, w, p);
    if (splits == 1 || group >= step[0] * w[p + HEADS]) {
      return;
    }
    int dim = w[p + DIM];
    int parts = w[p + PARTS] + group * splits * (dim + 2);
    float max = HIDDEN;
    for (int s = 0; s < splits; s++) {
      float m = f[parts + s * (dim + 2) + dim];
      max = m > max ? m : max;
    }
    float sum = 0f;
    for (int i = lane; i < dim; i += lanes) {
      local[VALUES + i] = 0f;
    }
    for (int s = 0; s < splits; s++) {
      int part = parts + s * (dim + 2);
      float m = f[part + dim];
      if (m > HIDDEN) {
        float weight = Arithmetic.expNegative(m - max);
        sum += weight * f[part + dim + 1];
        for (int i = lane; i < dim; i += lanes) {
          local[VALUES + i] = local[VALUES + i] + weight * f[part + i];
        }
      }
    }
    write(group, lane, lanes, max, sum, local, w, f, p);
  }
}
