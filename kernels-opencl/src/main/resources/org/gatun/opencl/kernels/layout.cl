// Brings weights from file order into interleaved rows, and reads single rows back (embedding).

// src: rows [0, rows) of the file from `bytes` per row; one work-item per (block, group).
// A block's half-words are copied in file order, but a half d (at half-word `head`, or -1) comes
// first.
kernel void repack(const global ushort *src, global ushort *dst, long firstGroup, int rows,
                   int rowHalves, int blockHalves, int blocks, int head) {
  int block = get_global_id(0);
  int group = get_global_id(1);
  if (block >= blocks) {
    return;
  }
  global ushort *out = dst + ((firstGroup + group) * blocks + block) * (long)blockHalves * 16;
  int words = blockHalves / 2;
  for (int r = 0; r < 16; r++) {
    int row = group * 16 + r;
    int from = block * blockHalves;
    int have = row < rows ? min(blockHalves, rowHalves - from) : 0;
    const global ushort *in = src + (long)row * rowHalves + from;
    if (head >= 0) {
      out[r] = head < have ? in[head] : 0;
    }
    int at = head >= 0 ? 16 : 0;
    int skip = head == 0 ? 1 : 0;
    for (int w = 0; w < words; w++) {
      int h = 2 * w + skip;
      out[at + 32 * w + 2 * r] = h < have ? in[h] : 0;
      out[at + 32 * w + 2 * r + 1] = h + 1 < have ? in[h + 1] : 0;
    }
  }
}
