// vgpu-run KERNEL.ptx LAUNCH.json: loads PTX, runs the launches described, prints buffers, findings
// and counters (JSON).
//
// {"launches": [{"kernel": "axpy", "grid": [4,1,1], "block": [128,1,1], "shared": 0, "cooperative":
// false,
//   "args": [{"f32": 2.5}, {"buffer": "x"}, {"u32": 512}]}],
//  "buffers": {"x": {"type": "f32", "size": 512, "random": 7, "print": 8},
//              "y": {"type": "f16", "data": [1, 2.5, -3]}, "z": {"type": "u32", "size": 16}}}
// A buffer has data, or a size with "random" (a seed; floats in [-1,1), integers over their range),
// "fill" (a value), or nothing: uninitialised. "print": how many elements to print afterwards
// (default: all up to 64; 0: none).
#include <cuda.h>

#include <cstring>
#include <fstream>
#include <random>
#include <sstream>

#include "../tests/harness.h"
#include "json.h"

static std::string slurp(const char* path) {
  std::ifstream f(path, std::ios::binary);
  if (!f) throw std::runtime_error(std::string("cannot read ") + path);
  std::stringstream s;
  s << f.rdbuf();
  return s.str();
}
static void check(CUresult r, const std::string& what) {
  if (r == CUDA_SUCCESS) return;
  const char *n = "?", *t = "?";
  cuGetErrorName(r, &n);
  cuGetErrorString(r, &t);
  throw std::runtime_error(what + ": " + n + " (" + t + ")");
}
static size_t bytes_of(const std::string& t) {
  if (t == "u8" || t == "s8") return 1;
  if (t == "u16" || t == "s16" || t == "f16" || t == "bf16") return 2;
  if (t == "u32" || t == "s32" || t == "f32") return 4;
  if (t == "u64" || t == "s64" || t == "f64") return 8;
  throw std::runtime_error("unknown type " + t);
}
static void encode(const std::string& t, double v, uint8_t* p) {
  uint64_t u = v < 0 ? (uint64_t)(int64_t)v : (uint64_t)v;
  float f = (float)v;
  uint32_t fb;
  memcpy(&fb, &f, 4);
  if (t == "f32")
    u = fb;
  else if (t == "f64")
    memcpy(&u, &v, 8);
  else if (t == "f16")
    u = half_bits(f);
  else if (t == "bf16")
    u = (fb + 0x7fff + (fb >> 16 & 1)) >> 16;
  memcpy(p, &u, bytes_of(t));
}
static std::string decode(const std::string& t, const uint8_t* p) {
  uint64_t u = 0;
  memcpy(&u, p, bytes_of(t));
  char b[64];
  auto real = [&](double v) {
    if (v != v)
      snprintf(b, sizeof b, "\"nan\"");
    else if (std::isinf(v))
      snprintf(b, sizeof b, v < 0 ? "\"-inf\"" : "\"inf\"");
    else
      snprintf(b, sizeof b, "%.9g", v);
  };
  uint32_t w = (uint32_t)u;
  float f;
  if (t == "f32")
    memcpy(&f, &w, 4), real(f);
  else if (t == "f16")
    real(half_float((uint16_t)u));
  else if (t == "bf16")
    w <<= 16, memcpy(&f, &w, 4), real(f);
  else if (t == "f64") {
    double d;
    memcpy(&d, &u, 8);
    real(d);
  } else if (t[0] == 's')
    snprintf(b, sizeof b, "%lld",
             (long long)((int64_t)(u << (64 - 8 * bytes_of(t))) >> (64 - 8 * bytes_of(t))));
  else
    snprintf(b, sizeof b, "%llu", (unsigned long long)u);
  return b;
}
struct Buffer {
  std::string type;
  size_t n;
  CUdeviceptr p;
  double print;
};

static int run(const char* ptx_path, const char* json_path) {
  Json j = Json::parse(slurp(json_path));
  check(cuInit(0), "cuInit");
  CUcontext ctx;
  check(cuCtxCreate(&ctx, nullptr, 0, 0), "cuCtxCreate");
  CUmodule m;
  std::string ptx = slurp(ptx_path);
  check(cuModuleLoadData(&m, ptx.c_str()), ptx_path);
  std::map<std::string, Buffer> buffers;
  if (j.has("buffers"))
    for (auto& kv : j.at("buffers").map) {
      const Json& b = kv.second;
      Buffer x{b.at("type").str, 0, 0, -1};
      x.n = b.has("data") ? b.at("data").list.size() : (size_t)b.at("size").num;
      x.print = b.number("print", x.n <= 64 ? (double)x.n : 0);
      size_t es = bytes_of(x.type);
      check(cuMemAlloc(&x.p, x.n * es), "buffer " + kv.first);
      std::vector<uint8_t> host(x.n * es);
      bool filled = true;
      if (b.has("data"))
        for (size_t i = 0; i < x.n; i++) encode(x.type, b.at("data").list[i].num, &host[i * es]);
      else if (b.has("fill"))
        for (size_t i = 0; i < x.n; i++) encode(x.type, b.at("fill").num, &host[i * es]);
      else if (b.has("random")) {
        std::mt19937_64 rng((uint64_t)b.at("random").num);
        bool real = x.type.find('f') != std::string::npos;
        for (size_t i = 0; i < x.n; i++) {
          if (real)
            encode(x.type, std::ldexp((double)(int64_t)rng(), -63), &host[i * es]);
          else {
            uint64_t r = rng();
            memcpy(&host[i * es], &r, es);
          }
        }
      } else
        filled = false;
      if (filled) check(cuMemcpyHtoD(x.p, host.data(), host.size()), "copy of " + kv.first);
      buffers[kv.first] = x;
    }
  auto dim = [](const Json& l, const char* k, int i) -> unsigned {
    if (!l.has(k)) return 1;
    const Json& d = l.at(k);
    if (d.kind == Json::Number) return i == 0 ? (unsigned)d.num : 1;
    return i < (int)d.list.size() ? (unsigned)d.list[i].num : 1;
  };
  CUresult fault = CUDA_SUCCESS;
  for (const Json& l : j.at("launches").list) {
    CUfunction f;
    std::string name = l.at("kernel").str;
    check(cuModuleGetFunction(&f, m, name.c_str()), "kernel " + name);
    std::vector<std::vector<uint8_t>> store;
    if (l.has("args"))
      for (const Json& a : l.at("args").list) {
        if (a.map.size() != 1)
          throw std::runtime_error(
              "an argument is one pair, such as {\"u32\": 5} or {\"buffer\": \"x\"}");
        auto& kv = *a.map.begin();
        std::vector<uint8_t> v(8);
        if (kv.first == "buffer") {
          auto it = buffers.find(kv.second.str);
          if (it == buffers.end()) throw std::runtime_error("unknown buffer " + kv.second.str);
          memcpy(v.data(), &it->second.p, 8);
        } else
          encode(kv.first, kv.second.num, v.data());
        store.push_back(v);
      }
    size_t off, size, want = 0;
    while (cuFuncGetParamInfo(f, want, &off, &size) == CUDA_SUCCESS) want++;
    if (want != store.size())
      throw std::runtime_error(name + " takes " + std::to_string(want) + " arguments, " +
                               std::to_string(store.size()) + " are given");
    std::vector<void*> params;
    for (auto& v : store) params.push_back(v.data());
    params.push_back(nullptr);
    unsigned shared = (unsigned)l.number("shared", 0);
    if (shared > 48 * 1024)
      check(cuFuncSetAttribute(f, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, (int)shared),
            "shared memory");
    unsigned g[3], b[3];
    for (int i = 0; i < 3; i++) g[i] = dim(l, "grid", i), b[i] = dim(l, "block", i);
    bool coop = l.number("cooperative", 0) != 0;
    check(coop ? cuLaunchCooperativeKernel(f, g[0], g[1], g[2], b[0], b[1], b[2], shared, nullptr,
                                           params.data())
               : cuLaunchKernel(f, g[0], g[1], g[2], b[0], b[1], b[2], shared, nullptr,
                                params.data(), nullptr),
          "launch of " + name);
    if ((fault = cuCtxSynchronize())) break;
  }
  printf("{\"result\":\"%s\",\"buffers\":{", fault ? "fault" : "ok");
  bool first = true;
  if (!fault)
    for (auto& kv : buffers) {
      Buffer& x = kv.second;
      size_t n = (size_t)std::min<double>((double)x.n, x.print), es = bytes_of(x.type);
      if (!n) continue;
      std::vector<uint8_t> host(n * es);
      check(cuMemcpyDtoH(host.data(), x.p, host.size()), "read of " + kv.first);
      printf("%s\n \"%s\":[", first ? "" : ",", kv.first.c_str());
      for (size_t i = 0; i < n; i++)
        printf("%s%s", i ? "," : "", decode(x.type, &host[i * es]).c_str());
      printf("]");
      first = false;
    }
  printf("},\n\"report\":%s}\n", report(1).c_str());
  return fault || (vgpuFindings() & 0xffffffff) ? 1 : 0;
}
int main(int argc, char** argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: vgpu-run KERNEL.ptx LAUNCH.json\n");
    return 2;
  }
  try {
    return run(argv[1], argv[2]);
  } catch (const std::exception& e) {
    fprintf(stderr, "vgpu-run: %s\n", e.what());
    return 1;
  }
}
