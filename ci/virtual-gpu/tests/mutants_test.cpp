// Deletes every barrier, wait and commit of FlashAttention's PTX in turn (and loosens every wait by one). Each mutant must
// give a finding or a wrong answer; what survives must be in the list of equivalent mutants with its reason.
#include <algorithm>
#include <set>

#include "harness.h"

static std::vector<float> run(const std::string& ptx, const std::string& name, int d, int n, std::string* found) {
  vgpuReset();
  std::mt19937 rng(5);
  size_t size = (size_t)n * d;
  std::vector<uint16_t> q(size), k(size), v(size);
  for (auto* x : {&q, &k, &v}) for (auto& h : *x) h = half_bits(std::uniform_real_distribution<float>(-1, 1)(rng));
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
  for (size_t at = 0; (at = rep.find("{\"id\":\"", at)) != std::string::npos;) at += 7, kinds.insert(rep.substr(at, rep.find('"', at) - at));
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
  // the text of one entry
  size_t begin = text.find(".visible .entry flash_d64"), end = text.find("\n}", begin) + 2;
  std::string head = text.substr(0, text.find(".visible .entry")), body = text.substr(begin, end - begin);
  std::string found;
  auto good = run(head + body, "flash_d64", 64, 150, &found);
  EXPECT(!good.empty() && found.empty(), "unmutated: %s", found.c_str());
  int mutants = 0, caught = 0, survivors = 0;
  std::vector<std::pair<size_t, std::string>> list;  // position, replacement
  for (const char* what : {"bar.sync", "cp.async.wait_group", "cp.async.commit_group"})
    for (size_t p = 0; (p = body.find(what, p)) != std::string::npos; p++) {
      list.push_back({p, ""});
      if (std::string(what) == "cp.async.wait_group") list.push_back({p, "cp.async.wait_group 2"});
    }
  for (auto& x : list) {
    size_t semi = body.find(';', x.first);
    std::string was = body.substr(x.first, semi - x.first), mutant = body.substr(0, x.first) + x.second + body.substr(x.second.empty() ? semi + 1 : semi);
    int line = 1 + (int)std::count(body.begin(), body.begin() + x.first, '\n');
    auto out = run(head + mutant, "flash_d64", 64, 150, &found);
    double worst = out.empty() ? 1e9 : 0;
    for (size_t i = 0; i < out.size(); i++) { double e = std::fabs(out[i] - good[i]); worst = e == e ? std::max(worst, e) : 1e9; }
    mutants++;
    bool hit = !found.empty() || worst > 1e-3;
    (hit ? caught : survivors)++;  // no equivalent mutant is known: a survivor fails the test
    printf("%-28s at entry line %4d %-12s -> %s%s\n", was.c_str(), line, x.second.empty() ? "deleted" : "loosened", hit ? "caught: " : "SURVIVED ",
           (found + (worst > 1e-3 ? "wrong answer" : "")).c_str());
    EXPECT(hit, "%s at %d", was.c_str(), line);
  }
  printf("%d mutants, %d caught, %d survived\n", mutants, caught, survivors);
  return finish("mutants");
}
