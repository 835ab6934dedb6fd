// KV pages of 64 slots, one K and one V buffer per layer. Keys are transposed, so that neighbouring
// lanes hold neighbouring slots; values are not, so that they hold neighbouring elements:
//   K [page][kv head] { [element][slot] }      V [page][kv head] { [slot][element] }
// INT8 keeps one f32 scale per slot behind the elements of a page and head: { …, [slot] }.
//
// KV_RAW16 and KV_RAW_FIRST16 give 16 neighbours times KV_SCALE⁻²; of the latter's, only the first
// `live` were ever written; the others are 0.
#if defined(KV_F16)
typedef half KV;
typedef ushort KVBITS;
typedef short16 KVMASK;
#define KV_BLOCK(dim) ((dim) * PAGE)
// Saturates: an infinity would turn every score of the sequence into NaN.
#define KV_STORE(v, i, p) vstore_half_rte(clamp(v, -65504.0f, 65504.0f), i, p)
#define KV_BITS16(p) vload16(0, (const global ushort *)(p))
#define KV_LOAD(i, p) half_bits(((const global ushort *)(p))[i])
#define KV_SCALE RAW_SCALE
#define KV_RAW16(p) raw_half16(KV_BITS16(p))
#define KV_RAW_FIRST16(p, live) \
  raw_half16(select((ushort16)0, KV_BITS16(p), KV_LANES < (KVMASK)(live)))
#elif defined(KV_INT8)
typedef char KV;
typedef char KVBITS;
typedef char16 KVMASK;
#define KV_BLOCK(dim) (((dim) + 4) * PAGE)
#define KV_LOAD(i, p) convert_float((p)[i])
#define KV_RAW16(p) convert_float16(vload16(0, p))
#define KV_RAW_FIRST16(p, live) \
  convert_float16(select((char16)0, vload16(0, p), KV_LANES < (KVMASK)(live)))
#define KV_SCALES(block, dim) ((global float *)((block) + (dim) * PAGE))
#define KV_SCALES_FIRST16(block, dim, from, live)                \
  select((float16)0, vload16(0, KV_SCALES(block, dim) + (from)), \
         convert_int16(KV_LANES) < (int16)(live))
#else
typedef float KV;
typedef uint KVBITS;
typedef int16 KVMASK;
#define KV_BLOCK(dim) ((dim) * PAGE)
#define KV_STORE(v, i, p) (p)[i] = v
#define KV_LOAD(i, p) (p)[i]
#define KV_RAW16(p) vload16(0, p)
#define KV_RAW_FIRST16(p, live) select((float16)0, vload16(0, p), KV_LANES < (KVMASK)(live))
#endif
#ifndef KV_SCALE
#define KV_SCALE 1
#endif
#define KV_LANES (KVMASK)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)

// Elements before the page and head that a row's slot lies in.
inline long kv_block(const global int *step, int4 lim, int row, int heads, int head, int dim) {
  int table = SEQ_FIELD(step, lim, SEQ_TABLE, ROW_FIELD(step, lim, ROW_SEQUENCE, row));
  long page = step[PAGE_BASE(lim) + table + ROW_FIELD(step, lim, ROW_SLOT, row) / PAGE];
  return (page * heads + head) * KV_BLOCK(dim);
}

#ifdef KV_INT8
// The scale of a row of one head; one work-group of LOCAL work-items.
inline float kv_scale(const global float *x, int dim, local float *scratch) {
  int id = get_local_id(0);
  float most = 0;
  for (int e = id; e < dim; e += LOCAL) {
    most = fmax(most, fabs(x[e]));
  }
  return group_max(most, scratch) / 127;
}

// To the nearest, halves upwards. Adding a half before the floor would take the number just below
// one half up, too.
inline char kv_code(float x, float scale) {
  float v = scale == 0 ? 0 : x / scale;
  float below = floor(v);
  return convert_char_sat(v - below >= 0.5f ? below + 1 : below);
}

// Work-groups: (heads, rows).
kernel void kv_append(const global int *step, int4 lim, const global float *k,
                      const global float *v, global KV *keys, global KV *values, int heads,
                      int dim) {
  local float scratch[GROUP_SCRATCH];
  int head = get_group_id(0);
  int row = get_group_id(1);
  int slot = ROW_FIELD(step, lim, ROW_SLOT, row) % PAGE;
  long block = kv_block(step, lim, row, heads, head, dim);
  long from = ((long)row * heads + head) * dim;
  float ks = kv_scale(k + from, dim, scratch);
  float vs = kv_scale(v + from, dim, scratch);
  if (get_local_id(0) == 0) {
    KV_SCALES(keys + block, dim)[slot] = ks;
    KV_SCALES(values + block, dim)[slot] = vs;
  }
  for (int e = get_local_id(0); e < dim; e += LOCAL) {
    keys[block + e * PAGE + slot] = kv_code(k[from + e], ks);
    values[block + slot * dim + e] = kv_code(v[from + e], vs);
  }
}
#else
// One work-item per (element of a row, row).
kernel void kv_append(const global int *step, int4 lim, const global float *k,
                      const global float *v, global KV *keys, global KV *values, int heads,
                      int dim) {
  int c = get_global_id(0);
  int row = get_global_id(1);
  if (c >= heads * dim) {
    return;
  }
  int slot = ROW_FIELD(step, lim, ROW_SLOT, row) % PAGE;
  long block = kv_block(step, lim, row, heads, c / dim, dim);
  long from = (long)row * heads * dim + c;
  KV_STORE(k[from], block + c % dim * PAGE + slot, keys);
  KV_STORE(v[from], block + slot * dim + c % dim, values);
}
#endif

// Copies `count` slots; `from` and `to` may overlap only if equal pages and from > to, hence the
// order.
kernel void kv_copy(global KVBITS *keys, global KVBITS *values, int heads, int dim, int fromPage,
                    int fromSlot, int toPage, int toSlot, int count) {
  int c = get_global_id(0);
  if (c >= heads * dim) {
    return;
  }
  long from = ((long)fromPage * heads + c / dim) * KV_BLOCK(dim);
  long to = ((long)toPage * heads + c / dim) * KV_BLOCK(dim);
  int e = c % dim;
  for (int i = 0; i < count; i++) {
    keys[to + e * PAGE + toSlot + i] = keys[from + e * PAGE + fromSlot + i];
    values[to + (toSlot + i) * dim + e] = values[from + (fromSlot + i) * dim + e];
#ifdef KV_INT8
    if (e == 0) {
      KV_SCALES(keys + to, dim)[toSlot + i] = KV_SCALES(keys + from, dim)[fromSlot + i];
      KV_SCALES(values + to, dim)[toSlot + i] = KV_SCALES(values + from, dim)[fromSlot + i];
    }
#endif
  }
}
