// nvcc's output for small kernels against double-precision references written here; no findings
// allowed.
#include "harness.h"

static std::string g_dir;
static std::mt19937 g_rng(7);
static float rnd() { return std::uniform_real_distribution<float>(-1, 1)(g_rng); }
static std::vector<uint16_t> random_half(size_t n) {
  std::vector<uint16_t> v(n);
  for (auto& x : v) x = half_bits(rnd());
  return v;
}

static void rmsnorm(Module& m) {
  int rows = 3, n = 200;
  auto x = random_half(rows * n), w = random_half(n);
  Buf<uint16_t> dx(x), dw(w), dy(rows * n);
  launch(m.fn("rmsnorm_f16"), rows, 1, 128, 0, dx.p, dw.p, dy.p, n, 1e-5f);
  auto y = dy.get();
  for (int r = 0; r < rows; r++) {
    double s = 0;
    for (int i = 0; i < n; i++) s += std::pow(half_float(x[r * n + i]), 2);
    double scale = 1 / std::sqrt(s / n + 1e-5);
    for (int i = 0; i < n; i++) {
      double want = half_float(x[r * n + i]) * scale * half_float(w[i]);
      EXPECT(std::fabs(half_float(y[r * n + i]) - want) < 2e-3 * (1 + std::fabs(want)), "row %d %d",
             r, i);
    }
  }
}
static void rope(Module& m) {
  int rows = 2, heads = 3, dim = 64;
  std::vector<float> x(rows * heads * dim);
  for (auto& v : x) v = rnd();
  std::vector<int> pos = {5, 4000};
  Buf<float> dx(x);
  Buf<int> dp(pos);
  launch(m.fn("rope_f32"), rows, heads, 32, 0, dx.p, dp.p, heads, dim, 10000.0f);
  auto y = dx.get();
  for (int r = 0; r < rows; r++)
    for (int h = 0; h < heads; h++)
      for (int i = 0; i < dim / 2; i++) {
        double th = pos[r] * std::pow(10000.0, -2.0 * i / dim);
        const float* v = &x[(r * heads + h) * dim];
        double a = v[i] * std::cos(th) - v[i + dim / 2] * std::sin(th);
        EXPECT(std::fabs(y[(r * heads + h) * dim + i] - a) < 2e-3, "rope %d %d %d: %g %g", r, h, i,
               y[(r * heads + h) * dim + i], a);
      }
}
struct Q8 {
  uint16_t d;
  int8_t q[32];
};
static void gemv(Module& m) {
  int rows = 37, blocks = 40;
  std::vector<Q8> w(rows * blocks), x(blocks);
  for (auto* v : {&w, &x})
    for (auto& b : *v) {
      b.d = half_bits(0.01f * (1 + rnd()));
      for (auto& q : b.q) q = (int8_t)(g_rng() & 255);
    }
  Buf<Q8> dw(w), dx(x);
  Buf<float> dy(rows);
  launch(m.fn("gemv_q8_0"), (rows + 3) / 4, 1, 128, 0, dw.p, dx.p, dy.p, rows, blocks);
  auto y = dy.get();
  for (int r = 0; r < rows; r++) {
    double s = 0;
    for (int b = 0; b < blocks; b++) {
      int t = 0;
      for (int i = 0; i < 32; i++) t += w[r * blocks + b].q[i] * x[b].q[i];
      s += (double)half_float(w[r * blocks + b].d) * half_float(x[b].d) * t;
    }
    EXPECT(std::fabs(y[r] - s) < 1e-3 * (1 + std::fabs(s)), "row %d: %g %g", r, y[r], s);
  }
}
// o[q][h] = softmax(scale q·k) v with a causal mask
static std::vector<double> attention(const std::vector<float>& q, const std::vector<float>& k,
                                     const std::vector<float>& v, int n, int heads, int kv_heads,
                                     int d, double scale) {
  std::vector<double> o(n * heads * d);
  for (int r = 0; r < n; r++)
    for (int h = 0; h < heads; h++) {
      int g = h / (heads / kv_heads);
      std::vector<double> s(r + 1);
      double mx = -1e300, sum = 0;
      for (int j = 0; j <= r; j++) {
        double t = 0;
        for (int i = 0; i < d; i++)
          t += (double)q[(r * heads + h) * d + i] * k[(j * kv_heads + g) * d + i];
        mx = std::max(mx, s[j] = t * scale);
      }
      for (double& t : s) sum += t = std::exp(t - mx);
      for (int j = 0; j <= r; j++)
        for (int i = 0; i < d; i++)
          o[(r * heads + h) * d + i] += s[j] / sum * v[(j * kv_heads + g) * d + i];
    }
  return o;
}
static void naive_attention(Module& m) {
  int n = 20, heads = 2, d = 32;
  std::vector<float> q(n * heads * d), k(q.size()), v(q.size());
  for (auto* x : {&q, &k, &v})
    for (float& f : *x) f = rnd();
  Buf<float> dq(q), dk(k), dv(v), dO(q.size());
  float scale = 1 / std::sqrt((float)d);
  launch(m.fn("attention_naive"), n, heads, 64, n * 4, dq.p, dk.p, dv.p, dO.p, n, heads, d, scale);
  auto o = dO.get();
  auto want = attention(q, k, v, n, heads, heads, d, scale);
  for (size_t i = 0; i < o.size(); i++)
    EXPECT(std::fabs(o[i] - want[i]) < 1e-5, "%zu: %g %g", i, o[i], want[i]);
}
static void flash(Module& m, int d, int n, int heads, int kv) {
  auto hq = random_half((size_t)n * heads * d), hk = random_half((size_t)n * kv * d),
       hv = random_half((size_t)n * kv * d);
  auto f = [](const std::vector<uint16_t>& h) {
    std::vector<float> r;
    for (auto x : h) r.push_back(half_float(x));
    return r;
  };
  Buf<uint16_t> dq(hq), dk(hk), dv(hv), dO(hq.size());
  CUfunction fn = m.fn(d == 128 ? "flash_d128" : "flash_d64");
  int shared = (64 + 4 * 32) * (d + 8) * 2;
  CU(cuFuncSetAttribute(fn, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, shared));
  double scale = 1 / std::sqrt((double)d);
  launch(fn, (n + 63) / 64, heads, 128, shared, dq.p, dk.p, dv.p, dO.p, n, heads, kv,
         (float)(scale * 1.4426950408889634));
  auto o = dO.get();
  auto want = attention(f(hq), f(hk), f(hv), n, heads, kv, d, scale);
  double worst = 0;
  for (size_t i = 0; i < o.size(); i++)
    worst = std::max(worst, std::fabs(half_float(o[i]) - want[i]));
  EXPECT(worst < 2e-3, "flash d=%d n=%d: %g", d, n, worst);
}

int main(int argc, char** argv) {
  g_dir = argc > 1 ? argv[1] : ".";
  Gpu gpu;
  // every model of tensor-core rounding, jitter of the approximate functions, random schedules,
  // late stores
  const char* modes[][2] = {{"MMA", "chain"},   {"MMA", "group8"},   {"MMA", "exact"},
                            {"JITTER", "7"},    {"JITTER", "8"},     {"MODE", "fuzz:1"},
                            {"MODE", "fuzz:2"}, {"STORE_DELAY", "5"}};
  for (auto& mode : modes) {
    std::string name = std::string("GATUN_VGPU_") + mode[0];
    setenv(name.c_str(), mode[1], 1);
    vgpuReadEnvironment();
    Module naive(read_text(g_dir + "/naive.ptx")), fl(read_text(g_dir + "/flash.ptx"));
    rmsnorm(naive);
    rope(naive);
    gemv(naive);
    naive_attention(naive);
    flash(fl, 64, 70, 2, 1);
    flash(fl, 128, 130, 2, 2);
    EXPECT(findings() == 0, "%s=%s", name.c_str(), mode[1]);
    unsetenv(name.c_str());
  }
  vgpuReadEnvironment();
  // two runs count the same, launch by launch
  std::string runs[2];
  for (auto& r : runs) {
    vgpuReset();
    {
      Module naive(read_text(g_dir + "/naive.ptx")), fl(read_text(g_dir + "/flash.ptx"));
      rmsnorm(naive), gemv(naive), flash(fl, 64, 70, 2, 1);
    }
    r = report(1);
    r = r.substr(r.find("\"kernels\""));
  }
  EXPECT(runs[0] == runs[1] && runs[0].find("launch_records") != std::string::npos, "%s\n%s",
         runs[0].c_str(), runs[1].c_str());
  EXPECT(findings() == 0);
  if (findings()) printf("%s\n", report().c_str());
  return finish("kernels");
}
