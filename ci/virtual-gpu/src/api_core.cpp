// Initialisation, devices, contexts, errors, entry-point lookup, and the extensions that read
// reports.
#include <algorithm>

#include "driver.h"

using namespace vgpu;

namespace vgpu {
static const Profile kProfiles[] = {
    // name, SMs, cc, shared/SM, shared/block, opt-in, threads/SM, blocks/SM, memory, L2, GB/s, f16
    // TFLOP/s
    {"tiny", 4, 8, 0, 164 << 10, 48 << 10, 163 << 10, 2048, 32, 8ull << 30, 4ull << 20, 100, 10},
    {"a100", 108, 8, 0, 164 << 10, 48 << 10, 163 << 10, 2048, 32, 40ull << 30, 40ull << 20, 1555,
     312},
    {"h100", 132, 9, 0, 228 << 10, 48 << 10, 227 << 10, 2048, 32, 60ull << 30, 50ull << 20, 3350,
     989}};
static std::string env(const char* n) {
  const char* v = getenv(n);
  return v ? v : "";
}

static void init_context(Context* c, int device) {
  c->device = device;
  c->peers = 1u << device;
  c->null_stream.ctx = c->thread_stream.ctx = c;
  c->null_stream.legacy = true;
}

static struct AtExit {
  ~AtExit() { write_report_file(); }
} at_exit;
}  // namespace vgpu

EXPORT CUresult cuInit(unsigned flags) {
  Driver& d = driver();
  std::lock_guard<std::recursive_mutex> lock(d.mu);
  if (flags) return CUDA_ERROR_INVALID_VALUE;
  if (d.ready) return CUDA_SUCCESS;
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) {
    fprintf(stderr, "Gatun Virtual GPU: this CPU lacks AVX2 or FMA\n");
    return CUDA_ERROR_NO_DEVICE;
  }
  load_options();
  d.profile = &kProfiles[0];
  std::string p = env("GATUN_VGPU_PROFILE");
  if (!p.empty()) {
    d.profile = nullptr;
    for (auto& k : kProfiles)
      if (p == k.name) d.profile = &k;
    if (!d.profile) {
      fprintf(stderr, "GATUN_VGPU_PROFILE=%s: known are tiny, a100, h100\n", p.c_str());
      return CUDA_ERROR_INVALID_VALUE;
    }
  }
  std::string n = env("GATUN_VGPU_DEVICES");
  d.devices = n.empty() ? 1 : atoi(n.c_str());
  if (d.devices < 1 || d.devices > MAX_DEVICES) {
    fprintf(stderr, "GATUN_VGPU_DEVICES must be 1 to %d\n", MAX_DEVICES);
    return CUDA_ERROR_INVALID_VALUE;
  }

  if (!memory().reserve()) {
    fprintf(stderr, "Gatun Virtual GPU: no address space (raise the limit on virtual memory)\n");
    return CUDA_ERROR_OUT_OF_MEMORY;
  }
  std::string mem = env("GATUN_VGPU_MEM");  // MiB
  u64 cap = mem.empty() ? d.profile->memory : strtoull(mem.c_str(), nullptr, 0) << 20;
  d.primary.resize(d.devices);
  for (int i = 0; i < d.devices; i++)
    memory().capacity(i, std::min<u64>(cap, DEVICE_WINDOW - (1ull << 30)));
  d.ready = true;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuDriverGetVersion(int* v) {
  if (!v) return CUDA_ERROR_INVALID_VALUE;
  *v = 13000;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuDeviceGetCount(int* n) {
  API(cuDeviceGetCount, false);
  NEED(n);
  *n = driver().devices;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuDeviceGet(CUdevice* dev, int i) {
  API(cuDeviceGet, false);
  NEED(dev);
  if (i < 0 || i >= driver().devices) return CUDA_ERROR_INVALID_DEVICE;
  *dev = i;
  return CUDA_SUCCESS;
}
#define DEVICE(i) \
  if ((i) < 0 || (i) >= driver().devices) return CUDA_ERROR_INVALID_DEVICE
EXPORT CUresult cuDeviceGetName(char* name, int len, CUdevice i) {
  API(cuDeviceGetName, false);
  NEED(name && len > 0);
  DEVICE(i);
  snprintf(name, len, "Gatun Virtual GPU (%s)", driver().profile->name);
  return CUDA_SUCCESS;
}
EXPORT CUresult cuDeviceGetUuid(CUuuid* u, CUdevice i) {
  API(cuDeviceGetUuid, false);
  NEED(u);
  DEVICE(i);
  memcpy(u->bytes, "GatunVirtualGPU", 15);
  u->bytes[15] = (char)i;
  return CUDA_SUCCESS;
}
#undef cuDeviceGetUuid
EXPORT CUresult cuDeviceGetUuid(CUuuid* u, CUdevice i) { return cuDeviceGetUuid_v2(u, i); }
EXPORT CUresult cuDeviceTotalMem(size_t* n, CUdevice i) {
  API(cuDeviceTotalMem, false);
  NEED(n);
  DEVICE(i);
  *n = memory().capacity(i);
  return CUDA_SUCCESS;
}
EXPORT CUresult cuDeviceGetPCIBusId(char* s, int len, CUdevice i) {
  API(cuDeviceGetPCIBusId, false);
  NEED(s && len > 12);
  DEVICE(i);
  snprintf(s, len, "0000:%02x:00.0", i + 1);
  return CUDA_SUCCESS;
}
EXPORT CUresult cuDeviceGetAttribute(int* v, CUdevice_attribute a, CUdevice i) {
  API(cuDeviceGetAttribute, false);
  NEED(v);
  DEVICE(i);
  const Profile& p = *driver().profile;
  switch ((int)a) {
    case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
    case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X:
    case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y:
      *v = 1024;
      break;
    case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z:
      *v = 64;
      break;
    case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X:
      *v = 2147483647;
      break;
    case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y:
    case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z:
      *v = 65535;
      break;
    case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK:
      *v = (int)p.shared_per_block;
      break;
    case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN:
      *v = (int)p.shared_optin;
      break;
    case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR:
      *v = (int)p.shared_per_sm;
      break;
    case CU_DEVICE_ATTRIBUTE_RESERVED_SHARED_MEMORY_PER_BLOCK:
      *v = 1024;
      break;
    case CU_DEVICE_ATTRIBUTE_TOTAL_CONSTANT_MEMORY:
      *v = 65536;
      break;
    case CU_DEVICE_ATTRIBUTE_WARP_SIZE:
      *v = 32;
      break;
    case CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK:
    case CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR:
      *v = 65536;
      break;
    case CU_DEVICE_ATTRIBUTE_CLOCK_RATE:
    case CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE:
      *v = 1000000;
      break;
    case CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH:
      *v = (int)(p.gbps * 4);
      break;
    case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT:
      *v = p.sms;
      break;
    case CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE:
      *v = (int)p.l2;
      break;
    case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR:
      *v = (int)p.threads_per_sm;
      break;
    case CU_DEVICE_ATTRIBUTE_MAX_BLOCKS_PER_MULTIPROCESSOR:
      *v = (int)p.blocks_per_sm;
      break;
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR:
      *v = p.major;
      break;
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR:
      *v = p.minor;
      break;
    case CU_DEVICE_ATTRIBUTE_PCI_BUS_ID:
      *v = i + 1;
      break;
    case CU_DEVICE_ATTRIBUTE_ASYNC_ENGINE_COUNT:
      *v = 2;
      break;
    case CU_DEVICE_ATTRIBUTE_TEXTURE_ALIGNMENT:
    case CU_DEVICE_ATTRIBUTE_TEXTURE_PITCH_ALIGNMENT:
      *v = 256;
      break;
    case CU_DEVICE_ATTRIBUTE_MAX_PITCH:
      *v = 2147483647;
      break;
    case CU_DEVICE_ATTRIBUTE_GPU_OVERLAP:
    case CU_DEVICE_ATTRIBUTE_CONCURRENT_KERNELS:
    case CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING:
    case CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH:
    case CU_DEVICE_ATTRIBUTE_STREAM_PRIORITIES_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_CAN_MAP_HOST_MEMORY:
    case CU_DEVICE_ATTRIBUTE_CAN_USE_HOST_POINTER_FOR_REGISTERED_MEM:
    case CU_DEVICE_ATTRIBUTE_HOST_REGISTER_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_GLOBAL_L1_CACHE_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_LOCAL_L1_CACHE_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_COMPUTE_PREEMPTION_SUPPORTED:
      *v = 1;
      break;
    case CU_DEVICE_ATTRIBUTE_SINGLE_TO_DOUBLE_PRECISION_PERF_RATIO:
      *v = 2;
      break;
    default:
      if ((int)a <= 0 || a >= CU_DEVICE_ATTRIBUTE_MAX) return CUDA_ERROR_INVALID_VALUE;
      *v = 0;  // no textures, no managed memory, no IPC, no virtual memory management
  }
  return CUDA_SUCCESS;
}
EXPORT CUresult cuDeviceCanAccessPeer(int* can, CUdevice a, CUdevice b) {
  API(cuDeviceCanAccessPeer, false);
  NEED(can);
  DEVICE(a);
  DEVICE(b);
  *can = a != b;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuDeviceGetP2PAttribute(int* v, CUdevice_P2PAttribute attr, CUdevice a,
                                        CUdevice b) {
  API(cuDeviceGetP2PAttribute, false);
  NEED(v && a != b);
  DEVICE(a);
  DEVICE(b);
  *v = attr == CU_DEVICE_P2P_ATTRIBUTE_CUDA_ARRAY_ACCESS_SUPPORTED ? 0
       : attr == CU_DEVICE_P2P_ATTRIBUTE_PERFORMANCE_RANK          ? 0
                                                                   : 1;
  return CUDA_SUCCESS;
}

// ---- contexts ----

EXPORT CUresult cuDevicePrimaryCtxRetain(CUcontext* out, CUdevice i) {
  API(cuDevicePrimaryCtxRetain, false);
  NEED(out);
  DEVICE(i);
  auto& p = driver().primary[i];
  if (!p) {
    p = std::make_unique<Context>();
    init_context(p.get(), i);
    p->primary = true;
    driver().contexts.insert(p.get());
  }
  p->refs++;
  *out = (CUcontext)p.get();
  return CUDA_SUCCESS;
}
static void destroy_contents(Context* c) {
  Driver& d = driver();
  if (!c->fault) drive([&] { return idle(c); });
  host_waited_all(c);
  for (auto it = d.pending.begin(); it != d.pending.end();)
    it = (*it)->ctx == c ? d.pending.erase(it) : std::next(it);
  size_t leaks = 0, modules = 0;
  memory().each(c, [&](const Alloc& a) { leaks += !a.constant; });
  for (auto it = d.modules.begin(); it != d.modules.end();) {
    Module* m = *it;
    if (m->ctx != c) {
      ++it;
      continue;
    }
    modules++;
    leaks -=
        m->memory.size() - (size_t)std::count_if(m->memory.begin(), m->memory.end(), [&](u64 a) {
          auto x = memory().exact(a);
          return x && x->constant;
        });
    it = d.modules.erase(it);
    for (auto& f : m->functions) d.functions.erase(f.second.get());
    delete m;
  }
  auto of = [&](auto& set) {
    return (size_t)std::count_if(set.begin(), set.end(), [&](auto* x) { return x->ctx == c; });
  };
  std::string alive;
  auto say = [&](size_t n, const char* what) {
    if (n) alive += (alive.empty() ? "" : ", ") + std::to_string(n) + " " + what;
  };
  say(leaks, "device allocations"), say(modules, "modules"), say(of(d.streams), "streams"),
      say(of(d.events), "events"), say(of(d.execs), "graphs");
  if (!alive.empty() && !c->fault && options().check & CHECK_LEAK)
    report_host("LEAK", Severity::Warn, alive + " alive when their context was destroyed");
  memory().release_ctx(c);
  for (auto it = d.streams.begin(); it != d.streams.end();)
    if ((*it)->ctx == c) {
      delete *it;
      it = d.streams.erase(it);
    } else
      ++it;
  for (auto it = d.events.begin(); it != d.events.end();)
    if ((*it)->ctx == c) {
      delete *it;
      it = d.events.erase(it);
    } else
      ++it;
  for (auto it = d.execs.begin(); it != d.execs.end();)
    if ((*it)->ctx == c) {
      delete *it;
      it = d.execs.erase(it);
    } else
      ++it;
  d.contexts.erase(c);
}
EXPORT CUresult cuDevicePrimaryCtxRelease(CUdevice i) {
  API(cuDevicePrimaryCtxRelease, false);
  DEVICE(i);
  auto& p = driver().primary[i];
  if (!p || p->refs == 0) return CUDA_ERROR_INVALID_CONTEXT;
  if (--p->refs == 0) {
    destroy_contents(p.get());
    p.reset();
  }
  return CUDA_SUCCESS;
}
EXPORT CUresult cuDevicePrimaryCtxReset(CUdevice i) {
  API(cuDevicePrimaryCtxReset, false);
  DEVICE(i);
  auto& p = driver().primary[i];
  if (!p) return CUDA_SUCCESS;
  int refs = p->refs;
  destroy_contents(p.get());
  *p = Context{};
  init_context(p.get(), i);
  p->primary = true;
  p->refs = refs;
  driver().contexts.insert(p.get());
  return CUDA_SUCCESS;
}
EXPORT CUresult cuDevicePrimaryCtxGetState(CUdevice i, unsigned* flags, int* active) {
  API(cuDevicePrimaryCtxGetState, false);
  NEED(flags && active);
  DEVICE(i);
  *flags = 0;
  *active = driver().primary[i] != nullptr;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuDevicePrimaryCtxSetFlags(CUdevice i, unsigned) {
  API(cuDevicePrimaryCtxSetFlags, false);
  DEVICE(i);
  return CUDA_SUCCESS;
}
EXPORT CUresult cuCtxCreate(CUcontext* out, CUctxCreateParams* params, unsigned flags, CUdevice i) {
  API(cuCtxCreate, false);
  NEED(out);
  DEVICE(i);
  (void)params;
  auto* c = new Context;
  init_context(c, i);
  c->flags = flags;
  driver().contexts.insert(c);
  context_stack().push_back(c);
  *out = (CUcontext)c;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuCtxCreate_v2(CUcontext* out, unsigned flags, CUdevice i) {
  return cuCtxCreate_v4(out, nullptr, flags, i);
}
EXPORT CUresult cuCtxDestroy(CUcontext h) {
  API(cuCtxDestroy, false);
  auto* c = (Context*)h;
  if (!driver().contexts.count(c) || c->primary) return CUDA_ERROR_INVALID_CONTEXT;
  destroy_contents(c);
  auto& s = context_stack();
  if (!s.empty() && s.back() == c) s.pop_back();
  delete c;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuCtxSetCurrent(CUcontext h) {
  API(cuCtxSetCurrent, false);
  auto& s = context_stack();
  if (h && !driver().contexts.count((Context*)h)) return CUDA_ERROR_INVALID_CONTEXT;
  if (!s.empty()) s.pop_back();
  if (h) s.push_back((Context*)h);
  return CUDA_SUCCESS;
}
EXPORT CUresult cuCtxGetCurrent(CUcontext* out) {
  API(cuCtxGetCurrent, false);
  NEED(out);
  *out = (CUcontext)current();
  return CUDA_SUCCESS;
}
EXPORT CUresult cuCtxPushCurrent(CUcontext h) {
  API(cuCtxPushCurrent, false);
  if (!driver().contexts.count((Context*)h)) return CUDA_ERROR_INVALID_CONTEXT;
  context_stack().push_back((Context*)h);
  return CUDA_SUCCESS;
}
EXPORT CUresult cuCtxPopCurrent(CUcontext* out) {
  API(cuCtxPopCurrent, false);
  auto& s = context_stack();
  if (s.empty()) return CUDA_ERROR_INVALID_CONTEXT;
  if (out) *out = (CUcontext)s.back();
  s.pop_back();
  return CUDA_SUCCESS;
}
EXPORT CUresult cuCtxGetDevice(CUdevice* dev) {
  API(cuCtxGetDevice);
  NEED(dev);
  *dev = current()->device;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuCtxGetApiVersion(CUcontext, unsigned* v) {
  API(cuCtxGetApiVersion, false);
  NEED(v);
  *v = 13000;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuCtxSynchronize(void) {
  API(cuCtxSynchronize);
  if (CUresult r = capture_guard()) return r;
  Context* c = current();
  {
    std::lock_guard<std::mutex> l(ledger().mu);
    ledger().host["syncs"]++;
  }
  drive([&] { return idle(c); });
  host_waited_all(c);
  return (CUresult)c->fault;
}
EXPORT CUresult cuCtxGetLimit(size_t* v, CUlimit l) {
  API(cuCtxGetLimit);
  NEED(v);
  if (l < 0 || l >= CU_LIMIT_MAX) return CUDA_ERROR_UNSUPPORTED_LIMIT;
  auto it = current()->limits.find(l);
  *v = it != current()->limits.end()    ? it->second
       : l == CU_LIMIT_STACK_SIZE       ? 1024
       : l == CU_LIMIT_MALLOC_HEAP_SIZE ? 8 << 20
       : l == CU_LIMIT_PRINTF_FIFO_SIZE ? 1 << 20
                                        : 0;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuCtxSetLimit(CUlimit l, size_t v) {
  API(cuCtxSetLimit);
  if (l < 0 || l >= CU_LIMIT_MAX) return CUDA_ERROR_UNSUPPORTED_LIMIT;
  current()->limits[l] = v;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuCtxGetStreamPriorityRange(int* lo, int* hi) {
  API(cuCtxGetStreamPriorityRange);
  if (lo) *lo = 0;
  if (hi) *hi = -5;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuCtxSetCacheConfig(CUfunc_cache) {
  API(cuCtxSetCacheConfig);
  return CUDA_SUCCESS;
}
EXPORT CUresult cuCtxEnablePeerAccess(CUcontext peer, unsigned flags) {
  API(cuCtxEnablePeerAccess);
  NEED(!flags);
  auto* p = (Context*)peer;
  if (!driver().contexts.count(p)) return CUDA_ERROR_INVALID_CONTEXT;
  if (p->device == current()->device) return CUDA_ERROR_INVALID_DEVICE;
  if (current()->peers >> p->device & 1) return CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED;
  current()->peers |= 1u << p->device;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuCtxDisablePeerAccess(CUcontext peer) {
  API(cuCtxDisablePeerAccess);
  auto* p = (Context*)peer;
  if (!driver().contexts.count(p)) return CUDA_ERROR_INVALID_CONTEXT;
  if (p->device == current()->device || !(current()->peers >> p->device & 1))
    return CUDA_ERROR_PEER_ACCESS_NOT_ENABLED;
  current()->peers &= ~(1u << p->device);
  return CUDA_SUCCESS;
}

// ---- errors ----

namespace {
struct ErrorName {
  int code;
  const char *name, *text;
};
const ErrorName kErrors[] = {
    {0, "CUDA_SUCCESS", "no error"},
    {1, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {2, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {3, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {100, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {101, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {200, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"},
    {201, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {209, "CUDA_ERROR_NO_BINARY_FOR_GPU",
     "no kernel image is available for execution on the device"},
    {215, "CUDA_ERROR_UNSUPPORTED_LIMIT", "limit is not supported on this architecture"},
    {218, "CUDA_ERROR_INVALID_PTX", "a PTX JIT compilation failed"},
    {222, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION",
     "the provided PTX was compiled with an unsupported toolchain"},
    {301, "CUDA_ERROR_FILE_NOT_FOUND", "file not found"},
    {400, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {401, "CUDA_ERROR_ILLEGAL_STATE", "the operation cannot be performed in the present state"},
    {500, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {600, "CUDA_ERROR_NOT_READY", "device not ready"},
    {700, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
    {701, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", "too many resources requested for launch"},
    {702, "CUDA_ERROR_LAUNCH_TIMEOUT", "the launch timed out and was terminated"},
    {704, "CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED", "peer access is already enabled"},
    {705, "CUDA_ERROR_PEER_ACCESS_NOT_ENABLED", "peer access has not been enabled"},
    {710, "CUDA_ERROR_ASSERT", "device-side assert triggered"},
    {712, "CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED",
     "part or all of the requested memory range is already mapped"},
    {713, "CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED",
     "pointer does not correspond to a registered memory region"},
    {716, "CUDA_ERROR_MISALIGNED_ADDRESS", "misaligned address"},
    {717, "CUDA_ERROR_INVALID_ADDRESS_SPACE",
     "operation not supported on global/shared address space"},
    {719, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
    {720, "CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE", "too many blocks in cooperative launch"},
    {801, "CUDA_ERROR_NOT_SUPPORTED", "operation not supported"},
    {900, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED",
     "operation not permitted when stream is capturing"},
    {901, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED",
     "operation failed due to a previous error during capture"},
    {902, "CUDA_ERROR_STREAM_CAPTURE_MERGE",
     "operation would result in a merge of separate capture sequences"},
    {903, "CUDA_ERROR_STREAM_CAPTURE_UNMATCHED",
     "capture was not ended in the same stream as it began"},
    {904, "CUDA_ERROR_STREAM_CAPTURE_UNJOINED", "capturing stream has unjoined work"},
    {905, "CUDA_ERROR_STREAM_CAPTURE_ISOLATION",
     "dependency created on uncaptured work in another stream"},
    {906, "CUDA_ERROR_STREAM_CAPTURE_IMPLICIT",
     "operation would make the legacy stream depend on a capturing blocking stream"},
    {907, "CUDA_ERROR_CAPTURED_EVENT",
     "operation not permitted on an event last recorded in a capturing stream"},
    {910, "CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE",
     "the graph update was not performed because it included changes which violated constraints "
     "specific to instantiated graph update"}};
const ErrorName* error_name(CUresult e) {
  for (auto& k : kErrors)
    if (k.code == (int)e) return &k;
  return nullptr;
}
}  // namespace
EXPORT CUresult cuGetErrorName(CUresult e, const char** s) {
  if (!s) return CUDA_ERROR_INVALID_VALUE;
  auto* k = error_name(e);
  *s = k ? k->name : nullptr;
  return k ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}
EXPORT CUresult cuGetErrorString(CUresult e, const char** s) {
  if (!s) return CUDA_ERROR_INVALID_VALUE;
  auto* k = error_name(e);
  *s = k ? k->text : nullptr;
  return k ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}
EXPORT CUresult cuGetProcAddress(const char* name, void** fn, int, cuuint64_t,
                                 CUdriverProcAddressQueryResult* found) {
  if (!name || !fn) return CUDA_ERROR_INVALID_VALUE;
  *fn = proc_address(name);
  if (found) *found = *fn ? CU_GET_PROC_ADDRESS_SUCCESS : CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
  if (!*fn) fprintf(stderr, "Gatun Virtual GPU: %s is not supported\n", name);
  return *fn ? CUDA_SUCCESS : CUDA_ERROR_NOT_FOUND;
}

// ---- extensions: not part of any real driver ----

// Writes the JSON report (NUL-terminated, cut at size) and returns its whole length. level 0:
// findings and totals; 1: launches too.
EXPORT size_t vgpuReport(char* buf, size_t size, int level) {
  std::string s = report_json(level > 0);
  if (buf && size) {
    size_t n = std::min(size - 1, s.size());
    memcpy(buf, s.data(), n);
    buf[n] = 0;
  }
  return s.size();
}
EXPORT size_t gatunVgpuReport(char* buf, size_t size, int level) {
  return vgpuReport(buf, size, level);
}
// Counters of the newest launch of a kernel (name null: of the newest launch); 0 when there is
// none.
EXPORT size_t vgpuCounters(const char* kernel, char* buf, size_t size) {
  Ledger& l = ledger();
  std::lock_guard<std::mutex> lock(l.mu);
  for (size_t i = l.launches.size(); i-- > 0;)
    if (!kernel || l.launches[i].kernel == kernel) {
      std::string s = counters_json(l.launches[i].c);
      if (buf && size) {
        size_t n = std::min(size - 1, s.size());
        memcpy(buf, s.data(), n);
        buf[n] = 0;
      }
      return s.size();
    }
  return 0;
}
// Names the launches that this host thread enqueues from now on (kernels and graphs); null or ""
// ends it.
EXPORT void vgpuLabel(const char* label) { launch_label() = label ? label : ""; }
EXPORT void vgpuReset(void) { reset_ledger(); }
// Findings so far: errors in the low 32 bits, warnings in the high ones.
EXPORT unsigned long long vgpuFindings(void) {
  Ledger& l = ledger();
  std::lock_guard<std::mutex> lock(l.mu);
  u64 e = 0, w = 0;
  for (auto& r : l.reports) (r.severity == Severity::Error ? e : w)++;
  return e | w << 32;
}
// Seconds that the newest launch spent in the interpreter.
EXPORT double vgpuSeconds(void) {
  Ledger& l = ledger();
  std::lock_guard<std::mutex> lock(l.mu);
  return l.launches.empty() ? 0 : l.launches.back().seconds;
}
EXPORT void vgpuReadEnvironment(void) { load_options(); }
