// Thread-instructions per second of the specification's kernels, best of n, processor time of the
// one thread, all checks and counters on (and off, for comparison). Prints; asserts nothing about
// time.
#include "../tests/harness.h"

static double lane_instructions(const char* k) { return counter(counters(k), "inst.lane"); }
static std::string g_only;
static void measure(const char* name, const char* kernel, const std::function<void()>& run) {
  if (!g_only.empty() && g_only != kernel) return;
  double best = 1e30;
  for (int i = 0; i < 5; i++) {
    run();
    best = std::min(best, vgpuSeconds());
  }
  printf("%-28s %8.1f M thread-instructions/s   (%.1f M in %.3f s)\n", name,
         lane_instructions(kernel) / best * 1e-6, lane_instructions(kernel) * 1e-6, best);
}
int main(int argc, char** argv) {
  std::string dir = argc > 1 ? argv[1] : "build/virtual-gpu/ptx";
  if (argc > 2) g_only = argv[2];  // one kernel by name
  Gpu gpu;
  Module naive(read_text(dir + "/naive.ptx")), fl(read_text(dir + "/flash.ptx"));
  int rows = 2048, blocks = 128;
  Buf<uint8_t> w((size_t)rows * blocks * 34), x(blocks * 34);
  Buf<float> y(rows);
  CU(cuMemsetD8(w.p, 1, w.n));
  CU(cuMemsetD8(x.p, 1, x.n));
  int nr = 512, nc = 4096;
  Buf<uint16_t> rx((size_t)nr * nc), rw(nc), ry((size_t)nr * nc);
  CU(cuMemsetD16(rx.p, 0x3c00, rx.n));
  CU(cuMemsetD16(rw.p, 0x3c00, rw.n));
  int n = 512, heads = 4, d = 128, shared = (64 + 4 * 32) * (d + 8) * 2;
  Buf<uint16_t> q((size_t)n * heads * d), k(q.n), v(q.n), o(q.n);
  for (auto* b : {&q, &k, &v}) CU(cuMemsetD16(b->p, 0x2c00, b->n));
  CUfunction ff = fl.fn("flash_d128");
  CU(cuFuncSetAttribute(ff, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, shared));
  for (const char* mode : {"all", "none"}) {
    setenv("GATUN_VGPU_CHECK", mode, 1);
    setenv("GATUN_VGPU_COUNT", mode[0] == 'a' ? "1" : "0", 1);
    vgpuReadEnvironment();
    printf("checks and counters: %s\n", mode);
    measure("Q8_0 matrix-vector 2048x4096", "gemv_q8_0", [&] {
      launch(naive.fn("gemv_q8_0"), rows / 4, 1, 128, 0, w.p, x.p, y.p, rows, blocks);
    });
    measure("RMSNorm f16 512x4096", "rmsnorm_f16",
            [&] { launch(naive.fn("rmsnorm_f16"), nr, 1, 256, 0, rx.p, rw.p, ry.p, nc, 1e-5f); });
    measure("FlashAttention f16 512x4x128", "flash_d128", [&] {
      launch(ff, n / 64, heads, 128, shared, q.p, k.p, v.p, o.p, n, heads, heads, 0.1f);
    });
  }
  if (findings()) printf("findings:\n%s\n", report().c_str());
}
