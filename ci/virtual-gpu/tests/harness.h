// What every test of the virtual GPU needs: checked driver calls, device buffers, modules,
// findings.
#pragma once
#include <cuda.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <vector>

extern "C" size_t vgpuReport(char* buf, size_t size, int level);
extern "C" size_t vgpuCounters(const char* kernel, char* buf, size_t size);
extern "C" void vgpuReset(void);
extern "C" void vgpuLabel(const char* label);
extern "C" unsigned long long vgpuFindings(void);
extern "C" double vgpuSeconds(void);
extern "C" void vgpuReadEnvironment(void);
extern "C" void vgpuMutate(const char* kernel, unsigned point, int loosen);
extern "C" size_t vgpuSyncPoints(const char* kernel, char* buf, size_t size);

inline int g_failures = 0, g_checks = 0;
#define EXPECT(cond, ...)                                                                          \
  do {                                                                                             \
    g_checks++;                                                                                    \
    if (!(cond)) {                                                                                 \
      g_failures++;                                                                                \
      if (g_failures < 40)                                                                         \
        printf("FAIL %s:%d %s ", __FILE__, __LINE__, #cond), printf("" __VA_ARGS__), printf("\n"); \
    }                                                                                              \
  } while (0)
#define CU(call)                                                             \
  do {                                                                       \
    CUresult r_ = (call);                                                    \
    if (r_ != CUDA_SUCCESS) {                                                \
      const char* n_ = "?";                                                  \
      cuGetErrorName(r_, &n_);                                               \
      printf("%s:%d %s: %s (%d)\n", __FILE__, __LINE__, #call, n_, (int)r_); \
      exit(1);                                                               \
    }                                                                        \
  } while (0)

inline std::string read_text(const std::string& path) {
  std::ifstream f(path, std::ios::binary);
  std::stringstream s;
  s << f.rdbuf();
  if (s.str().empty()) printf("cannot read %s\n", path.c_str()), exit(1);
  return s.str();
}

struct Gpu {
  CUcontext ctx = nullptr;
  explicit Gpu(int device = 0) {
    CU(cuInit(0));
    CU(cuCtxCreate(&ctx, nullptr, 0, device));
  }
  ~Gpu() { cuCtxDestroy(ctx); }
};
template <class T>
struct Buf {
  CUdeviceptr p = 0;
  size_t n;
  explicit Buf(size_t n) : n(n) { CU(cuMemAlloc(&p, n * sizeof(T))); }
  explicit Buf(const std::vector<T>& v) : Buf(v.size()) { put(v); }
  ~Buf() { cuMemFree(p); }
  Buf(const Buf&) = delete;
  void put(const std::vector<T>& v) { CU(cuMemcpyHtoD(p, v.data(), v.size() * sizeof(T))); }
  std::vector<T> get() {
    std::vector<T> v(n);
    CU(cuMemcpyDtoH(v.data(), p, n * sizeof(T)));
    return v;
  }
};
struct Module {
  CUmodule m = nullptr;
  explicit Module(const std::string& ptx) {
    char log[2048] = "";
    CUjit_option o[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
    void* v[] = {log, (void*)sizeof log};
    CUresult r = cuModuleLoadDataEx(&m, ptx.c_str(), 2, o, v);
    if (r != CUDA_SUCCESS) printf("module load: %d %s\n", (int)r, log), exit(1);
  }
  ~Module() {
    if (m) cuModuleUnload(m);
  }
  CUfunction fn(const char* name) {
    CUfunction f;
    CU(cuModuleGetFunction(&f, m, name));
    return f;
  }
};
template <class... A>
CUresult launch_raw(CUfunction f, unsigned gx, unsigned gy, unsigned b, unsigned shared, CUstream s,
                    A... a) {
  void* params[] = {(void*)&a..., nullptr};
  return cuLaunchKernel(f, gx, gy, 1, b, 1, 1, shared, s, params, nullptr);
}
template <class... A>
void launch(CUfunction f, unsigned gx, unsigned gy, unsigned b, unsigned shared, A... a) {
  CU(launch_raw(f, gx, gy, b, shared, nullptr, a...));
  CU(cuCtxSynchronize());
}
inline std::string report(int level = 0) {
  std::string s(vgpuReport(nullptr, 0, level) + 1, 0);
  vgpuReport(&s[0], s.size(), level);
  s.pop_back();
  return s;
}
inline std::string counters(const char* kernel) {
  std::string s(vgpuCounters(kernel, nullptr, 0) + 1, 0);
  vgpuCounters(kernel, &s[0], s.size());
  s.pop_back();
  return s;
}
inline double counter(const std::string& json, const std::string& name) {
  size_t p = json.find("\"" + name + "\":");
  return p == std::string::npos ? 0 : atof(json.c_str() + p + name.size() + 3);
}
inline int findings() { return (int)(vgpuFindings() & 0xffffffff) + (int)(vgpuFindings() >> 32); }

inline uint16_t half_bits(float f) {  // written apart from the interpreter: integer arithmetic only
  uint32_t x;
  memcpy(&x, &f, 4);
  uint32_t sign = x >> 16 & 0x8000, man = x & 0x7fffff;
  int e = (int)(x >> 23 & 255);
  if (e == 255) return man ? 0x7fff : sign | 0x7c00;
  int he = e - 127 + 15;
  if (he >= 31) return sign | 0x7c00;
  uint32_t full = man | (e ? 0x800000 : 0);
  int shift = he > 0 ? 13 : 14 - he;
  if (shift > 25) return sign;
  uint32_t q = full >> shift, rem = full & ((1u << shift) - 1), halfway = 1u << (shift - 1);
  if (rem > halfway || (rem == halfway && (q & 1))) q++;
  return (uint16_t)(sign | (he > 0 ? q + ((uint32_t)(he - 1) << 10) : q));
}
inline float half_float(uint16_t h) {
  int e = h >> 10 & 31, m = h & 1023;
  double v = e == 31 ? (m ? NAN : INFINITY) : e ? std::ldexp(1024 + m, e - 25) : std::ldexp(m, -24);
  return (float)(h & 0x8000 ? -v : v);
}
// Spellings that a test compared with host arithmetic; coverage.cpp holds them against what nvcc
// emits.
inline std::set<std::string> g_covered;
inline void cover(const std::string& spelling) { g_covered.insert(spelling); }
inline void write_covered(const std::string& dir, const std::string& name) {
  std::ofstream f(dir + "/" + name + ".covered");
  for (auto& s : g_covered) f << s << "\n";
}
inline int finish(const char* name) {
  printf("%s: %d checks, %d failures\n", name, g_checks, g_failures);
  return g_failures != 0 || g_checks == 0;
}
