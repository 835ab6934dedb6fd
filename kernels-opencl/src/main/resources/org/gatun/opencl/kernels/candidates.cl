// The `count` largest logits of a row with their ids, by rising id; of equal ones the lower ids.
// One work-group per row. The prefix that holds them is found as sampling finds its own; then each
// work-item writes those of its stretch of ids behind those of the stretches before.
kernel void candidates(const global float *logits, global float *pairs, int n, int count,
                       int first) {
  local float bins[LOCAL * BINS];
  int row = get_group_id(0);
  const global float *x = logits + (long)row * n;
  Prefix all = {0, 0};
  Prefix kept = {0, n};
  if (count < n) {
    kept = reach(x, n, all, false, 0, 0, count, false, bins);
  }
  int id = get_local_id(0);
  int each = (n + LOCAL - 1) / LOCAL;
  int from = min(n, id * each);
  int to = min(n, from + each);
  int larger = 0;
  int equal = 0;
  for (int i = from; i < to; i++) {
    larger += order(x[i]) > kept.key;
    equal += order(x[i]) == kept.key;
  }
  SYNC();  // earlier bins are read
  bins[id * BINS] = larger;
  bins[id * BINS + 1] = equal;
  SYNC();  // every work-item's counts are in
  larger = equal = 0;
  for (int i = 0; i < id; i++) {
    larger += (int)bins[i * BINS];
    equal += (int)bins[i * BINS + 1];
  }
  for (int i = from; i < to; i++) {
    uint k = order(x[i]);
    if (k > kept.key || (k == kept.key && equal < kept.ties)) {
      int at = row * count + larger + min(equal, kept.ties);
      pairs[2 * at] = x[i];
      pairs[2 * at + 1] = first + i;
    }
    larger += k > kept.key;
    equal += k == kept.key;
  }
}
