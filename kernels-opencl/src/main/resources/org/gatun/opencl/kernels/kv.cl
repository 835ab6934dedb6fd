// KV pages of 64 slots, one K and one V buffer per layer. Keys are transposed, so that neighbouring
// lanes hold neighbouring slots; values are not, so that they hold neighbouring elements:
//   K [page][kv head][element][slot]      V [page][kv head][slot][element]
#ifdef KV_F16
typedef half KV;
typedef ushort KVBITS;
#define KV_STORE(v, i, p) vstore_half_rte(v, i, p)
#define KV_LOAD(i, p) half_bits(((const global ushort *)(p))[i])
#define KV_LOAD16(p) half_bits16(convert_uint16(vload16(0, (const global ushort *)(p))))
#else
typedef float KV;
typedef uint KVBITS;
#define KV_STORE(v, i, p) (p)[i] = v
#define KV_LOAD(i, p) (p)[i]
#define KV_LOAD16(p) vload16(0, p)
#endif

// One work-item per (element of a row, row).
kernel void kv_append(const global int *step, int4 lim, const global float *k, const global float *v, global KV *keys,
    global KV *values, int heads, int dim) {
  int c = get_global_id(0);
  int row = get_global_id(1);
  int width = heads * dim;
  if (c >= width) {
    return;
  }
  int slot = ROW_FIELD(step, lim, ROW_SLOT, row);
  int table = SEQ_FIELD(step, lim, SEQ_TABLE, ROW_FIELD(step, lim, ROW_SEQUENCE, row));
  long page = step[PAGE_BASE(lim) + table + slot / PAGE];
  long head = (page * heads + c / dim) * dim * PAGE;
  long from = (long)row * width + c;
  KV_STORE(k[from], head + c % dim * PAGE + slot % PAGE, keys);
  KV_STORE(v[from], head + slot % PAGE * dim + c % dim, values);
}

// Copies `count` slots; `from` and `to` may overlap only if equal pages and from > to, hence the order.
kernel void kv_copy(global KVBITS *keys, global KVBITS *values, int heads, int dim, int fromPage, int fromSlot,
    int toPage, int toSlot, int count) {
  int c = get_global_id(0);
  if (c >= heads * dim) {
    return;
  }
  long from = ((long)fromPage * heads + c / dim) * dim * PAGE;
  long to = ((long)toPage * heads + c / dim) * dim * PAGE;
  int e = c % dim;
  for (int i = 0; i < count; i++) {
    keys[to + e * PAGE + toSlot + i] = keys[from + e * PAGE + fromSlot + i];
    values[to + (toSlot + i) * dim + e] = values[from + (fromSlot + i) * dim + e];
  }
}
