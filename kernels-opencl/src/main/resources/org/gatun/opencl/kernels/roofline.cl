// What a device can do at most: bytes read and multiply-adds per second. WIDE: one work-item per
// compute unit or so, which reads a run of its own 16 floats at a time (CPU); otherwise neighbours
// read neighbouring floats (GPU).
#ifdef WIDE
typedef float16 V;
#define PER 16
#define TOTAL(v) sum16(v)
#else
typedef float V;
#define PER 1
#define TOTAL(v) (v)
#endif
#define CHAINS 16

// `rounds` times 4 loads per work-item; y keeps the compiler from dropping them. A CPU's work-item
// reads a run of its own: in order (inner 4, outer 1), or as four streams (inner 1, outer
// `rounds`), whichever its prefetcher likes better.
kernel void read_all(const global V *x, global float *y, long rounds, long inner, long outer) {
  long id = get_global_id(0);
#ifdef WIDE
  long at = id * rounds * 4;
#else
  long at = id;
#endif
  V a = 0;
  V b = 0;
  V c = 0;
  V d = 0;
  for (long i = 0; i < rounds; i++, at += inner) {
    a += x[at];
    b += x[at + outer];
    c += x[at + 2 * outer];
    d += x[at + 3 * outer];
  }
  y[id] = TOTAL((a + b) + (c + d));
}

// CHAINS × PER multiply-adds per round and work-item.
kernel void multiply_add(global float *y, float f, int rounds) {
  V v[CHAINS];
  _Pragma("unroll") for (int c = 0; c < CHAINS; c++) { v[c] = (V)(c); }
  for (int i = 0; i < rounds; i++) {
    _Pragma("unroll") for (int c = 0; c < CHAINS; c++) { v[c] = fma(v[c], (V)(f), (V)(f)); }
  }
  V sum = v[0];
  for (int c = 1; c < CHAINS; c++) {
    sum += v[c];
  }
  y[get_global_id(0)] = TOTAL(sum);
}
