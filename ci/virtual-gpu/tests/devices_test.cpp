// Several devices, peer access, cooperative launches and kernels that wait for each other; the same
// report twice.
#include "harness.h"

static void spinning(const std::string& ptx) {
  Gpu gpu;
  {
    Module m(ptx);
    Buf<int> count(std::vector<int>(2)), data(64 * 5);
    launch(m.fn("grid_barrier"), 64, 1, 64, 0, count.p, data.p, 5);
    auto c = count.get();
    EXPECT(c[0] == 320 && c[1] == 0, "%d %d", c[0], c[1]);
    Buf<int> flag(std::vector<int>(1)), out(64);
    launch(m.fn("lane_release"), 1, 1, 64, 0, flag.p, out.p);
    EXPECT(out.get()[63] == 63);
    int n = 5000;
    std::vector<float> x(n, 0.5f);
    Buf<float> dx(x), part(std::vector<float>(64)), sum(1);
    CUdeviceptr px = dx.p, pp = part.p, ps = sum.p;
    void* params[] = {&px, &pp, &ps, &n};
    CUfunction f = m.fn("cooperative_sum");
    CU(cuLaunchCooperativeKernel(f, 16, 1, 1, 128, 1, 1, 0, nullptr, params));
    CU(cuCtxSynchronize());
    EXPECT(sum.get()[0] == 2500);
    EXPECT(cuLaunchCooperativeKernel(f, 10000, 1, 1, 1024, 1, 1, 0, nullptr, params) ==
           CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE);
    EXPECT(findings() == 0, "%s", report().substr(0, 1500).c_str());
    // more blocks than fit: blocks that wait for later ones never end, and the watchdog says so,
    // with what they see
    count.put({0, 0});
    Buf<int> more(400 * 5);
    setenv("GATUN_VGPU_WATCHDOG", "200000", 1);
    vgpuReadEnvironment();
    EXPECT(launch_raw(m.fn("grid_barrier"), 400, 1, 1024, 0, nullptr, count.p, more.p, 5) ==
           CUDA_SUCCESS);
    EXPECT(cuCtxSynchronize() == CUDA_ERROR_LAUNCH_TIMEOUT);
    std::string rep = report();
    EXPECT(rep.find("\"SPIN\"") != std::string::npos &&
               rep.find("400 blocks, 8 resident); it sees 8") != std::string::npos,
           "%s", rep.substr(0, 900).c_str());
    setenv("GATUN_VGPU_WATCHDOG", "2000000", 1);
    vgpuReadEnvironment();
  }
}

struct Peers {
  CUdeviceptr in[8], flags[8];
};
static std::string reduce(const std::string& ptx, int world, bool bad, bool peers) {
  vgpuReset();
  const int n = 1000, blocks = 4;
  std::vector<CUcontext> ctx(world);
  std::vector<CUdeviceptr> out(world);
  std::vector<CUfunction> fn(world);
  Peers p = {};
  for (int r = 0; r < world; r++) {
    CU(cuCtxCreate(&ctx[r], nullptr, 0, r));
    CU(cuMemAlloc(&p.in[r], n * 4));
    CU(cuMemAlloc(&p.flags[r], blocks * 8 * 4));
    CU(cuMemsetD32(p.flags[r], 0, blocks * 8));
    CU(cuMemAlloc(&out[r], n * 4));
    CUmodule m;
    CU(cuModuleLoadData(&m, ptx.c_str()));
    CU(cuModuleGetFunction(&fn[r], m, bad ? "all_reduce_bad" : "all_reduce_ok"));
  }
  for (int r = 0; r < world && peers; r++) {
    CU(cuCtxSetCurrent(ctx[r]));
    for (int o = 0; o < world; o++)
      if (o != r) CU(cuCtxEnablePeerAccess(ctx[o], 0));
    EXPECT(world < 2 || cuCtxEnablePeerAccess(ctx[(r + 1) % world], 0) ==
                            CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED);
  }
  for (int r = 0; r < world; r++) {
    CU(cuCtxSetCurrent(ctx[r]));
    CUdeviceptr other;  // freed while the other devices' kernels wait for this rank
    CU(cuMemAlloc(&other, 64));
    CU(cuMemFree(other));
    int epoch = 1, nn = n;
    void* params[] = {&p, &out[r], &r, &world, &nn, &epoch};
    CU(cuLaunchKernel(fn[r], blocks, 1, 1, 128, 1, 1, 0, nullptr, params, nullptr));
  }
  for (int r = 0; r < world; r++) {
    CU(cuCtxSetCurrent(ctx[r]));
    CUresult res = cuCtxSynchronize();
    if (!peers) {
      EXPECT(res != CUDA_SUCCESS);
      continue;
    }
    EXPECT(bad || res == CUDA_SUCCESS, "rank %d: %d", r, (int)res);
    if (res) continue;
    std::vector<float> h(n);
    CU(cuMemcpyDtoH(h.data(), out[r], n * 4));
    for (int i = 0; i < n; i++)
      EXPECT(h[i] == world * (world - 1) / 2 * 100 + world * i, "rank %d %d: %g", r, i, h[i]);
  }
  std::string rep = report(1);
  for (int r = world; r-- > 0;) cuCtxDestroy(ctx[r]);
  return rep.substr(0, rep.find("\"host\""));
}
// Without the counters of wall time there is nothing in a report that may differ between runs.
static void peers(const std::string& ptx) {
  for (int world : {2, 4}) {
    std::string a = reduce(ptx, world, false, true), b = reduce(ptx, world, false, true);
    EXPECT(a.find("\"errors\":0,\"warnings\":0") != std::string::npos, "%s",
           a.substr(0, 1500).c_str());
    EXPECT(a == b, "two runs differ");
  }
  std::string a = reduce(ptx, 2, true, true), b = reduce(ptx, 2, true, true);
  EXPECT(a.find("RACE-GLOBAL") != std::string::npos, "%s", a.substr(0, 800).c_str());
  // addresses of a later run differ; findings do not
  auto strip = [](std::string s) {
    for (size_t p; (p = s.find("\"address\":\"")) != std::string::npos;)
      s.erase(p, s.find('"', p + 11) - p + 1);
    return s;
  };
  EXPECT(strip(a) == strip(b), "\n%s\n%s", strip(a).substr(0, 900).c_str(),
         strip(b).substr(0, 900).c_str());
  {
    CUcontext x, y;
    CU(cuCtxCreate(&x, nullptr, 0, 0));
    CU(cuCtxCreate(&y, nullptr, 0, 1));
    EXPECT(cuCtxDisablePeerAccess(x) == CUDA_ERROR_PEER_ACCESS_NOT_ENABLED);
    CU(cuCtxEnablePeerAccess(x, 0));
    CU(cuCtxDisablePeerAccess(x));
    EXPECT(cuCtxDisablePeerAccess(x) == CUDA_ERROR_PEER_ACCESS_NOT_ENABLED &&
           cuCtxEnablePeerAccess(y, 0) == CUDA_ERROR_INVALID_DEVICE);
    cuCtxDestroy(y), cuCtxDestroy(x);
  }
  std::string c = reduce(ptx, 2, false, false);
  EXPECT(c.find("peer access is not enabled") != std::string::npos, "%s", c.substr(0, 800).c_str());
}

int main(int argc, char** argv) {
  setenv("GATUN_VGPU_DEVICES", "4", 1);
  setenv("GATUN_VGPU_WATCHDOG", "2000000", 1);
  std::string ptx = read_text((argc > 1 ? argv[1] : std::string(".")) + "/multi.ptx");
  spinning(ptx);
  vgpuReset();
  peers(ptx);
  return finish("devices");
}
