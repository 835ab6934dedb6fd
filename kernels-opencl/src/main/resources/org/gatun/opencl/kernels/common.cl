// The step descriptor as Step.java lays it out; `lim` = (rows, logit rows, sequences, pages)
// limits.
#define STEP_ROWS 0
#define STEP_SEQUENCES 1
#define STEP_LOGIT_ROWS 2
#define STEP_HEADER 16
#define ROW_FIELD(step, lim, f, r) (step)[STEP_HEADER + (f) * (lim).x + (r)]
#define LOGIT_BASE(lim) (STEP_HEADER + 6 * (lim).x)
#define LOGIT_FIELD(step, lim, f, l) (step)[LOGIT_BASE(lim) + (f) * (lim).y + (l)]
#define SEQ_BASE(lim) (LOGIT_BASE(lim) + 6 * (lim).y)
#define SEQ_FIELD(step, lim, f, s) (step)[SEQ_BASE(lim) + (f) * (lim).z + (s)]
#define PAGE_BASE(lim) (SEQ_BASE(lim) + 11 * (lim).z)
#define MASK_BASE(lim) (PAGE_BASE(lim) + (lim).w)
#define MASK_SIDE(lim) min((lim).x, 256)
#define POSITION_BASE(lim) (MASK_BASE(lim) + MASK_SIDE(lim) * ((MASK_SIDE(lim) + 31) / 32))
enum { ROW_TOKEN, ROW_SEQUENCE, ROW_POSITION, ROW_SLOT, ROW_ADAPTER, ROW_LOGIT };
enum { LOGIT_ROW, LOGIT_TEMPERATURE, LOGIT_TOP_K, LOGIT_TOP_P, LOGIT_MIN_P, LOGIT_UNIFORM };
enum {
  SEQ_ROW_START,
  SEQ_ROW_COUNT,
  SEQ_KV_LENGTH,
  SEQ_TABLE,
  SEQ_MASK,
  SEQ_MASK_OFFSET,
  SEQ_POSITIONS,
  SEQ_PREFIX,
  SEQ_COARSE,
  SEQ_FINE,
  SEQ_FRESH
};
enum { MASK_CAUSAL, MASK_FULL, MASK_EXPLICIT };
#define PAGE 64

#ifdef FP16
#define half_bits half_float
#define half_bits16 half_float16
#else
// Half to float by bits (finite values exact, denormals included): baseline OpenCL 1.2 drivers turn
// vload_half into a call per lane.
#define HALF_SCALE 0x1p112f
INLINE float half_bits(uint h) {
  return as_float(as_uint(as_float((h & 0x7fffu) << 13) * HALF_SCALE) | (h & 0x8000u) << 16);
}
INLINE float16 half_bits16(uint16 h) {
  return as_float16(as_uint16(as_float16((h & 0x7fffu) << 13) * HALF_SCALE) | (h & 0x8000u) << 16);
}
#endif

// The same values times RAW_SCALE⁻², in fewer steps: factors of products are multiplied with
// RAW_SCALE before, and sums after, where they are multiplied anyway.
#define RAW_SCALE 0x1p56f
INLINE float16 raw_half16(ushort16 h) {
  return as_float16((convert_int16(as_short16(h)) << 13) & (int)0x8fffffff);
}
// The halves go through memory that compilers see through: Oclgrind 21.10 takes a shuffle that
// picks lane 11 (v.hi of a float16, say) for one of undefined lanes.
INLINE float sum16(float16 v) {
  float t[16];
  vstore16(v, 0, t);
  float8 a = vload8(0, t) + vload8(1, t);
  float4 b = a.lo + a.hi;
  float2 c = b.lo + b.hi;
  return c.x + c.y;
}
INLINE float max16(float16 v) {
  float t[16];
  vstore16(v, 0, t);
  float8 a = fmax(vload8(0, t), vload8(1, t));
  float4 b = fmax(a.lo, a.hi);
  float2 c = fmax(b.lo, b.hi);
  return fmax(c.x, c.y);
}

// Asks for the lines of `bytes` bytes, so that memory brings them while products go on: loads keep
// too few of them in flight. Compilers whose target is the host itself have a builtin that does it;
// PoCL's prefetch() is empty.
#if defined(__x86_64__) || defined(__aarch64__)
#define ASK(at, bytes)                                                  \
  _Pragma("unroll") for (int line_ = 0; line_ < (bytes); line_ += 64) { \
    __builtin_prefetch((const global char *)(at) + line_, 0, 3);        \
  }
#else
#define ASK(at, bytes) prefetch((const global char *)(at), bytes);
#endif

// Clusters of a plane of a lookup's scratch.
#define LOOKUP_PLANE(n) (((n) + 15) / 16 * 16)
// The number of units of kept tokens that were taken, behind the bits of all sequences.
#define KEPT_TAKEN(bits, lim, heads, words) ((bits) + (long)(lim).z * (heads) * (words))
