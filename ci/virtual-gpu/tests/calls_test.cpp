// Device functions (expanded where they are called), printf and assert; what is refused.
#include <unistd.h>

#include <algorithm>

#include "harness.h"

static float polynomial(float x, int n) {
  float y = 0;
  for (int i = 0; i < n; i++) {
    if (y > 1000) return -1;
    y = std::fma(y, x, (float)i);
  }
  return y;
}

int main(int argc, char** argv) {
  std::string dir = argc > 1 ? argv[1] : ".", ptx = read_text(dir + "/calls.ptx");
  {
    Gpu gpu;
    Module m(ptx);
    int n = 300;
    std::vector<float> x(n);
    for (int i = 0; i < n; i++) x[i] = (float)((i * 37 % 101) - 50) / 8 + (i % 11 == 0 ? 30 : 0);
    Buf<float> dx(x), out(n);
    launch(m.fn("calls"), 3, 1, 128, 0, dx.p, out.p, n);
    auto got = out.get();
    for (int i = 0; i < n; i++) {
      float y = polynomial(x[i], i % 7);
      if (i % 3 == 0) y += polynomial(y, 2);
      float sum = y;
      for (int k = 0; k < i % 5; k++) sum += polynomial(x[k], 4);
      float want = sum + (float)(sum * 2.0) - (float)(i + i % 5);
      EXPECT(std::fabs(got[i] - want) <= 1e-5f * std::fabs(want) || got[i] == want, "%d: %g %g", i,
             got[i], want);
    }
    // what a kernel prints
    int pipes[2], keep = dup(1);
    fflush(stdout);
    if (pipe(pipes)) return 1;
    dup2(pipes[1], 1);
    launch(m.fn("prints"), 1, 1, 32, 0, 2);
    dup2(keep, 1);
    close(pipes[1]);
    char text[256] = "";
    ssize_t k = read(pipes[0], text, sizeof text - 1);
    EXPECT(k > 0 && std::string(text) ==
                        "thread 0 of block:  0.00 1099511627776 x%\nthread 1 of block:  0.50 "
                        "1099511627776 x%\n",
           "%s", text);
    EXPECT(findings() == 0, "%s", report().c_str());
    launch(m.fn("asserts"), 1, 1, 32, 0, 32);
    EXPECT(launch_raw(m.fn("asserts"), 1, 1, 32, 0, nullptr, 20) == CUDA_SUCCESS);
    EXPECT(cuCtxSynchronize() == CUDA_ERROR_ASSERT);
    EXPECT(report().find("assertion 'threadIdx.x < limit' failed at ") != std::string::npos &&
               report().find("calls.cu:") != std::string::npos,
           "%s", report().c_str());
  }
  vgpuReset();
  const char* head = ".version 9.0\n.target sm_80\n.address_size 64\n";
  struct {
    const char *text, *says;
  } bad[] = {
      {".func f(){\ncall.uni f;\nret;}\n.visible .entry k(){\ncall.uni f;\nret;}",
       "line 5: call.uni: recursive call of f"},
      {".extern .func malloc2;\n.visible .entry k(){\ncall.uni malloc2;\nret;}",
       "line 6: call.uni: device function malloc2 has no definition"},
      {".visible .entry k(){\n.reg .b64 %rd1;\ncall %rd1;\nret;}", "line 6: call: indirect calls"},
      {".visible .entry k(){\nq: .callprototype _ ();\nret;}", "line 5: indirect calls"}};
  Gpu gpu;
  for (auto& b : bad) {
    char log[512] = "";
    CUjit_option o[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
    void* v[] = {log, (void*)sizeof log};
    CUmodule m;
    CUresult r = cuModuleLoadDataEx(&m, (std::string(head) + b.text).c_str(), 2, o, v);
    EXPECT(r == CUDA_ERROR_INVALID_PTX && strstr(log, b.says), "%d: %s", (int)r, log);
  }
  // arguments and results of calls are stored and loaded like other memory
  for (const char* t : {"f32", "f64", "b32", "b64", "u32", "u64"})
    cover(std::string("st.param.") + t), cover(std::string("ld.param.") + t);
  cover("call.uni");
  write_covered(dir, "calls");
  return finish("device functions");
}
