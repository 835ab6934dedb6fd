// Sums and maxima over a work-group of LOCAL work-items, all of which call with the same scratch of
// GROUP_SCRATCH floats and get the result.
#ifdef LOCAL
#define GROUP_PLUS(a, b) ((a) + (b))
#if LOCAL == 1
#define GROUP_SCRATCH 1
#define group_sum(v, s) (v)
#define group_max(v, s) (v)
#else
#ifdef SUBGROUPS
#define GROUP_SCRATCH (LOCAL + SUB_SCRATCH)
#define GROUP_REDUCE(name, op, sub)                               \
  INLINE float name(float v, local float *s) {                    \
    v = sub(v, s + LOCAL);                                        \
    barrier(CLK_LOCAL_MEM_FENCE); /* an earlier result is read */ \
    if (SUB_FIRST) {                                              \
      s[SUB_ID] = v;                                              \
    }                                                             \
    barrier(CLK_LOCAL_MEM_FENCE); /* every sub-group's is in */   \
    float r = s[0];                                               \
    for (int i = 1; i < SUB_COUNT; i++) {                         \
      r = op(r, s[i]);                                            \
    }                                                             \
    return r;                                                     \
  }
#else
#define GROUP_SCRATCH LOCAL
#define GROUP_REDUCE(name, op, sub)                                              \
  INLINE float name(float v, local float *s) {                                   \
    int id = get_local_id(0);                                                    \
    barrier(CLK_LOCAL_MEM_FENCE); /* the scratch of an earlier result is read */ \
    s[id] = v;                                                                   \
    for (int n = LOCAL / 2; n > 0; n /= 2) {                                     \
      barrier(CLK_LOCAL_MEM_FENCE); /* the halves that are joined are written */ \
      if (id < n) {                                                              \
        s[id] = op(s[id], s[id + n]);                                            \
      }                                                                          \
    }                                                                            \
    barrier(CLK_LOCAL_MEM_FENCE); /* the result is written */                    \
    return s[0];                                                                 \
  }
#endif
GROUP_REDUCE(group_sum, GROUP_PLUS, sub_sum)
GROUP_REDUCE(group_max, fmax, sub_max)
#endif
#endif
