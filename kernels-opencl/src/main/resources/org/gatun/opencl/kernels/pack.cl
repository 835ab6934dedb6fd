// x [rows, cols] to [tile][k][nt]: the tokens of a tile side by side, zeros behind the last row and
// column. One work-item per (16 columns, tile).
kernel void pack(const global int *step, int counter, const global float *x, global float *xp,
                 int cols, int padded, int nt) {
  int rows = step[counter];
  int k0 = get_global_id(0) * 16;
  int tile = get_global_id(1);
  if (k0 >= padded) {
    return;
  }
  global float *out = xp + ((long)tile * padded + k0) * nt;
  for (int t = 0; t < nt; t++) {
    int row = tile * nt + t;
    for (int k = 0; k < 16; k++) {
      out[k * nt + t] = row < rows && k0 + k < cols ? x[(long)row * cols + k0 + k] : 0;
    }
  }
}
