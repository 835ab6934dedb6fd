// What a device may have beyond OpenCL C 1.2; Variants.java says which of it is used.
//   FP16       cl_khr_fp16: halves are converted by the device           half_float, half_float16
//   SUBGROUPS  cl_khr_subgroups: reductions without local memory         sub_sum, sub_max,
//   SUB_FIRST, SUB_ID, SUB_COUNT DOT        cl_khr_integer_dot_product: four products of bytes dot4
// STAND_INS: what the builtins are defined to do, in OpenCL C 1.2, so that the kernels around them
// are tested anywhere.
#if defined(FP16) && !defined(STAND_INS)
#pragma OPENCL EXTENSION cl_khr_fp16 : enable
#endif
#if defined(SUBGROUPS) && !defined(STAND_INS) && defined(cl_khr_subgroups)
#pragma OPENCL EXTENSION cl_khr_subgroups : enable
#endif
#if defined(SUBGROUPS) && !defined(STAND_INS) && !defined(cl_khr_subgroups) && \
    defined(cl_intel_subgroups)
#pragma OPENCL EXTENSION cl_intel_subgroups : enable
#endif
#if defined(DOT) && !defined(STAND_INS) && __OPENCL_C_VERSION__ < 300
#pragma OPENCL EXTENSION cl_khr_integer_dot_product : enable
#endif

// Oclgrind loses track of what is initialised in vectors that are passed to a function.
#define INLINE __attribute__((always_inline))

#ifdef FP16
#ifdef STAND_INS
INLINE float half_float(uint h) {
  ushort bits = h;
  return vload_half(0, (const half *)&bits);
}
INLINE float16 half_float16(uint16 h) {
  ushort bits[16];
  vstore16(convert_ushort16(h), 0, bits);
  return vload_half16(0, (const half *)bits);
}
#else
INLINE float half_float(uint h) { return convert_float(as_half(convert_ushort(h))); }
INLINE float16 half_float16(uint16 h) { return convert_float16(as_half16(convert_ushort16(h))); }
#endif
#endif

#ifdef DOT
// c + the sum of four products of signed bytes
#ifdef STAND_INS
INLINE int dot4(uint a, uint b, int c) {
  int4 p = convert_int4(as_char4(a)) * convert_int4(as_char4(b));
  return c + p.x + p.y + p.z + p.w;
}
#else
#define dot4(a, b, c) ((c) + dot_4x8packed_ss_int(a, b))
#endif
#endif

#if defined(SUBGROUPS) && defined(LOCAL)
#ifdef STAND_INS
// Runs of 16 work-items; `s` has a float per work-item.
#define SUB 16
#define SUB_SCRATCH LOCAL
#define SUB_FIRST (get_local_id(0) % SUB == 0)
#define SUB_ID (get_local_id(0) / SUB)
#define SUB_COUNT ((LOCAL + SUB - 1) / SUB)
#define SUB_REDUCE(name, op)                                      \
  INLINE float name(float v, local float *s) {                    \
    barrier(CLK_LOCAL_MEM_FENCE); /* an earlier result is read */ \
    s[get_local_id(0)] = v;                                       \
    barrier(CLK_LOCAL_MEM_FENCE); /* every value is in */         \
    int from = get_local_id(0) / SUB * SUB;                       \
    float r = s[from];                                            \
    for (int i = from + 1; i < min(LOCAL, from + SUB); i++) {     \
      r = op(r, s[i]);                                            \
    }                                                             \
    return r;                                                     \
  }
#define SUB_PLUS(a, b) ((a) + (b))
SUB_REDUCE(sub_sum, SUB_PLUS)
SUB_REDUCE(sub_max, fmax)
#else
#define SUB_SCRATCH 0
#define SUB_FIRST (get_sub_group_local_id() == 0)
#define SUB_ID get_sub_group_id()
#define SUB_COUNT get_num_sub_groups()
#define sub_sum(v, s) sub_group_reduce_add(v)
#define sub_max(v, s) sub_group_reduce_max(v)
#endif
#endif
