// Deletes every barrier, wait and commit of the test kernels' FlashAttention in turn (and loosens
// every wait by one). Each mutant must give a finding or a wrong answer. The production kernel has
// the same test in kernels-cuda.
#include <algorithm>
#include <set>

#include "harness.h"

static std::vector<float> run(const std::string& ptx, const std::string& name, int d, int n,
                              std::string* found) {
  vgpuReset();
  std::mt19937 rng(5);
  size_t size = (size_t)n * d;
  std::vector<uint16_t> q(size), k(size), v(size);
  for (auto* x : {&q, &k, &v})
    for (auto& h : *x) h = half_bits(std::uniform_real_distribution<float>(-1, 1)(rng));
  Gpu gpu;
  Module m(ptx);
  std::vector<float> out;
  CUdeviceptr p[4];
  for (auto& x : p) CU(cuMemAlloc(&x, size * 2));
  CU(cuMemcpyHtoD(p[0], q.data(), size * 2));
  CU(cuMemcpyHtoD(p[1], k.data(), size * 2));
  CU(cuMemcpyHtoD(p[2], v.data(), size * 2));
  CUfunction f = m.fn(name.c_str());
  int shared = (64 + 4 * 32) * (d + 8) * 2;
  CU(cuFuncSetAttribute(f, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, shared));
  CU(launch_raw(f, (n + 63) / 64, 1, 128, shared, nullptr, p[0], p[1], p[2], p[3], n, 1, 1, 0.18f));
  CUresult r = cuCtxSynchronize();
  std::string rep = report();
  *found = "";
  std::set<std::string> kinds;
  for (size_t at = 0; (at = rep.find("{\"id\":\"", at)) != std::string::npos;)
    at += 7, kinds.insert(rep.substr(at, rep.find('"', at) - at));
  for (auto& k : kinds) *found += k + " ";
  if (r == CUDA_SUCCESS) {
    std::vector<uint16_t> h(size);
    CU(cuMemcpyDtoH(h.data(), p[3], size * 2));
    for (auto x : h) out.push_back(half_float(x));
    for (auto& x : p) CU(cuMemFree(x));
  } else {
    m.m = nullptr;
  }
  return out;
}
int main(int argc, char** argv) {
  std::string dir = argc > 1 ? argv[1] : ".", text = read_text(dir + "/flash.ptx");
  setenv("GATUN_VGPU_POISON", "0", 1);
  const char* name = "flash_d64";
  std::string found;
  auto good = run(text, name, 64, 150, &found);
  EXPECT(!good.empty() && found.empty(), "unmutated: %s", found.c_str());
  std::vector<std::string> points;
  {
    Gpu gpu;
    Module m(text);
    std::string all(vgpuSyncPoints(name, nullptr, 0) + 1, 0);
    vgpuSyncPoints(name, &all[0], all.size());
    std::stringstream lines(all.c_str());
    for (std::string line; std::getline(lines, line);) points.push_back(line);
  }
  EXPECT(points.size() >= 4, "%zu points", points.size());
  int mutants = 0, caught = 0;
  for (size_t i = 0; i < points.size(); i++)
    for (bool loosen : {false, true}) {
      if (loosen && points[i].find("wait") == std::string::npos) continue;
      vgpuMutate(name, (unsigned)i, loosen);
      auto out = run(text, name, 64, 150, &found);
      vgpuMutate(nullptr, 0, 0);
      double worst = out.empty() ? 1e9 : 0;
      for (size_t k = 0; k < out.size(); k++) {
        double e = std::fabs(out[k] - good[k]);
        worst = e == e ? std::max(worst, e) : 1e9;
      }
      mutants++;
      bool hit = !found.empty() ||
                 worst > 1e-3;  // no equivalent mutant is known: a survivor fails the test
      caught += hit;
      printf("%-40s %-8s -> %s%s\n", points[i].c_str(), loosen ? "loosened" : "deleted",
             hit ? "caught: " : "SURVIVED ",
             (found + (worst > 1e-3 ? "wrong answer" : "")).c_str());
      EXPECT(hit, "%s", points[i].c_str());
    }
  printf("%d mutants, %d caught\n", mutants, caught);
  return finish("mutants");
}
