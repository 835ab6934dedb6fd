// Draws one token per row of logits; one work-group of LOCAL work-items per row.
//
// Tokens are ordered by falling logit, then rising id. Every filter keeps a prefix of that order:
// the ids whose key is above `key`, and the first `ties` ids whose key equals it. A prefix that
// reaches a count or a mass is found by a radix search over the keys, DIGIT bits at a time from the
// top. With PAIRS a row holds n pairs of (value, id) by rising id, the candidates of several ranks.
#if LOCAL == 1
#define DIGIT 11
#else
#define DIGIT 6  // every work-item has bins of its own
#endif
#define BINS (1 << DIGIT)
#define TOP_SHIFT (31 / DIGIT * DIGIT)
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
inline uint16 order16(float16 x) {
  return as_uint16(x) ^ (as_uint16(as_int16(x) >> 31) | 0x80000000u);
}

inline float weight(float x, float top, float inverseT, bool mass) {
  return mass ? exp((x - top) * inverseT) : 1.0f;
}

inline float value(uint key) { return as_float(key & 0x80000000u ? key & 0x7fffffffu : ~key); }

// Sums the first `count` bins of all work-items into those of the first.
inline void merge(local float *bins, int count) {
  SYNC();  // every work-item's bins are counted
  for (int b = get_local_id(0); b < count; b += LOCAL) {
    float s = 0;
    for (int i = 0; i < LOCAL; i++) {
      s += bins[i * BINS + b];
    }
    bins[b] = s;
  }
  SYNC();  // the sums are written
}

#define DIGIT_AT(key, shift) ((key) >> (shift) & (BINS - 1))
// Whether a key has the digits above `shift` that were found.
#define WITHIN(key, shift, prefix) ((shift) == TOP_SHIFT || (key) >> ((shift) + DIGIT) == (prefix))

// Adds to the bins of their digits at `shift` what logits from .. to weigh, of those above `limit`
// that begin with `prefix`.
inline void weigh(const global float *x, int from, int to, uint limit, uint prefix, int shift,
                  bool mass, float top, float inverseT, local float *mine) {
  int i = from;
#if LOCAL == 1 && !defined(PAIRS)
  for (; i + 16 <= to; i += 16) {
    float16 v = vload16(0, x + i);
    uint16 key = order16(v);
    int16 in = key > limit;
    if (shift < TOP_SHIFT) {
      in = in && key >> (uint16)(shift + DIGIT) == prefix;
    }
    if (!any(in)) {
      continue;
    }
    float16 each = mass ? exp((v - top) * inverseT) : (float16)1;
    float w[16];
    uint digits[16];
    vstore16(select((float16)0, each, in), 0, w);
    vstore16(key >> (uint16)shift & (uint16)(BINS - 1), 0, digits);
    _Pragma("unroll") for (int j = 0; j < 16; j++) { mine[digits[j]] += w[j]; }
  }
#endif
  for (; i < to; i++) {
    uint k = order(AT(x, i));
    if (k > limit && WITHIN(k, shift, prefix)) {
      mine[DIGIT_AT(k, shift)] += weight(AT(x, i), top, inverseT, mass);
    }
  }
}

// The smallest prefix within `limit` whose weight reaches `target` (exceeds it, if strict); of a
// mass, `target` is the share of the limit's.
inline Prefix reach(const global float *x, int n, Prefix limit, bool mass, float top,
                    float inverseT, float target, bool strict, local float *bins) {
  int id = get_local_id(0);
  int each = (n + LOCAL - 1) / LOCAL;
  int from = min(n, id * each);
  int to = min(n, from + each);
  local float *mine = bins + id * BINS;
  // Ties at the limit count only as far as the limit lets them.
  float ties = limit.ties > 0 ? limit.ties * weight(value(limit.key), top, inverseT, mass) : 0;
  uint prefix = 0;
  float above = 0;
  for (int shift = TOP_SHIFT; shift >= 0; shift -= DIGIT) {
    SYNC();  // the last round's sums are read
    for (int b = 0; b < BINS; b++) {
      mine[b] = 0;
    }
    weigh(x, from, to, limit.key, prefix, shift, mass, top, inverseT, mine);
    if (id == 0 && limit.ties > 0 && WITHIN(limit.key, shift, prefix)) {
      mine[DIGIT_AT(limit.key, shift)] += ties;
    }
    merge(bins, BINS);
    if (mass && shift == TOP_SHIFT) {
      float all = 0;
      for (int b = 0; b < BINS; b++) {
        all += bins[b];
      }
      target *= all;
    }
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
    prefix = prefix << DIGIT | (uint)(bin < 0 ? lowest : bin);
  }
  Prefix r;
  r.key = prefix;
  float need = (target - above) / weight(value(prefix), top, inverseT, mass);
  r.ties = strict ? (int)floor(need) + 1 : (int)ceil(need);
  r.ties = max(1, r.ties);
  if (prefix == limit.key) {
    r.ties = min(r.ties, limit.ties);
  }
  return r;
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
  bins[id * BINS] = s;
  merge(bins, 1);
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
      keep = reach(x, n, keep, true, top, inverseT, topP, false, bins);
    }
    if (minP > 0) {
      // The cut lies between two keys unless the first token alone is left.
      uint cut = order(top + log(fmin(minP, 1.0f)) * temperature);
      if (cut > keep.key) {
        keep.key = min(cut, order(top));
        keep.ties = equals(x, n, keep.key, bins);
      }
    }
    pick = reach(x, n, keep, true, top, inverseT, uniform_, true, bins);
  }
  int id = nth(x, n, pick.key, pick.ties - 1, bins);
  if (id >= 0) {
    ids[row] = ID(x, id);
  }
}
