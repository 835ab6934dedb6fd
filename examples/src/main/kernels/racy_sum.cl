// The sum of n floats by one work-group of 64, and the same with a barrier missing between the rounds.
kernel void sum(global const float *x, global float *y, int n) {
  local float part[64];
  int id = get_local_id(0);
  float s = 0;
  for (int i = id; i < n; i += 64) {
    s += x[i];
  }
  part[id] = s;
  for (int w = 32; w > 0; w /= 2) {
    barrier(CLK_LOCAL_MEM_FENCE);
    if (id < w) {
      part[id] += part[id + w];
    }
  }
  if (id == 0) {
    y[0] = part[0];
  }
}

kernel void racy_sum(global const float *x, global float *y, int n) {
  local float part[64];
  int id = get_local_id(0);
  float s = 0;
  for (int i = id; i < n; i += 64) {
    s += x[i];
  }
  part[id] = s;
  barrier(CLK_LOCAL_MEM_FENCE);
  for (int w = 32; w > 0; w /= 2) {
    if (id < w) {
      part[id] += part[id + w]; // no barrier between the rounds: another work-item may still add
    }
  }
  if (id == 0) {
    y[0] = part[0];
  }
}
