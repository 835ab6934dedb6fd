// x [rows, cols] to 8 bits for products by integer dots; one work-item per (segment of SEG columns,
// row). Zeros behind the last column.
//   xq [row][segment][SEG / 4] words of four columns      xs [row][segment] (d, d Σ q) with x = d q
kernel void quantise(const global int *step, int counter, const global float *x, global uint *xq,
                     global float2 *xs, int cols) {
  int segment = get_global_id(0);
  int row = get_global_id(1);
  int segments = (cols + SEG - 1) / SEG;
  if (segment >= segments || row >= step[counter]) {
    return;
  }
  x += (long)row * cols + segment * SEG;
  long at = (long)row * segments + segment;
  int have = min(SEG, cols - segment * SEG);
  float most = 0;
  for (int i = 0; i < have; i++) {
    most = fmax(most, fabs(x[i]));
  }
  float d = most / 127;
  int sum = 0;
  for (int k = 0; k < SEG / 4; k++) {
    uint word = 0;
    for (int i = 0; i < 4; i++) {
      int q = d > 0 && 4 * k + i < have ? convert_int_rte(x[4 * k + i] / d) : 0;
      sum += q;
      word |= (uint)(q & 255) << (8 * i);
    }
    xq[at * (SEG / 4) + k] = word;
  }
  xs[at] = (float2)(d, d * sum);
}
