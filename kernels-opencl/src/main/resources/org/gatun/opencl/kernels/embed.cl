// One row of the table per token; one work-item per (segment, token). LANES is 1.
kernel void embed(const global int *step, int4 lim, const global uchar *table, global float *y,
                  int vocabulary, int first, int cols, float factor) {
  int segment = get_global_id(0);
  int row = get_global_id(1);
  int start = segment * SEG;
  if (start >= cols) {
    return;
  }
  global float *out = y + (long)row * cols + start;
  int id = ROW_FIELD(step, lim, ROW_TOKEN, row) - first;
  int count = min(SEG, cols - start);
  if (id < 0 || id >= vocabulary) {
    for (int i = 0; i < count; i++) {
      out[i] = 0;
    }
    return;
  }
  int lane = id % 16;
  int blocks = (cols + BLOCK - 1) / BLOCK;
  int s = segment % (BLOCK / SEG);
  const global uchar *p =
      table + ((long)(id / 16) * blocks + segment / (BLOCK / SEG)) * (HEAD_BYTES + 64 * WORDS);
  float scale = SCALE(p, s);
#ifdef AFFINE
  float minimum = MINIMUM(p, s);
#define EMIT(c, q) \
  if ((c) < count) out[c] = (scale * (q) - minimum) * factor;
#else
#define EMIT(c, q) \
  if ((c) < count) out[c] = scale * (q) * factor;
#endif
  DECODE(p, s)
#undef EMIT
}
