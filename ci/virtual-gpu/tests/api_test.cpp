// The driver's rules: misuse by table, graphs against eager launches, capture rules, streams and
// events, refusals at load.
#include <algorithm>

#include "harness.h"

static std::string g_ptx;
static const char* kHead = ".version 9.0\n.target sm_80\n.address_size 64\n";

static void misuse() {
  CUdeviceptr p;
  EXPECT(cuMemAlloc(&p, 16) == CUDA_ERROR_NOT_INITIALIZED);
  EXPECT(cuInit(1) == CUDA_ERROR_INVALID_VALUE);
  CU(cuInit(0));
  EXPECT(cuMemAlloc(&p, 16) == CUDA_ERROR_INVALID_CONTEXT);
  char name[64];
  CU(cuDeviceGetName(name, sizeof name, 0));
  EXPECT(strstr(name, "Virtual"));
  CUdevice dev;
  EXPECT(cuDeviceGet(&dev, 99) == CUDA_ERROR_INVALID_DEVICE);
  Gpu gpu;
  Module m(g_ptx);
  CUfunction f = m.fn("fill");
  Buf<int> x(1024);
  int v = 3;
  void* params[] = {&x.p, &v, nullptr};
  CUmodule mod;
  size_t size;
  float ms;
  EXPECT(cuMemAlloc(nullptr, 16) == CUDA_ERROR_INVALID_VALUE);
  EXPECT(cuMemAlloc(&p, 0) == CUDA_ERROR_INVALID_VALUE);
  EXPECT(cuMemAlloc(&p, 1ull << 45) == CUDA_ERROR_OUT_OF_MEMORY);
  EXPECT(cuMemFree(12345) == CUDA_ERROR_INVALID_VALUE);
  EXPECT(cuMemcpyHtoD(x.p, &v, 5000) == CUDA_ERROR_INVALID_VALUE);
  EXPECT(cuMemsetD32(x.p + 2, 0, 1) == CUDA_ERROR_INVALID_VALUE);
  EXPECT(cuModuleGetFunction(&f, m.m, "nothing") == CUDA_ERROR_NOT_FOUND);
  EXPECT(cuModuleGetGlobal(&p, &size, m.m, "nothing") == CUDA_ERROR_NOT_FOUND);
  f = m.fn("fill");
  EXPECT(cuModuleGetFunction(&f, (CUmodule)&v, "fill") == CUDA_ERROR_INVALID_HANDLE);
  f = m.fn("fill");
  EXPECT(cuStreamSynchronize((CUstream)&v) == CUDA_ERROR_INVALID_HANDLE);
  EXPECT(cuEventRecord((CUevent)&v, nullptr) == CUDA_ERROR_INVALID_HANDLE);
  EXPECT(cuEventElapsedTime(&ms, (CUevent)&v, (CUevent)&v) == CUDA_ERROR_INVALID_HANDLE);
  EXPECT(cuLaunchKernel((CUfunction)&v, 1, 1, 1, 32, 1, 1, 0, nullptr, params, nullptr) ==
         CUDA_ERROR_INVALID_HANDLE);
  EXPECT(cuLaunchKernel(f, 0, 1, 1, 32, 1, 1, 0, nullptr, params, nullptr) ==
         CUDA_ERROR_INVALID_VALUE);
  EXPECT(cuLaunchKernel(f, 1, 1, 1, 2048, 1, 1, 0, nullptr, params, nullptr) ==
         CUDA_ERROR_INVALID_VALUE);
  EXPECT(cuLaunchKernel(f, 1, 70000, 1, 32, 1, 1, 0, nullptr, params, nullptr) ==
         CUDA_ERROR_INVALID_VALUE);
  EXPECT(cuLaunchKernel(f, 1, 1, 1, 32, 1, 1, 1 << 20, nullptr, params, nullptr) ==
         CUDA_ERROR_INVALID_VALUE);
  size_t short_size = 4;
  void* extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, &x.p, CU_LAUNCH_PARAM_BUFFER_SIZE, &short_size,
                   CU_LAUNCH_PARAM_END};
  EXPECT(cuLaunchKernel(f, 1, 1, 1, 32, 1, 1, 0, nullptr, nullptr, extra) ==
         CUDA_ERROR_INVALID_VALUE);
  // handles of what is gone
  {
    Module gone(g_ptx);
    CUfunction stale = gone.fn("fill");
    CU(cuModuleUnload(gone.m));
    EXPECT(cuLaunchKernel(stale, 1, 1, 1, 32, 1, 1, 0, nullptr, params, nullptr) ==
           CUDA_ERROR_INVALID_HANDLE);
    EXPECT(cuModuleUnload(gone.m) == CUDA_ERROR_INVALID_HANDLE);
    gone.m = nullptr;
    CUstream s;
    CUevent e;
    CU(cuStreamCreate(&s, 0));
    CU(cuStreamDestroy(s));
    EXPECT(cuStreamDestroy(s) == CUDA_ERROR_INVALID_HANDLE &&
           cuStreamQuery(s) == CUDA_ERROR_INVALID_HANDLE);
    CU(cuEventCreate(&e, 0));
    CU(cuEventDestroy(e));
    EXPECT(cuEventRecord(e, nullptr) == CUDA_ERROR_INVALID_HANDLE &&
           cuEventQuery(e) == CUDA_ERROR_INVALID_HANDLE);
    CUdeviceptr q;
    CU(cuMemAlloc(&q, 64));
    CU(cuMemFree(q));
    EXPECT(cuMemFree(q) == CUDA_ERROR_INVALID_VALUE);
  }
  EXPECT(cuFuncSetAttribute(f, (CUfunction_attribute)99, 1) == CUDA_ERROR_INVALID_VALUE);
  EXPECT(cuModuleLoadData(nullptr, "x") == CUDA_ERROR_INVALID_VALUE &&
         cuModuleLoadData(&mod, nullptr) == CUDA_ERROR_INVALID_VALUE);
  EXPECT(cuStreamAddCallback(nullptr, nullptr, nullptr, 0) == CUDA_ERROR_NOT_SUPPORTED);
  {
    CUlaunchAttribute a = {};
    a.id = CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION, a.value.clusterDim = {2, 1, 1};
    CUlaunchConfig c = {};
    c.gridDimX = 2, c.gridDimY = c.gridDimZ = c.blockDimY = c.blockDimZ = 1, c.blockDimX = 32,
    c.attrs = &a, c.numAttrs = 1;
    EXPECT(cuLaunchKernelEx(&c, f, params, nullptr) == CUDA_ERROR_NOT_SUPPORTED);
  }
  EXPECT(cuCtxSetLimit((CUlimit)77, 1) == CUDA_ERROR_UNSUPPORTED_LIMIT);
  void* fn;
  CUdriverProcAddressQueryResult q;
  EXPECT(cuGetProcAddress("cuMemAlloc", &fn, 13000, 0, &q) == CUDA_SUCCESS && fn);
  EXPECT(cuGetProcAddress("cuTexObjectCreate", &fn, 13000, 0, &q) == CUDA_ERROR_NOT_FOUND && !fn &&
         q == CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND);
  // refused at load, by name and line
  struct {
    std::string text;
    const char* says;
    CUresult r;
  } bad[] = {
      {std::string(kHead) +
           ".visible .entry k(){\n.reg .b32 %r<2>;\nfrobnicate.b32 %r0,%r1;\nret;}",
       "line 6: unknown instruction frobnicate.b32", CUDA_ERROR_INVALID_PTX},
      {std::string(kHead) +
           ".visible .entry k(){\n.reg .b32 %r<2>;\nadd.s32.wobbly %r0,%r1,%r1;\nret;}",
       "line 6: add.s32.wobbly: modifier .wobbly", CUDA_ERROR_INVALID_PTX},
      {std::string(kHead) + ".visible .entry k(){\nbra nowhere;\nret;}",
       "line 5: unknown label nowhere", CUDA_ERROR_INVALID_PTX},
      {std::string(kHead) + ".visible .entry k(){\n.reg .b64 %r<2>;\nadd.s32 %r0,%r1,%r1;\nret;}",
       "wide", CUDA_ERROR_INVALID_PTX},
      {".version 12.0\n.target sm_80\n.address_size 64\n", "PTX version 12.0",
       CUDA_ERROR_UNSUPPORTED_PTX_VERSION},
      {".version 9.0\n.target sm_120\n.address_size 64\n", "sm_120", CUDA_ERROR_NO_BINARY_FOR_GPU},
      {"\x7f"
       "ELF junk",
       "cubin", CUDA_ERROR_NO_BINARY_FOR_GPU},
      {"hello", "unexpected", CUDA_ERROR_INVALID_PTX},
      {"", "not PTX", CUDA_ERROR_INVALID_PTX}};
  for (auto& b : bad) {
    char log[512] = "";
    CUjit_option o[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
    void* ov[] = {log, (void*)sizeof log};
    b.text.resize(b.text.size() + 16);
    CUresult r = cuModuleLoadDataEx(&mod, b.text.c_str(), 2, o, ov);
    EXPECT(r == b.r && strstr(log, b.says), "%d: %s", (int)r, log);
  }
  // a fat binary: its plain PTX is found; without one it is refused with a hint
  {
    std::string text = g_ptx, fat(16 + 64, 0);
    fat += text;
    fat.push_back(0);
    uint32_t magic = 0xBA55ED50u;
    uint16_t version = 1, header = 16;
    uint64_t bytes = fat.size() - 16;
    memcpy(&fat[0], &magic, 4), memcpy(&fat[4], &version, 2), memcpy(&fat[6], &header, 2),
        memcpy(&fat[8], &bytes, 8);
    CU(cuModuleLoadData(&mod, fat.data()));
    CU(cuModuleGetFunction(&f, mod, "fill"));
    CU(cuModuleUnload(mod));
    std::fill(fat.begin() + 16, fat.end(), 'x');
    EXPECT(cuModuleLoadData(&mod, fat.data()) == CUDA_ERROR_NO_BINARY_FOR_GPU);
  }
  // truncated and mangled text: refused or loaded, never a crash
  std::mt19937 rng(11);
  for (int i = 0; i < 300; i++) {
    std::string t = g_ptx;
    if (i % 3 == 0)
      t.resize(rng() % t.size());
    else
      for (int k = 0; k < 1 + (int)(rng() % 8); k++) t[rng() % t.size()] = (char)(32 + rng() % 95);
    CUresult r = cuModuleLoadData(&mod, t.c_str());
    if (r == CUDA_SUCCESS) CU(cuModuleUnload(mod));
    g_checks++;
  }
}

static void graphs() {
  Gpu gpu;
  Module m(g_ptx);
  CUfunction fill = m.fn("fill"), add = m.fn("add_one");
  CUstream s, side;
  CU(cuStreamCreate(&s, CU_STREAM_NON_BLOCKING));
  CU(cuStreamCreate(&side, CU_STREAM_NON_BLOCKING));
  CUevent fork, join;
  CU(cuEventCreate(&fork, CU_EVENT_DISABLE_TIMING));
  CU(cuEventCreate(&join, CU_EVENT_DISABLE_TIMING));
  Buf<int> x(256), y(256), z(256);
  auto work = [&] {
    launch_raw(fill, 2, 1, 128, 0, s, x.p, 5);
    CU(cuEventRecord(fork, s));
    CU(cuStreamWaitEvent(side, fork, 0));
    CU(cuMemsetD32Async(y.p, 7, 256, side));
    launch_raw(add, 2, 1, 128, 0, side, y.p);
    launch_raw(add, 2, 1, 128, 0, s, x.p);
    CU(cuEventRecord(join, side));
    CU(cuStreamWaitEvent(s, join, 0));
    CU(cuMemcpyDtoDAsync(z.p, y.p, 1024, s));
    launch_raw(add, 2, 1, 128, 0, s, z.p);
  };
  vgpuReset();
  work();
  CU(cuStreamSynchronize(s));
  auto ex = x.get(), ez = z.get();
  std::string eager = counters("add_one");
  EXPECT(ex[255] == 6 && ez[0] == 9);
  CU(cuStreamBeginCapture(s, CU_STREAM_CAPTURE_MODE_RELAXED));
  work();
  CUgraph g;
  CU(cuStreamEndCapture(s, &g));
  size_t n = 0;
  CU(cuGraphGetNodes(g, nullptr, &n));
  EXPECT(n == 6, "%zu nodes", n);
  CUgraphExec e;
  CU(cuGraphInstantiate(&e, g, 0));
  CU(cuMemsetD32(x.p, 0, 256));
  CU(cuMemsetD32(z.p, 0, 256));
  for (int i = 0; i < 3; i++) {
    CU(cuGraphLaunch(e, s));
    CU(cuStreamSynchronize(s));
    EXPECT(x.get() == ex && z.get() == ez, "replay equals eager");
    EXPECT(counters("add_one") == eager, "counters of replay and eager");
  }
  // new parameters for one kernel node
  std::vector<CUgraphNode> nodes(n);
  CU(cuGraphGetNodes(g, nodes.data(), &n));
  int v = 40;
  void* params[] = {&x.p, &v};
  CUDA_KERNEL_NODE_PARAMS kp = {};
  kp.func = fill, kp.gridDimX = 2, kp.gridDimY = kp.gridDimZ = 1, kp.blockDimX = 128,
  kp.blockDimY = kp.blockDimZ = 1, kp.kernelParams = params;
  CU(cuGraphExecKernelNodeSetParams(e, nodes[0], &kp));
  CU(cuGraphLaunch(e, s));
  CU(cuStreamSynchronize(s));
  EXPECT(x.get()[0] == 41);
  // capture rules
  CUdeviceptr p;
  CU(cuStreamBeginCapture(s, CU_STREAM_CAPTURE_MODE_GLOBAL));
  EXPECT(cuMemAlloc(&p, 16) == CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  CUgraph bad;
  EXPECT(cuStreamEndCapture(s, &bad) == CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  CU(cuStreamBeginCapture(s, CU_STREAM_CAPTURE_MODE_RELAXED));
  EXPECT(cuStreamSynchronize(s) == CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  EXPECT(cuStreamEndCapture(s, &bad) == CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  CU(cuStreamBeginCapture(s, CU_STREAM_CAPTURE_MODE_RELAXED));
  launch_raw(fill, 2, 1, 128, 0, s, x.p, 5);
  CU(cuEventRecord(fork, s));
  CU(cuStreamWaitEvent(side, fork, 0));
  launch_raw(fill, 2, 1, 128, 0, side, y.p, 5);
  EXPECT(cuStreamEndCapture(s, &bad) == CUDA_ERROR_STREAM_CAPTURE_UNJOINED);
  EXPECT(cuStreamEndCapture(s, &bad) == CUDA_ERROR_ILLEGAL_STATE);
  EXPECT(cuStreamBeginCapture(nullptr, CU_STREAM_CAPTURE_MODE_RELAXED) ==
         CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  // 902: two captures merged, 903: ended on the wrong stream, 905: waiting for work outside, 906:
  // the legacy stream meanwhile
  CU(cuStreamBeginCapture(s, CU_STREAM_CAPTURE_MODE_RELAXED));
  CU(cuStreamBeginCapture(side, CU_STREAM_CAPTURE_MODE_RELAXED));
  CU(cuEventRecord(fork, s));
  EXPECT(cuStreamWaitEvent(side, fork, 0) == CUDA_ERROR_STREAM_CAPTURE_MERGE);
  EXPECT(cuStreamEndCapture(side, &bad) == CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  EXPECT(cuStreamEndCapture(s, &bad) == CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  CU(cuStreamBeginCapture(s, CU_STREAM_CAPTURE_MODE_RELAXED));
  CU(cuEventRecord(fork, s));
  CU(cuStreamWaitEvent(side, fork, 0));
  EXPECT(cuStreamEndCapture(side, &bad) == CUDA_ERROR_STREAM_CAPTURE_UNMATCHED);
  EXPECT(cuStreamEndCapture(s, &bad) == CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  launch_raw(fill, 2, 1, 128, 0, side, x.p, 5);
  CU(cuEventRecord(join, side));
  CU(cuStreamBeginCapture(s, CU_STREAM_CAPTURE_MODE_RELAXED));
  EXPECT(cuStreamWaitEvent(s, join, 0) == CUDA_ERROR_STREAM_CAPTURE_ISOLATION);
  EXPECT(cuStreamEndCapture(s, &bad) == CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  CUstream blocking;
  CU(cuStreamCreate(&blocking, CU_STREAM_DEFAULT));
  CU(cuStreamBeginCapture(blocking, CU_STREAM_CAPTURE_MODE_RELAXED));
  EXPECT(launch_raw(fill, 2, 1, 128, 0, nullptr, x.p, 5) == CUDA_ERROR_STREAM_CAPTURE_IMPLICIT);
  EXPECT(cuStreamEndCapture(blocking, &bad) == CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  CU(cuStreamDestroy(blocking));
  CU(cuCtxSynchronize());
  CU(cuGraphExecDestroy(e));
  CU(cuGraphDestroy(g));
  EXPECT(findings() == 0, "%s", report().c_str());
}

static void streams() {
  Gpu gpu;
  Module m(g_ptx);
  CUstream s;
  CU(cuStreamCreate(&s, 0));
  CUevent a, b;
  CU(cuEventCreate(&a, 0));
  CU(cuEventCreate(&b, 0));
  Buf<int> x(256);
  CU(cuEventRecord(a, s));
  launch_raw(m.fn("fill"), 2, 1, 128, 0, s, x.p, 1);
  CU(cuEventRecord(b, s));
  EXPECT(cuStreamQuery(s) == CUDA_ERROR_NOT_READY);
  for (int i = 0; cuEventQuery(b) != CUDA_SUCCESS; i++) EXPECT(i < 1000);
  float ms = -1;
  CU(cuEventElapsedTime(&ms, a, b));
  EXPECT(ms > 0);
  static int called = 0;
  CU(cuLaunchHostFunc(s, [](void* p) { called += *(int*)p; }, new int(5)));
  CU(cuStreamSynchronize(s));
  EXPECT(called == 5);
  // pinned copies are read when they run, pageable ones when they are called
  int* pinned;
  CU(cuMemHostAlloc((void**)&pinned, 1024, 0));
  for (int i = 0; i < 256; i++) pinned[i] = i;
  std::vector<int> pageable(256, 3);
  Buf<int> y(256);
  CU(cuMemcpyHtoDAsync(x.p, pinned, 1024, s));
  CU(cuMemcpyHtoDAsync(y.p, pageable.data(), 1024, s));
  pinned[0] = 99, pageable[0] = 99;
  CU(cuStreamSynchronize(s));
  EXPECT(x.get()[0] == 99 && y.get()[0] == 3);
  CU(cuMemFreeHost(pinned));
  CUdeviceptr p;
  CU(cuMemAllocAsync(&p, 1024, s));
  launch_raw(m.fn("fill"), 2, 1, 128, 0, s, p, 1);
  CU(cuMemFreeAsync(p, s));
  CU(cuStreamSynchronize(s));
  // the same work twice counts the same
  vgpuReset();
  launch(m.fn("fill"), 2, 1, 128, 0, x.p, 1);
  std::string one = counters("fill");
  launch(m.fn("fill"), 2, 1, 128, 0, x.p, 1);
  EXPECT(one == counters("fill"));
  EXPECT(counter(one, "global.st.sectors") == 32 && counter(one, "global.st.requests") == 8 &&
             counter(one, "global.footprint_sectors.grid") == 32,
         "%s", one.c_str());
  EXPECT(findings() == 0, "%s", report().c_str());
}

// Launches are summed by label, kernel and shape, with ptxas' figures beside the counters;
// occupancy uses those figures.
static void labels() {
  Gpu gpu;
  Module m(g_ptx);
  Buf<int> x(1024);
  vgpuReset();
  CUfunction f = m.fn("fill");
  launch(f, 2, 1, 128, 0, x.p, 1);
  launch(f, 4, 1, 128, 0, x.p, 1);
  vgpuLabel("case a");
  launch(f, 4, 1, 128, 0, x.p, 1);
  launch(f, 4, 1, 128, 0, x.p, 2);
  vgpuLabel(nullptr);
  std::string r = report();
  size_t groups = r.find("\"groups\":["),
         a = r.find(
             "{\"kernel\":\"fill\",\"label\":\"case a\",\"grid\":[4,1,1],\"block\":[128,1,1]",
             groups);
  EXPECT(groups != std::string::npos && a != std::string::npos, "%s", r.c_str());
  EXPECT(counter(r.substr(a), "launches") == 2 && counter(r.substr(a), "global.st.requests") == 32);
  size_t n = 0;
  for (size_t p = groups; (p = r.find("{\"kernel\":\"fill\"", p)) != std::string::npos; p++) n++;
  EXPECT(n == 3, "%zu groups", n);
  int registers = 0, blocks = 0;
  CU(cuFuncGetAttribute(&registers, CU_FUNC_ATTRIBUTE_NUM_REGS, f));
  EXPECT(registers > 0 && counter(r.substr(a), "registers") == registers, "%d", registers);
  // a note of ptxas decides occupancy: 128 registers of 65536 leave room for 512 threads
  std::string noted = std::string(kHead) +
                      ".visible .entry k(){\nret;}\n// ptxas sm_80 k registers=128 spill_stores=8 "
                      "spill_loads=12 stack=8\n";
  Module with(noted);
  CU(cuOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, with.fn("k"), 256, 0));
  EXPECT(blocks == 2, "%d", blocks);
  launch(with.fn("k"), 1, 1, 32, 0);
  std::string k = report();
  k = k.substr(k.find("\"groups\":["));
  EXPECT(k.find("\"registers\":128,\"spill_stores\":8,\"spill_loads\":12,\"stack\":8") !=
             std::string::npos,
         "%s", k.c_str());
  EXPECT(cuLaunchKernel(with.fn("k"), 1, 1, 1, 1024, 1, 1, 0, nullptr, nullptr, nullptr) ==
             CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES,
         "1024 threads of 128 registers");
  vgpuReset();
}

int main(int argc, char** argv) {
  g_ptx = read_text((argc > 1 ? argv[1] : std::string(".")) + "/multi.ptx");
  misuse();
  vgpuReset();
  graphs();
  streams();
  labels();
  return finish("driver");
}
