// Every wrong kernel gives exactly its finding, at its line; its corrected twin gives none.
#include <algorithm>

#include "harness.h"

struct Bad {
  const char *name, *id;
  unsigned grid, block;
  int args;  // 1: x; 2: x, n; 3: x, y, n; 4: x, y
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
  for (size_t p = 0; (p = r.find("{\"id\":\"", p)) != std::string::npos;) p += 7, v.push_back(r.substr(p, r.find('"', p) - p));
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
          CU(cuLaunchKernel(f, b.grid, 1, 1, b.block, 1, 1, 0, nullptr, b.args >= 3 ? p3 : p1, nullptr));
          CUresult r = cuCtxSynchronize();
          EXPECT(r == (bad ? b.result : CUDA_SUCCESS), "%s %s: result %d", b.name, bad ? "bad" : "ok", (int)r);
          EXPECT(cuCtxSynchronize() == r, "%s: a fault sticks", b.name);
          if (r) m.m = nullptr;
        }
        cuMemFree(x), cuMemFree(y);
        std::string rep = report();
        auto found = ids(rep);
        if (found.size() && found.back() == "LEAK") found.pop_back();
        EXPECT(found.size() == (bad ? 1u : 0u), "%s %s: %zu findings %s", b.name, bad ? "bad" : "ok", found.size(), rep.substr(0, 1500).c_str());
        if (bad && found.size() == 1) {
          EXPECT(found[0] == b.id, "%s: %s", b.name, found[0].c_str());
          std::string want = "\"source_line\":" + std::to_string(line_of(source, b.name)) + ",";
          EXPECT(rep.find(want) != std::string::npos, "%s: not at %s %s", b.name, want.c_str(), rep.substr(0, 600).c_str());
        }
      }
    }
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
    EXPECT(launch_raw(f, 1, 1, 32, 0, nullptr, x) == CUDA_ERROR_ILLEGAL_ADDRESS, "a launch after a fault");
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
    EXPECT(launch_raw(m.fn("constant_ok"), 1, 1, 32, 0, nullptr, (CUdeviceptr)pageable.data()) == CUDA_SUCCESS);
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
  std::string ptx = read_text(dir + "/bad.ptx"), source = read_text(argc > 2 ? argv[2] : std::string(__FILE__).substr(0, std::string(__FILE__).rfind('/')) + "/kernels/bad.cu");
  corpus(ptx, source);
  host_side(ptx);
  return finish("known-bad corpus");
}
