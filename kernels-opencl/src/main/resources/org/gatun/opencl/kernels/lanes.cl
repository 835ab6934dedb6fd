// Weights on the device: 16 rows interleaved, block by block, same size as in the file.
//
//   group g (rows 16g … 16g+15) → block 0, block 1, …
//   block: [16 × half d]  (formats whose blocks are not whole words)   32 bytes
//          [16 × word 0] [16 × word 1] …                               64 bytes each
//
// LANES 16: one work-item holds 16 rows in a vector (CPU). LANES 1: one row per work-item, `lane`
// in scope says which (GPU: 16 neighbours read 64 adjacent bytes).
#if LANES == 16
typedef uint16 VU;
typedef int16 VI;
typedef float16 VF;
#define WORD(p, i) vload16(i, (const global uint *)((p) + HEAD_BYTES))
#define HALF_HEAD(p) half_bits16(convert_uint16(vload16(0, (const global ushort *)(p))))
#define F(v) convert_float16(v)
#define FS(v) convert_float16(as_int16(v))
#define BITS(v) as_float16(v)
#define SIGNED(v) as_int16(v)
#define HALF(v) half_bits16(v)
#define LOOKUP(table, i)                                                                \
  ((float16)(table[(i).s0], table[(i).s1], table[(i).s2], table[(i).s3], table[(i).s4], \
             table[(i).s5], table[(i).s6], table[(i).s7], table[(i).s8], table[(i).s9], \
             table[(i).sa], table[(i).sb], table[(i).sc], table[(i).sd], table[(i).se], \
             table[(i).sf]))
#else
typedef uint VU;
typedef int VI;
typedef float VF;
#define WORD(p, i) ((const global uint *)((p) + HEAD_BYTES))[16 * (i) + lane]
#define HALF_HEAD(p) half_bits(((const global ushort *)(p))[lane])
#define F(v) convert_float(v)
#define FS(v) convert_float(as_int(v))
#define BITS(v) as_float(v)
#define SIGNED(v) as_int(v)
#define HALF(v) half_bits(v)
#define LOOKUP(table, i) table[i]
#endif

// A codec defines, for one block of BLOCK columns made of segments of SEG columns:
//   HEAD_BYTES, WORDS    the block's size: HEAD_BYTES + 64 × WORDS for 16 rows
//   SCALE(p, s)          the segment's scale
//   MINIMUM(p, s)        what is subtracted from scale × q (only formats that define AFFINE)
//   DECODE(p, s)         calls EMIT(column in segment, q as VF) once per column, s in scope
//   PACKED(p, s, k)      columns 4k … 4k + 3 as signed bytes that are q + OFFSET (only quantised
//   formats)
// Each user defines EMIT first.
#define BYTES4(v, k)                     \
  EMIT(4 * (k) + 0, F((v) & 255u))       \
  EMIT(4 * (k) + 1, F((v) >> 8 & 255u))  \
  EMIT(4 * (k) + 2, F((v) >> 16 & 255u)) \
  EMIT(4 * (k) + 3, F((v) >> 24))
