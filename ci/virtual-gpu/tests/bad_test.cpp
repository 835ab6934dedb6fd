// Every wrong kernel gives exactly its finding, at its line; its corrected twin gives none.
#include <algorithm>

#include "harness.h"

struct Bad {
  const char *name, *id;
  unsigned grid, block;
  int args;        // 1: x; 2: x, n; 3: x, y, n; 4: x, y
  size_t written;  // bytes of x that the host writes first (x has 4096)
  int n;
  CUresult result;
};
static const Bad kBad[] = {
    {"oob", "MEM-OOB", 5, 256, 2, 4096, 1024, CUDA_ERROR_ILLEGAL_ADDRESS},
    {"align", "MEM-ALIGN", 1, 32, 2, 4096, 1024, CUDA_ERROR_MISALIGNED_ADDRESS},
    {"uninit", "MEM-UNINIT", 1, 32, 3, 256, 128, CUDA_ERROR_LAUNCH_FAILED},
    {"uninit_shared", "MEM-UNINIT", 1, 64, 1, 4096, 0, CUDA_ERROR_LAUNCH_FAILED},
    {"uninit_local", "MEM-UNINIT", 1, 16, 2, 4096, 16, CUDA_ERROR_LAUNCH_FAILED},
    {"constant", "MEM-CONST", 1, 32, 1, 4096, 0, CUDA_ERROR_ILLEGAL_ADDRESS},
    {"race_block", "RACE-SHARED", 1, 128, 1, 4096, 0, CUDA_ERROR_LAUNCH_FAILED},
    {"race_warp", "RACE-SHARED", 1, 32, 1, 4096, 0, CUDA_ERROR_LAUNCH_FAILED},
    {"race_bytes", "RACE-SHARED", 1, 128, 1, 4096, 0, CUDA_ERROR_LAUNCH_FAILED},
    {"barrier_if", "BAR-DIV", 1, 32, 1, 4096, 0, CUDA_ERROR_LAUNCH_FAILED},
    {"barrier_exit", "BAR-EXIT", 1, 64, 1, 4096, 0, CUDA_SUCCESS},
    {"shuffle_absent", "WARP-MASK", 1, 32, 1, 4096, 0, CUDA_ERROR_LAUNCH_FAILED},
    {"shuffle_outside", "WARP-MASK", 1, 32, 1, 4096, 0, CUDA_ERROR_LAUNCH_FAILED},
    {"async_wait", "ASYNC-WAIT", 1, 32, 4, 4096, 0, CUDA_ERROR_LAUNCH_FAILED},
    {"async_barrier", "RACE-SHARED", 1, 64, 4, 4096, 0, CUDA_ERROR_LAUNCH_FAILED},
    {"async_exit", "ASYNC-WAIT", 1, 32, 1, 4096, 0, CUDA_SUCCESS},
    {"race_grid", "RACE-GLOBAL", 4, 32, 1, 4096, 0, CUDA_ERROR_LAUNCH_FAILED},
    {"race_narrow", "RACE-GLOBAL", 4, 32, 1, 4096, 0, CUDA_ERROR_LAUNCH_FAILED},
    {"race_narrow_wide", "RACE-GLOBAL", 2, 32, 1, 4096, 0, CUDA_ERROR_LAUNCH_FAILED},
    {"race_async", "RACE-GLOBAL", 2, 32, 1, 4096, 0, CUDA_ERROR_LAUNCH_FAILED},
    {"read_only", "MEM-CONST", 1, 32, 1, 4096, 0, CUDA_ERROR_LAUNCH_FAILED},
    {"publish", "RACE-GLOBAL", 2, 64, 1, 4096, 0, CUDA_ERROR_LAUNCH_FAILED},
    {"spin", "SPIN", 1, 32, 1, 4096, 0, CUDA_ERROR_LAUNCH_TIMEOUT},
    {"trapped", "TRAP", 1, 32, 1, 4096, 0, CUDA_ERROR_LAUNCH_FAILED},
};

static int line_of(const std::string& text, const std::string& marker) {
  size_t p = text.find("// BAD " + marker + "\n");
  return p == std::string::npos ? -1 : 1 + (int)std::count(text.begin(), text.begin() + p, '\n');
}
static std::vector<std::string> ids(const std::string& r) {
  std::vector<std::string> v;
  for (size_t p = 0; (p = r.find("{\"id\":\"", p)) != std::string::npos;)
    p += 7, v.push_back(r.substr(p, r.find('"', p) - p));
  return v;
}

static void corpus(const std::string& ptx, const std::string& source) {
  for (const Bad& b : kBad)
    for (bool bad : {true, false}) {
      vgpuReset();
      {
        Gpu gpu;
        CUdeviceptr x, y;
        CU(cuMemAlloc(&x, 4096));
        CU(cuMemAlloc(&y, 4096));
        std::vector<uint8_t> zero(b.written);
        CU(cuMemcpyHtoD(x, zero.data(), zero.size()));
        {
          Module m(ptx);
          CUfunction f = m.fn((std::string(b.name) + (bad ? "_bad" : "_ok")).c_str());
          int n = b.n;
          void* p1[] = {&x, &n};
          void* p3[] = {&x, &y, &n};
          CU(cuLaunchKernel(f, b.grid, 1, 1, b.block, 1, 1, 0, nullptr, b.args >= 3 ? p3 : p1,
                            nullptr));
          CUresult r = cuCtxSynchronize();
          EXPECT(r == (bad ? b.result : CUDA_SUCCESS), "%s %s: result %d", b.name,
                 bad ? "bad" : "ok", (int)r);
          EXPECT(cuCtxSynchronize() == r, "%s: a fault sticks", b.name);
        }
        cuMemFree(x), cuMemFree(y);
        std::string rep = report();
        auto found = ids(rep);
        EXPECT(found.size() == (bad ? 1u : 0u), "%s %s: %zu findings %s", b.name,
               bad ? "bad" : "ok", found.size(), rep.substr(0, 1500).c_str());
        if (bad && found.size() == 1) {
          EXPECT(found[0] == b.id, "%s: %s", b.name, found[0].c_str());
          std::string want = "\"source_line\":" + std::to_string(line_of(source, b.name)) + ",";
          EXPECT(rep.find(want) != std::string::npos, "%s: not at %s %s", b.name, want.c_str(),
                 rep.substr(0, 600).c_str());
        }
      }
    }
}

// Work of two streams on the same bytes: with an event between, and without.
static void streams(const std::string& ptx, const std::string& source) {
  struct {
    const char *name, *line;
  } cases[] = {{"kernel after kernel", "stream_read"},    {"kernel after copy", "stream_read"},
               {"copy after kernel that wrote", nullptr}, {"copy after kernel that read", nullptr},
               {"write after read", "stream_write"},      {"set after copy", nullptr},
               {"graph branches", "stream_read"}};
  setenv("GATUN_VGPU_POISON", "0", 1);
  vgpuReadEnvironment();
  for (int k = 0; k < 7; k++)
    for (bool bad : {true, false}) {
      vgpuReset();
      {
        Gpu gpu;
        Module m(ptx);
        CUstream a, b;
        CUevent e;
        CU(cuStreamCreate(&a, CU_STREAM_NON_BLOCKING));
        CU(cuStreamCreate(&b, CU_STREAM_NON_BLOCKING));
        CU(cuEventCreate(&e, CU_EVENT_DISABLE_TIMING));
        Buf<int> x(std::vector<int>(64)), y(std::vector<int>(64)), z(std::vector<int>(64));
        CUfunction write = m.fn("stream_write"), read = m.fn("stream_read");
        auto join = [&] {
          if (!bad) {
            CU(cuEventRecord(e, a));
            CU(cuStreamWaitEvent(b, e, 0));
          }
        };
        CUgraph g = nullptr;
        CUgraphExec ge = nullptr;
        switch (k) {
          case 0:
            CU(launch_raw(write, 1, 1, 64, 0, a, x.p));
            join();
            CU(launch_raw(read, 1, 1, 64, 0, b, x.p, y.p));
            break;
          case 1:
            CU(cuMemcpyDtoDAsync(x.p, z.p, 256, a));
            join();
            CU(launch_raw(read, 1, 1, 64, 0, b, x.p, y.p));
            break;
          case 2:
            CU(launch_raw(write, 1, 1, 64, 0, a, x.p));
            join();
            CU(cuMemcpyDtoDAsync(z.p, x.p, 256, b));
            break;
          case 3:
            CU(launch_raw(read, 1, 1, 64, 0, a, x.p, y.p));
            join();
            CU(cuMemsetD32Async(x.p, 1, 64, b));
            break;
          case 4:
            CU(launch_raw(read, 1, 1, 64, 0, a, x.p, y.p));
            join();
            CU(launch_raw(write, 1, 1, 64, 0, b, x.p));
            break;
          case 5:
            CU(cuMemcpyDtoDAsync(x.p, z.p, 256, a));
            join();
            CU(cuMemsetD32Async(z.p, 1, 64, b));
            break;
          default: {  // two branches of a graph; the corrected one has an edge
            CUDA_KERNEL_NODE_PARAMS w = {}, r = {};
            void *wp[] = {&x.p}, *rp[] = {&x.p, &y.p};
            w.func = write, r.func = read, w.kernelParams = wp, r.kernelParams = rp;
            for (auto* p : {&w, &r})
              p->gridDimX = p->gridDimY = p->gridDimZ = p->blockDimY = p->blockDimZ = 1,
              p->blockDimX = 64;
            CUgraphNode wn, rn;
            CU(cuGraphCreate(&g, 0));
            CU(cuGraphAddKernelNode(&wn, g, nullptr, 0, &w));
            CU(cuGraphAddKernelNode(&rn, g, &wn, bad ? 0 : 1, &r));
            CU(cuGraphInstantiate(&ge, g, 0));
            CU(cuGraphLaunch(ge, a));
          }
        }
        CU(cuCtxSynchronize());
        std::string rep = report();
        auto found = ids(rep);
        EXPECT(found.size() == (bad ? 1u : 0u) && (!bad || found[0] == "RACE-STREAM"), "%s %s: %s",
               cases[k].name, bad ? "bad" : "ok", rep.substr(0, 900).c_str());
        if (bad && cases[k].line) {
          std::string want =
              "\"source_line\":" + std::to_string(line_of(source, cases[k].line)) + ",";
          EXPECT(rep.find(want) != std::string::npos, "%s: not at %s %s", cases[k].name,
                 want.c_str(), rep.substr(0, 600).c_str());
        }
        // once the host has waited, everything is in order
        vgpuReset();
        CU(launch_raw(read, 1, 1, 64, 0, b, x.p, y.p));
        CU(cuStreamSynchronize(b));
        CU(launch_raw(write, 1, 1, 64, 0, a, y.p));
        CU(cuCtxSynchronize());
        EXPECT(findings() == 0, "%s after a wait: %s", cases[k].name, report().c_str());
        if (ge) CU(cuGraphExecDestroy(ge));
        if (g) CU(cuGraphDestroy(g));
        CU(cuStreamDestroy(a));
        CU(cuStreamDestroy(b));
        CU(cuEventDestroy(e));
      }
      EXPECT(findings() == 0, "%s", report().c_str());
    }
  unsetenv("GATUN_VGPU_POISON");
  vgpuReadEnvironment();
}

// A flag published without a release: late stores make the reader see stale data, for some seed at
// least.
static void late_stores(const std::string& ptx) {
  setenv("GATUN_VGPU_CHECK", "none", 1);
  int stale[2] = {0, 0};
  for (int seed = 1; seed <= 8; seed++) {
    setenv("GATUN_VGPU_STORE_DELAY", std::to_string(seed).c_str(), 1);
    vgpuReadEnvironment();
    for (bool bad : {true, false}) {
      Gpu gpu;
      Module m(ptx);
      Buf<int> x(std::vector<int>(1024, -1));
      CU(cuMemsetD32(x.p, 0, 1));
      launch(m.fn(bad ? "publish_bad" : "publish_ok"), 2, 1, 64, 0, x.p);
      auto h = x.get();
      for (int i = 0; i < 64; i++) {
        EXPECT(h[32 + i] == i, "stores arrive in the end");
        stale[bad] += h[96 + i] != i;
      }
    }
  }
  EXPECT(stale[1] > 0 && stale[0] == 0, "%d stale without release, %d with", stale[1], stale[0]);
  unsetenv("GATUN_VGPU_STORE_DELAY");
  unsetenv("GATUN_VGPU_CHECK");
  vgpuReadEnvironment();
  vgpuReset();
}

// Random schedules: right kernels stay right and silent, wrong ones are found.
static void fuzz(const std::string& ptx) {
  for (int seed = 1; seed <= 4; seed++) {
    setenv("GATUN_VGPU_MODE", ("fuzz:" + std::to_string(seed)).c_str(), 1);
    vgpuReadEnvironment();
    for (const Bad& b : kBad)
      for (bool bad : {true, false}) {
        vgpuReset();
        Gpu gpu;
        Module m(ptx);
        std::vector<uint8_t> zero(b.written);
        CUdeviceptr x, y;
        CU(cuMemAlloc(&x, 4096));
        CU(cuMemAlloc(&y, 4096));
        CU(cuMemcpyHtoD(x, zero.data(), zero.size()));
        int n = b.n;
        void *p1[] = {&x, &n}, *p3[] = {&x, &y, &n};
        CU(cuLaunchKernel(m.fn((std::string(b.name) + (bad ? "_bad" : "_ok")).c_str()), b.grid, 1,
                          1, b.block, 1, 1, 0, nullptr, b.args >= 3 ? p3 : p1, nullptr));
        cuCtxSynchronize();
        auto found = ids(report());
        if (bad)
          EXPECT(std::count(found.begin(), found.end(), b.id) == 1, "%s, seed %d: %s", b.name, seed,
                 report().substr(0, 600).c_str());
        else
          EXPECT(found.empty(), "%s, seed %d: %s", b.name, seed, report().substr(0, 600).c_str());
        cuMemFree(x), cuMemFree(y);
      }
  }
  unsetenv("GATUN_VGPU_MODE");
  vgpuReadEnvironment();
  vgpuReset();
}

static void host_side(const std::string& ptx) {
  // freed memory
  vgpuReset();
  {
    Gpu gpu;
    Module m(ptx);
    CUdeviceptr x;
    CU(cuMemAlloc(&x, 4096));
    CU(cuMemFree(x));
    CUfunction f = m.fn("constant_ok");
    EXPECT(launch_raw(f, 1, 1, 32, 0, nullptr, x) == CUDA_SUCCESS);
    EXPECT(cuCtxSynchronize() == CUDA_ERROR_ILLEGAL_ADDRESS);
    EXPECT(report().find("inside freed allocation") != std::string::npos);
    EXPECT(launch_raw(f, 1, 1, 32, 0, nullptr, x) == CUDA_ERROR_ILLEGAL_ADDRESS,
           "a launch after a fault");
    m.m = nullptr;
  }
  // host memory: pageable is refused, pinned works
  vgpuReset();
  {
    Gpu gpu;
    Module m(ptx);
    void* pinned;
    CU(cuMemHostAlloc(&pinned, 4096, 0));
    launch(m.fn("constant_ok"), 1, 1, 32, 0, (CUdeviceptr)pinned);
    EXPECT(((float*)pinned)[31] == 1.0f && findings() == 0);
    CU(cuMemFreeHost(pinned));
    std::vector<float> pageable(1024);
    EXPECT(launch_raw(m.fn("constant_ok"), 1, 1, 32, 0, nullptr, (CUdeviceptr)pageable.data()) ==
           CUDA_SUCCESS);
    EXPECT(cuCtxSynchronize() == CUDA_ERROR_ILLEGAL_ADDRESS);
    m.m = nullptr;
  }
  // too much dynamic shared memory without opting in
  vgpuReset();
  {
    Gpu gpu;
    Module m(ptx);
    Buf<float> x(1024);
    CUfunction f = m.fn("constant_ok");
    EXPECT(launch_raw(f, 1, 1, 32, 60000, nullptr, x.p) == CUDA_ERROR_INVALID_VALUE);
    EXPECT(report().find("\"LIMIT\"") != std::string::npos);
    CU(cuFuncSetAttribute(f, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 60000));
    vgpuReset();
    EXPECT(launch_raw(f, 1, 1, 32, 60000, nullptr, x.p) == CUDA_SUCCESS);
    EXPECT(cuCtxSynchronize() == CUDA_SUCCESS && findings() == 0);
  }
  // a leak
  vgpuReset();
  {
    Gpu gpu;
    CUdeviceptr x;
    CU(cuMemAlloc(&x, 64));
  }
  EXPECT(report().find("\"LEAK\"") != std::string::npos);
  vgpuReset();
}

int main(int argc, char** argv) {
  setenv("GATUN_VGPU_WATCHDOG", "200000", 1);
  std::string dir = argc > 1 ? argv[1] : ".";
  std::string ptx = read_text(dir + "/bad.ptx"),
              source = read_text(
                  argc > 2 ? argv[2]
                           : std::string(__FILE__).substr(0, std::string(__FILE__).rfind('/')) +
                                 "/kernels/bad.cu");
  corpus(ptx, source);
  streams(ptx, source);
  late_stores(ptx);
  fuzz(ptx);
  host_side(ptx);
  return finish("known-bad corpus");
}
