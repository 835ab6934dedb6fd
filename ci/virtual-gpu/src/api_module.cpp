// Modules from PTX text, their functions and globals; launches and occupancy.
#include <algorithm>
#include <cstdio>

#include "driver.h"
#include "mutate.h"

using namespace vgpu;

namespace {
struct Logs {
  char *error = nullptr, *info = nullptr;
  size_t error_size = 0, info_size = 0;
};
Logs logs_of(unsigned n, const CUjit_option* o, void** v) {
  Logs l;
  for (unsigned i = 0; o && v && i < n; i++) {
    if (o[i] == CU_JIT_ERROR_LOG_BUFFER) l.error = (char*)v[i];
    if (o[i] == CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES) l.error_size = (size_t)v[i];
    if (o[i] == CU_JIT_INFO_LOG_BUFFER) l.info = (char*)v[i];
    if (o[i] == CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES) l.info_size = (size_t)v[i];
  }
  return l;
}
void say(const Logs& l, const std::string& text) {
  if (l.error && l.error_size) snprintf(l.error, l.error_size, "%s", text.c_str());
  fprintf(stderr, "Gatun Virtual GPU: %s\n", text.c_str());
}

// Uncompressed PTX inside a fat binary: its text begins with a comment or ".version".
std::string ptx_in_fatbin(const u8* p) {
  u64 size;
  memcpy(&size, p + 8, 8);
  size += 16;
  if (size > (1ull << 31)) return "";
  std::string all((const char*)p, size);
  size_t at = all.find(".version");
  if (at == std::string::npos) return "";
  size_t end = all.find('\0', at);
  return all.substr(at, end == std::string::npos ? std::string::npos : end - at);
}

// "// ptxas sm_80 NAME registers=40 spill_stores=0 spill_loads=0 stack=0", as ci/ptxas-note appends
// it to PTX.
void read_notes(const std::string& text, const KernelTable& kernels) {
  for (size_t at = 0; (at = text.find("\n// ptxas sm_", at)) != std::string::npos; at++) {
    char name[1024];
    Kernel::Ptxas p;
    if (sscanf(text.c_str() + at,
               "\n// ptxas %*s %1023s registers=%u spill_stores=%u spill_loads=%u stack=%u", name,
               &p.registers, &p.spill_stores, &p.spill_loads, &p.stack) != 5)
      continue;
    auto k = kernels.find(name);
    if (k != kernels.end()) k->second->ptxas = p;
  }
}

// Text that was loaded before needs no second parse; without variables of its own, no second
// decoding either.
struct Loaded {
  std::string text;
  std::shared_ptr<const PtxModule> ptx;
  KernelTable kernels;  // empty where addresses of variables are in the code
};
std::list<Loaded>& loaded() {
  static auto* l = new std::list<Loaded>;
  return *l;
}
Loaded* loaded_before(const std::string& text) {
  for (auto& x : loaded())
    if (x.text == text) return &x;
  return nullptr;
}

CUresult load(CUmodule* out, const void* image, const Logs& logs) {
  const u8* p = (const u8*)image;
  std::string text;
  if (p[0] == 0x7f && p[1] == 'E' && p[2] == 'L' && p[3] == 'F') {
    say(logs, "the image is machine code (a cubin); only PTX can run here: compile with nvcc -ptx");
    return CUDA_ERROR_NO_BINARY_FOR_GPU;
  }
  u32 magic;
  memcpy(&magic, p, 4);
  if (magic == 0xBA55ED50u) {
    text = ptx_in_fatbin(p);
    if (text.empty()) {
      say(logs, "the fat binary holds no uncompressed PTX (nvcc --no-compress keeps it plain)");
      return CUDA_ERROR_NO_BINARY_FOR_GPU;
    }
  } else {
    text = (const char*)image;
  }
  Context* c = current();
  auto m = std::make_unique<Module>();
  m->ctx = c;
  try {
    bool mutant = !mutation().kernel.empty();
    Loaded* known = mutant ? nullptr : loaded_before(text);
    if (known) {
      m->ptx = known->ptx;
    } else {
      auto ptx = std::make_shared<PtxModule>(parse_ptx(text));
      mutate(*ptx);
      m->ptx = ptx;
    }
    const PtxModule& ptx = *m->ptx;
    const Profile& pr = *driver().profile;
    if (ptx.sm > pr.major * 10 + pr.minor) {
      say(logs, "target " + ptx.target + " is above this device (sm_" +
                    std::to_string(pr.major * 10 + pr.minor) +
                    "); GATUN_VGPU_PROFILE=h100 gives sm_90");
      return CUDA_ERROR_NO_BINARY_FOR_GPU;
    }
    SymbolTable symbols;
    auto place = [&](const Var& v) {
      if (v.space != Space::Global && v.space != Space::Const) return;
      if (v.external) throw PtxError(1, "external symbol " + v.name + " has no definition");
      if (symbols.count(v.name)) return;
      const Alloc* a = memory().alloc(c->device, std::max<u64>(v.size, 1));
      if (!a) throw std::bad_alloc();
      auto* w = const_cast<Alloc*>(a);
      w->ctx = c;
      w->constant = v.space == Space::Const;
      m->memory.push_back(a->base);
      symbols[v.name] = a->base;
      m->globals[v.name] = {a->base, v.size};
      u8* d = memory().device_bytes(a->base);
      memcpy(d, v.init.data(), std::min<u64>(v.init.size(), v.size));
      memory().mark(a->base, v.size);  // module variables start as zero
    };
    for (auto& v : ptx.vars) place(v);
    for (auto& f : ptx.functions)
      for (auto& v : f.second.vars) place(v);
    for (auto& v : ptx.vars)
      for (auto& r : v.refs) {
        auto it = symbols.find(r.sym);
        if (it == symbols.end())
          throw PtxError(1, "initialiser of " + v.name + " names unknown symbol " + r.sym);
        u64 addr = it->second + r.add;
        if (symbols.count(v.name)) memcpy(memory().device_bytes(symbols[v.name]) + r.at, &addr, 8);
      }
    if (known && !known->kernels.empty()) {
      m->kernels = known->kernels;
    } else {
      for (auto& f : ptx.functions)
        if (f.second.entry && f.second.defined)
          m->kernels[f.first] = decode(ptx, f.second, symbols);
      read_notes(text, m->kernels);
      if (!known && !mutant) {
        loaded().push_back({text, m->ptx, symbols.empty() ? m->kernels : KernelTable{}});
        if (loaded().size() > 64) loaded().pop_front();
      }
    }
  } catch (const PtxError& e) {
    for (u64 a : m->memory) memory().release(a);
    say(logs, std::string("PTX ") + e.what());
    bool version = std::string(e.what()).find("PTX version") != std::string::npos;
    return version ? CUDA_ERROR_UNSUPPORTED_PTX_VERSION : CUDA_ERROR_INVALID_PTX;
  } catch (const std::bad_alloc&) {
    for (u64 a : m->memory) memory().release(a);
    return CUDA_ERROR_OUT_OF_MEMORY;
  }
  if (logs.info && logs.info_size)
    snprintf(logs.info, logs.info_size, "Gatun Virtual GPU: %zu entries decoded",
             m->kernels.size());
  driver().modules.insert(m.get());
  *out = (CUmodule)m.release();
  return CUDA_SUCCESS;
}
Module* module_of(CUmodule h) {
  auto* m = (Module*)h;
  return driver().modules.count(m) ? m : nullptr;
}
Function_* function_of(CUfunction h) {
  auto* f = (Function_*)h;
  return driver().functions.count(f) ? f : nullptr;
}
CUresult get_function(CUfunction* out, Module* m, const char* name) {
  NEED(out && name);
  if (!m) return CUDA_ERROR_INVALID_HANDLE;
  auto k = m->kernels.find(name);
  if (k == m->kernels.end()) return CUDA_ERROR_NOT_FOUND;
  auto& f = m->functions[name];
  if (!f) {
    f = std::make_unique<Function_>();
    f->module = m, f->kernel = k->second.get();
    f->max_dynamic =
        f->kernel->static_shared < 48 * 1024 ? 48 * 1024 - f->kernel->static_shared : 0;
    driver().functions.insert(f.get());
  }
  *out = (CUfunction)f.get();
  return CUDA_SUCCESS;
}
CUresult read_file(const char* path, std::string& text) {
  FILE* f = fopen(path, "rb");
  if (!f) return CUDA_ERROR_FILE_NOT_FOUND;
  char buf[65536];
  for (size_t n; (n = fread(buf, 1, sizeof buf, f)) > 0;) text.append(buf, n);
  fclose(f);
  return CUDA_SUCCESS;
}
}  // namespace

EXPORT CUresult cuModuleLoadDataEx(CUmodule* out, const void* image, unsigned n, CUjit_option* o,
                                   void** v) {
  API(cuModuleLoadDataEx);
  NEED(out && image);
  return load(out, image, logs_of(n, o, v));
}
EXPORT CUresult cuModuleLoadData(CUmodule* out, const void* image) {
  API(cuModuleLoadData);
  NEED(out && image);
  return load(out, image, {});
}
EXPORT CUresult cuModuleLoadFatBinary(CUmodule* out, const void* image) {
  API(cuModuleLoadFatBinary);
  NEED(out && image);
  return load(out, image, {});
}
EXPORT CUresult cuModuleLoad(CUmodule* out, const char* path) {
  API(cuModuleLoad);
  NEED(out && path);
  std::string text;
  if (CUresult r = read_file(path, text)) return r;
  text.resize(text.size() + 16);
  return load(out, text.data(), {});
}
EXPORT CUresult cuModuleUnload(CUmodule h) {
  API(cuModuleUnload);
  Module* m = module_of(h);
  if (!m) return CUDA_ERROR_INVALID_HANDLE;
  wait_context(m->ctx);
  for (u64 a : m->memory) memory().release(a);
  for (auto& f : m->functions) driver().functions.erase(f.second.get());
  driver().modules.erase(m);
  delete m;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuModuleGetFunction(CUfunction* out, CUmodule h, const char* name) {
  API(cuModuleGetFunction);
  return get_function(out, module_of(h), name);
}
EXPORT CUresult cuModuleGetFunctionCount(unsigned* n, CUmodule h) {
  API(cuModuleGetFunctionCount);
  Module* m = module_of(h);
  NEED(n);
  if (!m) return CUDA_ERROR_INVALID_HANDLE;
  *n = (unsigned)m->kernels.size();
  return CUDA_SUCCESS;
}
EXPORT CUresult cuModuleGetGlobal(CUdeviceptr* p, size_t* n, CUmodule h, const char* name) {
  API(cuModuleGetGlobal);
  Module* m = module_of(h);
  NEED(name);
  if (!m) return CUDA_ERROR_INVALID_HANDLE;
  auto it = m->globals.find(name);
  if (it == m->globals.end()) return CUDA_ERROR_NOT_FOUND;
  if (p) *p = it->second.first;
  if (n) *n = it->second.second;
  return CUDA_SUCCESS;
}
// ---- extensions for mutation tests: not part of any real driver ----

// Modules loaded from now on lack the kernel's point-th barrier, fence, wait or commit, or have it
// loosened; null ends it.
EXPORT void vgpuMutate(const char* kernel, unsigned point, int loosen) {
  mutation() = {kernel ? kernel : "", point, loosen != 0};
}
// The synchronising instructions of a kernel that is loaded, one a line (PTX line, source line,
// instruction); returns the whole length.
EXPORT size_t vgpuSyncPoints(const char* kernel, char* buf, size_t size) {
  std::lock_guard<std::recursive_mutex> lock(driver().mu);
  for (Module* m : driver().modules) {
    auto f = m->ptx->functions.find(kernel);
    if (f == m->ptx->functions.end()) continue;
    std::string s = sync_points(f->second);
    if (buf && size) snprintf(buf, size, "%s", s.c_str());
    return s.size();
  }
  return 0;
}

EXPORT CUresult cuModuleGetLoadingMode(CUmoduleLoadingMode* m) {
  API(cuModuleGetLoadingMode, false);
  NEED(m);
  *m = CU_MODULE_EAGER_LOADING;
  return CUDA_SUCCESS;
}

// A library here is a module of the current context.
EXPORT CUresult cuLibraryLoadData(CUlibrary* out, const void* code, CUjit_option* o, void** v,
                                  unsigned n, CUlibraryOption*, void**, unsigned) {
  API(cuLibraryLoadData);
  NEED(out && code);
  return load((CUmodule*)out, code, logs_of(n, o, v));
}
EXPORT CUresult cuLibraryUnload(CUlibrary l) { return cuModuleUnload((CUmodule)l); }
EXPORT CUresult cuLibraryGetKernel(CUkernel* out, CUlibrary l, const char* name) {
  API(cuLibraryGetKernel);
  return get_function((CUfunction*)out, module_of((CUmodule)l), name);
}
EXPORT CUresult cuLibraryGetModule(CUmodule* out, CUlibrary l) {
  API(cuLibraryGetModule);
  NEED(out);
  if (!module_of((CUmodule)l)) return CUDA_ERROR_INVALID_HANDLE;
  *out = (CUmodule)l;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuKernelGetFunction(CUfunction* out, CUkernel k) {
  API(cuKernelGetFunction);
  NEED(out);
  if (!function_of((CUfunction)k)) return CUDA_ERROR_INVALID_HANDLE;
  *out = (CUfunction)k;
  return CUDA_SUCCESS;
}

// ---- functions ----

// ptxas' count where the PTX carries it (ci/ptxas-note); else our live rows, which are an estimate.
static u32 registers_of(const Kernel& k) {
  return k.ptxas.registers ? k.ptxas.registers : std::min(255u, std::max(16u, k.reg_pressure));
}

EXPORT CUresult cuFuncGetAttribute(int* v, CUfunction_attribute a, CUfunction h) {
  API(cuFuncGetAttribute);
  NEED(v);
  Function_* f = function_of(h);
  if (!f) return CUDA_ERROR_INVALID_HANDLE;
  const Kernel& k = *f->kernel;
  switch (a) {
    case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
      *v = k.maxntid ? (int)k.maxntid : 1024;
      break;
    case CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES:
      *v = (int)k.static_shared;
      break;
    case CU_FUNC_ATTRIBUTE_CONST_SIZE_BYTES:
      *v = 0;
      break;
    case CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES:
      *v = (int)k.local_bytes;
      break;
    case CU_FUNC_ATTRIBUTE_NUM_REGS:
      *v = (int)registers_of(k);
      break;
    case CU_FUNC_ATTRIBUTE_PTX_VERSION:
    case CU_FUNC_ATTRIBUTE_BINARY_VERSION:
      *v = k.sm;
      break;
    case CU_FUNC_ATTRIBUTE_CACHE_MODE_CA:
      *v = 0;
      break;
    case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES:
      *v = (int)f->max_dynamic;
      break;
    case CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT:
      *v = -1;
      break;
    default:
      return CUDA_ERROR_INVALID_VALUE;
  }
  return CUDA_SUCCESS;
}
EXPORT CUresult cuFuncSetAttribute(CUfunction h, CUfunction_attribute a, int v) {
  API(cuFuncSetAttribute);
  Function_* f = function_of(h);
  if (!f) return CUDA_ERROR_INVALID_HANDLE;
  if (a == CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES) {
    NEED(v >= 0 && (u64)v + f->kernel->static_shared <= driver().profile->shared_optin);
    f->max_dynamic = (u32)v;
    return CUDA_SUCCESS;
  }
  return a == CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT ? CUDA_SUCCESS
                                                                 : CUDA_ERROR_INVALID_VALUE;
}
EXPORT CUresult cuFuncSetCacheConfig(CUfunction h, CUfunc_cache) {
  API(cuFuncSetCacheConfig);
  return function_of(h) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}
EXPORT CUresult cuFuncGetModule(CUmodule* m, CUfunction h) {
  API(cuFuncGetModule);
  NEED(m);
  Function_* f = function_of(h);
  if (!f) return CUDA_ERROR_INVALID_HANDLE;
  *m = (CUmodule)f->module;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuFuncGetName(const char** n, CUfunction h) {
  API(cuFuncGetName);
  NEED(n);
  Function_* f = function_of(h);
  if (!f) return CUDA_ERROR_INVALID_HANDLE;
  *n = f->kernel->name.c_str();
  return CUDA_SUCCESS;
}
EXPORT CUresult cuFuncGetParamInfo(CUfunction h, size_t i, size_t* off, size_t* size) {
  API(cuFuncGetParamInfo);
  Function_* f = function_of(h);
  if (!f) return CUDA_ERROR_INVALID_HANDLE;
  NEED(off && i < f->kernel->params.size());
  *off = f->kernel->params[i].addr;
  if (size) *size = f->kernel->params[i].size;
  return CUDA_SUCCESS;
}

namespace vgpu {
u32 occupancy(const Kernel& k, u32 threads, u32 shared) {
  const Profile& p = *driver().profile;
  u32 warps = (threads + 31) / 32;
  if (!warps || threads > 1024) return 0;
  u32 by_threads = p.threads_per_sm / (warps * 32);
  u32 sh = k.static_shared + shared;
  u32 by_shared = sh ? p.shared_per_sm / ((sh + 1024 + 127) / 128 * 128) : p.blocks_per_sm;
  u32 regs = (registers_of(k) + 7) / 8 * 8;
  u32 by_regs = 65536 / (regs * warps * 32);
  return std::min({by_threads, by_shared, by_regs, p.blocks_per_sm});
}

CUresult check_launch(const Work& w) {
  const Kernel& k = *w.fn->kernel;
  const Profile& p = *driver().profile;
  for (int i = 0; i < 3; i++)
    if (!w.grid[i] || !w.block[i]) return CUDA_ERROR_INVALID_VALUE;
  if (w.grid[0] > 2147483647u || w.grid[1] > 65535 || w.grid[2] > 65535)
    return CUDA_ERROR_INVALID_VALUE;
  if (w.block[0] > 1024 || w.block[1] > 1024 || w.block[2] > 64) return CUDA_ERROR_INVALID_VALUE;
  u64 threads = (u64)w.block[0] * w.block[1] * w.block[2];
  if (threads > 1024) return CUDA_ERROR_INVALID_VALUE;
  if (k.maxntid && threads > k.maxntid) return CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES;
  if (k.reqntid[0])
    for (int i = 0; i < 3; i++)
      if (w.block[i] != k.reqntid[i]) return CUDA_ERROR_INVALID_VALUE;
  if (w.shared > w.fn->max_dynamic) {
    report_host("LIMIT", Severity::Warn,
                k.name + " asks for " + std::to_string(w.shared) +
                    " bytes of dynamic shared memory; its limit is " +
                    std::to_string(w.fn->max_dynamic) + " (cuFuncSetAttribute raises it)");
    return CUDA_ERROR_INVALID_VALUE;
  }
  if (k.static_shared + w.shared > p.shared_optin) return CUDA_ERROR_INVALID_VALUE;
  u32 occ = occupancy(k, (u32)threads, w.shared);
  if (!occ) return CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES;
  if (w.cooperative && (u64)w.grid[0] * w.grid[1] * w.grid[2] > (u64)occ * p.sms)
    return CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE;
  return CUDA_SUCCESS;
}

Launch* make_launch(const Work& w, Context* c) {
  auto* l = new Launch;
  l->kernel = w.fn->kernel;
  u64 threads = 1;
  for (int i = 0; i < 3; i++)
    l->grid[i] = w.grid[i], l->block[i] = w.block[i], threads *= w.block[i];
  l->shared_dynamic = w.shared;
  l->label = w.label;
  l->params = w.params;
  l->device = c->device;
  l->peers = c->peers;
  l->cooperative = w.cooperative;
  l->resident_limit =
      (u64)driver().profile->sms * std::max(1u, occupancy(*l->kernel, (u32)threads, w.shared));
  l->launch_id = driver().next_launch++;
  l->race_tags = true;
  l->fuzz = options().fuzz;
  l->random = Random(options().fuzz ^ options().store_delay ^ (u64)l->launch_id << 32);
  if (w.cooperative)
    if (const Alloc* a = memory().alloc(c->device, 64)) {
      memset(memory().device_bytes(a->base), 0, 64);
      memory().mark(a->base, 64);
      l->grid_workspace = a->base;
    }
  return l;
}
}  // namespace vgpu

static CUresult launch(Function_* f, unsigned gx, unsigned gy, unsigned gz, unsigned bx,
                       unsigned by, unsigned bz, unsigned shared, CUstream h, void** params,
                       void** extra, bool cooperative) {
  if (!f) return CUDA_ERROR_INVALID_HANDLE;
  CUresult e;
  Stream* s = stream_of(h, &e);
  if (!s) return e;
  Work w;
  w.kind = Work::Kernel;
  w.fn = f;
  w.grid[0] = gx, w.grid[1] = gy, w.grid[2] = gz, w.block[0] = bx, w.block[1] = by, w.block[2] = bz;
  w.shared = shared;
  w.cooperative = cooperative;
  w.label = launch_label();
  if ((e = check_launch(w))) return e;
  const Kernel& k = *f->kernel;
  w.params.assign(k.param_bytes, 0);
  if (extra && params) return CUDA_ERROR_INVALID_VALUE;
  if (extra) {
    const u8* buf = nullptr;
    size_t size = 0;
    for (int i = 0; extra[i] != CU_LAUNCH_PARAM_END; i += 2) {
      if (extra[i] == CU_LAUNCH_PARAM_BUFFER_POINTER)
        buf = (const u8*)extra[i + 1];
      else if (extra[i] == CU_LAUNCH_PARAM_BUFFER_SIZE)
        size = *(size_t*)extra[i + 1];
      else
        return CUDA_ERROR_INVALID_VALUE;
    }
    if (size < k.param_bytes || (size && !buf)) return CUDA_ERROR_INVALID_VALUE;
    memcpy(w.params.data(), buf, k.param_bytes);
  } else if (!k.params.empty()) {
    if (!params) return CUDA_ERROR_INVALID_VALUE;
    for (size_t i = 0; i < k.params.size(); i++) {
      if (!params[i]) return CUDA_ERROR_INVALID_VALUE;
      memcpy(&w.params[k.params[i].addr], params[i], k.params[i].size);
    }
  }
  return enqueue(s, std::move(w));
}
EXPORT CUresult cuLaunchKernel(CUfunction f, unsigned gx, unsigned gy, unsigned gz, unsigned bx,
                               unsigned by, unsigned bz, unsigned shared, CUstream s, void** params,
                               void** extra) {
  API(cuLaunchKernel);
  return launch(function_of(f), gx, gy, gz, bx, by, bz, shared, s, params, extra, false);
}
EXPORT CUresult cuLaunchCooperativeKernel(CUfunction f, unsigned gx, unsigned gy, unsigned gz,
                                          unsigned bx, unsigned by, unsigned bz, unsigned shared,
                                          CUstream s, void** params) {
  API(cuLaunchCooperativeKernel);
  return launch(function_of(f), gx, gy, gz, bx, by, bz, shared, s, params, nullptr, true);
}
EXPORT CUresult cuLaunchKernelEx(const CUlaunchConfig* c, CUfunction f, void** params,
                                 void** extra) {
  API(cuLaunchKernelEx);
  NEED(c);
  bool coop = false;
  for (unsigned i = 0; i < c->numAttrs; i++) {
    auto& a = c->attrs[i];
    if (a.id == CU_LAUNCH_ATTRIBUTE_COOPERATIVE)
      coop = a.value.cooperative;
    else if (a.id == CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION) {
      if (a.value.clusterDim.x * a.value.clusterDim.y * a.value.clusterDim.z > 1) {
        fprintf(stderr, "Gatun Virtual GPU: thread-block clusters are not supported\n");
        return CUDA_ERROR_NOT_SUPPORTED;
      }
    } else if (a.id != CU_LAUNCH_ATTRIBUTE_IGNORE && a.id != CU_LAUNCH_ATTRIBUTE_PRIORITY &&
               a.id != CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION &&
               a.id != CU_LAUNCH_ATTRIBUTE_ACCESS_POLICY_WINDOW) {
      fprintf(stderr, "Gatun Virtual GPU: launch attribute %d is not supported\n", (int)a.id);
      return CUDA_ERROR_NOT_SUPPORTED;
    }
  }
  return launch(function_of(f), c->gridDimX, c->gridDimY, c->gridDimZ, c->blockDimX, c->blockDimY,
                c->blockDimZ, c->sharedMemBytes, c->hStream, params, extra, coop);
}
EXPORT CUresult cuLaunchHostFunc(CUstream h, CUhostFn fn, void* user) {
  API(cuLaunchHostFunc);
  NEED(fn);
  CUresult e;
  Stream* s = stream_of(h, &e);
  if (!s) return e;
  Work w;
  w.kind = Work::Host;
  w.host = fn, w.user = user;
  return enqueue(s, std::move(w));
}
EXPORT CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int* n, CUfunction h, int threads,
                                                            size_t shared) {
  API(cuOccupancyMaxActiveBlocksPerMultiprocessor);
  Function_* f = function_of(h);
  NEED(n && threads > 0);
  if (!f) return CUDA_ERROR_INVALID_HANDLE;
  *n = (int)occupancy(*f->kernel, (u32)threads, (u32)shared);
  return CUDA_SUCCESS;
}
EXPORT CUresult cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* n, CUfunction h,
                                                                     int threads, size_t shared,
                                                                     unsigned) {
  return cuOccupancyMaxActiveBlocksPerMultiprocessor(n, h, threads, shared);
}
EXPORT CUresult cuOccupancyMaxPotentialBlockSize(int* grid, int* block, CUfunction h,
                                                 CUoccupancyB2DSize size, size_t shared,
                                                 int limit) {
  API(cuOccupancyMaxPotentialBlockSize);
  Function_* f = function_of(h);
  NEED(grid && block);
  if (!f) return CUDA_ERROR_INVALID_HANDLE;
  int best = 0, most = 0, top = f->kernel->maxntid ? (int)f->kernel->maxntid : 1024;
  if (limit > 0) top = std::min(top, limit);
  for (int t = top / 32 * 32; t >= 32; t -= 32) {
    int n = (int)occupancy(*f->kernel, (u32)t, (u32)(size ? size(t) : shared));
    if (n * t > most) most = n * t, best = t, *grid = n * driver().profile->sms;
  }
  *block = best;
  return best ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}
