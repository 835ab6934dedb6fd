// Draws one token per row of logits; one work-group of LOCAL work-items per row.
//
// Tokens are ordered by falling logit, then rising id. Every filter keeps a prefix of that order:
// the ids whose key is above `key`, and the first `ties` ids whose key equals it. A prefix that
// reaches a count or a mass is found by a radix search over the keys, four bits at a time from the
// top. With PAIRS a row holds n pairs of (value, id) by rising id, the candidates of several ranks.
#define BINS 16
#ifdef PAIRS
#define AT(x, i) (x)[2 * (i)]
#define ID(x, i) ((int)(x)[2 * (i) + 1])
#else
#define AT(x, i) (x)[i]
#define ID(x, i) (i)
#endif
#if LOCAL == 1
#define SYNC()
#else
#define SYNC() barrier(CLK_LOCAL_MEM_FENCE)
#endif

typedef struct {
  uint key;
  int ties;
} Prefix;

// Unsigned order of the key is the order of the float.
inline uint order(float x) {
  uint b = as_uint(x);
  return b & 0x80000000u ? ~b : b | 0x80000000u;
}

inline float weight(float x, float top, float inverseT, bool mass) {
  return mass ? exp((x - top) * inverseT) : 1.0f;
}

inline float value(uint key) { return as_float(key & 0x80000000u ? key & 0x7fffffffu : ~key); }

// Sums bins of all work-items into bins[0 .. 15] of the first.
inline void merge(local float *bins) {
  SYNC();  // every work-item's bins are counted
  int id = get_local_id(0);
  for (int b = id; b < BINS; b += LOCAL) {
    float s = 0;
    for (int i = 0; i < LOCAL; i++) {
      s += bins[i * BINS + b];
    }
    bins[b] = s;
  }
  SYNC();  // the sums are written
}

// The smallest prefix within `limit` whose weight reaches `target` (exceeds it, if strict).
inline Prefix reach(const global float *x, int n, Prefix limit, bool mass, float top,
                    float inverseT, float target, bool strict, local float *bins) {
  int id = get_local_id(0);
  int each = (n + LOCAL - 1) / LOCAL;
  int from = min(n, id * each);
  int to = min(n, from + each);
  uint prefix = 0;
  float above = 0;
  for (int shift = 28; shift >= 0; shift -= 4) {
    SYNC();  // the last round's sums are read
    local float *mine = bins + id * BINS;
    for (int b = 0; b < BINS; b++) {
      mine[b] = 0;
    }
    for (int i = from; i < to; i++) {
      uint k = order(AT(x, i));
      if (k >= limit.key && (shift == 28 || k >> (shift + 4) == prefix)) {
        // Ties at the limit count only as far as the limit lets them: added once, below.
        if (k > limit.key) {
          mine[k >> shift & 15u] += weight(AT(x, i), top, inverseT, mass);
        }
      }
    }
    if (id == 0 && limit.ties > 0 && (shift == 28 || limit.key >> (shift + 4) == prefix)) {
      mine[limit.key >> shift & 15u] += limit.ties * weight(value(limit.key), top, inverseT, mass);
    }
    merge(bins);
    int bin = -1;
    int lowest = 0;
    float a = above;
    float lowestAbove = above;
    for (int b = BINS - 1; b >= 0 && bin < 0; b--) {
      float next = a + bins[b];
      if (strict ? next > target : next >= target) {
        bin = b;
      } else {
        if (bins[b] > 0) {  // rounding may leave the target just out of reach: the last bin then
          lowest = b;
          lowestAbove = a;
        }
        a = next;
      }
    }
    above = bin < 0 ? lowestAbove : a;
    prefix = prefix << 4 | (uint)(bin < 0 ? lowest : bin);
  }
  Prefix r;
  r.key = prefix;
  float w = weight(value(prefix), top, inverseT, mass);
  float need = (target - above) / w;
  r.ties = strict ? (int)floor(need) + 1 : (int)ceil(need);
  r.ties = max(1, r.ties);
  if (prefix == limit.key) {
    r.ties = min(r.ties, limit.ties);
  }
  return r;
}

// Weight of a prefix.
inline float total(const global float *x, int n, Prefix p, float top, float inverseT,
                   local float *bins) {
  int id = get_local_id(0);
  int each = (n + LOCAL - 1) / LOCAL;
  int to = min(n, (id + 1) * each);
  float s = 0;
  for (int i = id * each; i < to; i++) {
    if (order(AT(x, i)) > p.key) {
      s += weight(AT(x, i), top, inverseT, true);
    }
  }
  SYNC();  // earlier sums are read
  for (int b = 0; b < BINS; b++) {
    bins[id * BINS + b] = b == 0 ? s : 0;
  }
  merge(bins);
  return p.ties > 0 ? bins[0] + p.ties * weight(value(p.key), top, inverseT, true) : bins[0];
}

// Number of ids with this key.
inline int equals(const global float *x, int n, uint key, local float *bins) {
  int id = get_local_id(0);
  int each = (n + LOCAL - 1) / LOCAL;
  int to = min(n, (id + 1) * each);
  int s = 0;
  for (int i = id * each; i < to; i++) {
    s += order(AT(x, i)) == key;
  }
  SYNC();  // earlier sums are read
  for (int b = 0; b < BINS; b++) {
    bins[id * BINS + b] = b == 0 ? s : 0;
  }
  merge(bins);
  return (int)bins[0];
}

// The largest logit of the row.
inline float maximum(const global float *x, int n, local float *bins) {
  int id = get_local_id(0);
#ifdef PAIRS
  int whole = 0;
  float r = -INFINITY;
#else
  float16 m = -INFINITY;
  int whole = n / 16;
  for (int i = id; i < whole; i += LOCAL) {
    m = fmax(m, vload16(i, x));
  }
  float r = max16(m);
#endif
  for (int i = whole * 16 + id; i < n; i += LOCAL) {
    r = fmax(r, AT(x, i));
  }
  return group_max(r, bins);
}

// The id of the `nth` token (0 first) with this key, by rising id.
inline int nth(const global float *x, int n, uint key, int count, local float *bins) {
  int id = get_local_id(0);
  int each = (n + LOCAL - 1) / LOCAL;
  int from = min(n, id * each);
  int to = min(n, from + each);
  int mine = 0;
  for (int i = from; i < to; i++) {
    mine += order(AT(x, i)) == key;
  }
  SYNC();  // earlier bins are read
  bins[id * BINS] = mine;
  SYNC();  // every work-item's count is in
  int before = 0;
  for (int i = 0; i < id; i++) {
    before += (int)bins[i * BINS];
  }
  if (count < before || count >= before + mine) {
    return -1;
  }
  int i = from - 1;
  for (int left = count - before; left >= 0;) {
    left -= order(AT(x, ++i)) == key;
  }
  return i;
}

kernel void sample(const global int *step, int4 lim, const global float *logits, global int *ids,
                   int n) {
  local float bins[LOCAL * BINS];
  int row = get_group_id(0);
  const global float *x = &AT(logits, (long)row * n);
  float temperature = as_float(LOGIT_FIELD(step, lim, LOGIT_TEMPERATURE, row));
  float top = maximum(x, n, bins);
  Prefix pick = {order(top), 1};
  if (temperature > 0) {
    int topK = LOGIT_FIELD(step, lim, LOGIT_TOP_K, row);
    float topP = as_float(LOGIT_FIELD(step, lim, LOGIT_TOP_P, row));
    float minP = as_float(LOGIT_FIELD(step, lim, LOGIT_MIN_P, row));
    float uniform_ = as_float(LOGIT_FIELD(step, lim, LOGIT_UNIFORM, row));
    float inverseT = 1 / temperature;
    Prefix keep = {0, 0};
    if (topK > 0 && topK < n) {
      keep = reach(x, n, keep, false, top, inverseT, topK, false, bins);
    }
    if (topP < 1) {
      float all = total(x, n, keep, top, inverseT, bins);
      keep = reach(x, n, keep, true, top, inverseT, topP * all, false, bins);
    }
    if (minP > 0) {
      // The cut lies between two keys unless the first token alone is left.
      uint cut = order(top + log(fmin(minP, 1.0f)) * temperature);
      if (cut > keep.key) {
        keep.key = min(cut, order(top));
        keep.ties = equals(x, n, keep.key, bins);
      }
    }
    float all = total(x, n, keep, top, inverseT, bins);
    pick = reach(x, n, keep, true, top, inverseT, uniform_ * all, true, bins);
  }
  int id = nth(x, n, pick.key, pick.ties - 1, bins);
  if (id >= 0) {
    ids[row] = ID(x, id);
  }
}
