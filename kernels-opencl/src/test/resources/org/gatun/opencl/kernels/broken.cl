// One fault per kernel: each must be reported by the check that is there for it.
kernel void correct(global int *x) {
  local int s[8];
  int i = get_local_id(0);
  s[i] = x[i];
  barrier(CLK_LOCAL_MEM_FENCE);
  x[i] = s[7 - i];
}

// The barrier between writing and reading the neighbour's element is missing.
kernel void race(global int *x) {
  local int s[8];
  int i = get_local_id(0);
  s[i] = x[i];
  x[i] = s[7 - i];
}

kernel void global_race(global int *x) { x[0] = get_local_id(0); }

kernel void uninitialised(global int *x) {
  if (x[get_local_id(0)] > 0) {
    x[32] = 1;
  }
}

kernel void out_of_bounds(global int *x) { x[64 + get_local_id(0)] = 1; }

kernel void divergence(global int *x) {
  if (get_local_id(0) < 4) {
    barrier(CLK_LOCAL_MEM_FENCE);
  }
  x[get_local_id(0)] = 1;
}

kernel __attribute__((reqd_work_group_size(8, 1, 1))) void api(global int *x) {
  x[get_local_id(0)] = 1;
}
