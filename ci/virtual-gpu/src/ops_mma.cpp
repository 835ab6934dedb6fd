// mma.sync: D = A·B + C over the fragments of one warp.
//
// Lane l: g = l/4, t = l%4. A register row of packed elements is, in memory, [g][elements of the
// four t], so a whole 8-row block of A (and a column block of B) is one contiguous run.
// Accumulators: c0,c1 = (g, 2t..2t+1), c2,c3 = (g+8, …).
#include "decode.h"
#include "half.h"
#include "launch.h"
#include "report.h"

namespace vgpu {
namespace {

enum class El : u8 { F16, BF16, TF32, S8, U8 };

// One register row -> an 8-row block with `per` elements per row, stored with row stride `ld`.
void expand(El e, const u32* reg, float* out, int ld) {
  alignas(64) float t[64];
  if (e == El::F16) {
    for (int i = 0; i < 64; i += 8)
      _mm256_store_ps(t + i,
                      _mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)((const u16*)reg + i))));
    for (int g = 0; g < 8; g++) memcpy(out + g * ld, t + g * 8, 32);
  } else if (e == El::BF16) {
    const u16* h = (const u16*)reg;
    for (int i = 0; i < 64; i++) t[i] = bf16_to_f32(h[i]);
    for (int g = 0; g < 8; g++) memcpy(out + g * ld, t + g * 8, 32);
  } else {
    for (int g = 0; g < 8; g++)
      for (int i = 0; i < 4; i++) out[g * ld + i] = bits_as<float>(reg[g * 4 + i] & ~0x1fffu);
  }
}

using V8 = __m256;
// acc[16][8] += A[16][K] · B[K][8], one fused multiply-add per k in ascending order
template <int K>
void chain(float (*acc)[8], const float (*a)[K], const float (*b)[8]) {
  for (int i = 0; i < 16; i += 8) {
    V8 r[8];
    for (int j = 0; j < 8; j++) r[j] = _mm256_loadu_ps(acc[i + j]);
    for (int k = 0; k < K; k++) {
      V8 bk = _mm256_loadu_ps(b[k]);
      for (int j = 0; j < 8; j++)
        r[j] = _mm256_fmadd_ps(_mm256_broadcast_ss(&a[i + j][k]), bk, r[j]);
    }
    for (int j = 0; j < 8; j++) _mm256_storeu_ps(acc[i + j], r[j]);
  }
}
template <int K>
void exact(float (*acc)[8], const float (*a)[K], const float (*b)[8]) {
  for (int i = 0; i < 16; i++)
    for (int n = 0; n < 8; n++) {
      double s = acc[i][n];
      for (int k = 0; k < K; k++) s += (double)a[i][k] * (double)b[k][n];
      acc[i][n] = (float)s;
    }
}
// Addends of a group of eight products and the accumulator are aligned to the largest and
// truncated.
template <int K>
void group8(float (*acc)[8], const float (*a)[K], const float (*b)[8]) {
  for (int i = 0; i < 16; i++)
    for (int n = 0; n < 8; n++)
      for (int k0 = 0; k0 < K; k0 += 8) {
        double p[9];
        int count = std::min(8, K - k0);
        p[0] = acc[i][n];
        for (int k = 0; k < count; k++) p[k + 1] = (double)a[i][k0 + k] * (double)b[k0 + k][n];
        int top = -2000;
        bool finite = true;
        for (int k = 0; k <= count; k++) {
          int e;
          finite &= std::isfinite(p[k]);
          if (p[k] != 0 && std::isfinite(p[k])) {
            std::frexp(p[k], &e);
            top = std::max(top, e);
          }
        }
        double s = 0;
        if (!finite || top == -2000)
          for (int k = 0; k <= count; k++) s += p[k];
        else
          for (int k = 0; k <= count; k++)
            s += std::ldexp(std::trunc(std::ldexp(p[k], 24 - top)), top - 24);
        float f = (float)s;
        if (std::isfinite(f) && std::fabs((double)f) > std::fabs(s)) f = std::nextafterf(f, 0.0f);
        acc[i][n] = f;
      }
}

// o.x: element type of A and B; o.y: 1 = f16 accumulators. aux: D, A, B, C registers.
template <int K>
void mma_float(Warp& w, const Op& o, u32 m) {
  if (!converge(w, o, m, FULL)) return;
  El e = (El)o.x;
  bool half = o.y & 1;
  int block = e == El::TF32 ? 4 : 8;  // k per register
  int na = K / block * 2, nb = K / block, nd = half ? 2 : 4;
  const u32* r = &w.launch->kernel->aux[o.aux];
  const u32 *rd = r, *ra = r + nd, *rb = ra + na, *rc = rb + nb;
  alignas(64) float a[16][K], bt[8][K], b[K][8], acc[16][8];
  for (int i = 0; i < na; i++) expand(e, w.row<u32>(ra[i]), &a[(i & 1) * 8][(i >> 1) * block], K);
  for (int i = 0; i < nb; i++) expand(e, w.row<u32>(rb[i]), &bt[0][i * block], K);
  for (int k = 0; k < K; k++)
    for (int n = 0; n < 8; n++) b[k][n] = bt[n][k];
  for (int h = 0; h < 2; h++) {
    float* f = acc[8 * h];
    if (half) {
      const u16* p = (const u16*)w.row<u32>(rc[h]);
      for (int i = 0; i < 64; i++) f[i] = f16_to_f32(p[i]);
    } else {
      const float *c0 = w.row<float>(rc[2 * h]), *c1 = w.row<float>(rc[2 * h + 1]);
      for (int i = 0; i < 32; i++) f[2 * i] = c0[i], f[2 * i + 1] = c1[i];
    }
  }
  int mode = options().mma;
  if (mode == 0)
    chain<K>(acc, a, b);
  else if (mode == 1)
    group8<K>(acc, a, b);
  else
    exact<K>(acc, a, b);
  for (int h = 0; h < 2; h++) {
    float* f = acc[8 * h];
    if (half) {
      u16* p = (u16*)w.row<u32>(rd[h]);
      for (int i = 0; i < 64; i++) p[i] = f32_to_f16(f[i]);
    } else {
      float *d0 = w.row<float>(rd[2 * h]), *d1 = w.row<float>(rd[2 * h + 1]);
      for (int i = 0; i < 32; i++) d0[i] = canonical(f[2 * i]), d1[i] = canonical(f[2 * i + 1]);
    }
  }
  w.launch->c.mma_ops++;
  w.launch->c.mma_macs += 16 * 8 * K;
}

// o.x: bit 0 A signed, bit 1 B signed; o.y: 1 = satfinite
template <int K>
void mma_int(Warp& w, const Op& o, u32 m) {
  if (!converge(w, o, m, FULL)) return;
  constexpr int NA = K / 8, NB = K / 16;
  const u32* r = &w.launch->kernel->aux[o.aux];
  const u32 *rd = r, *ra = r + 4, *rb = ra + NA, *rc = rb + NB;
  alignas(64) i32 a[16][K], b[K][8];
  for (int i = 0; i < NA; i++) {
    const u8* p = (const u8*)w.row<u32>(ra[i]);
    for (int g = 0; g < 8; g++)
      for (int k = 0; k < 16; k++) {
        u8 v = p[g * 16 + k];
        a[(i & 1) * 8 + g][(i >> 1) * 16 + k] = o.x & 1 ? (i32)(i8)v : (i32)v;
      }
  }
  for (int i = 0; i < NB; i++) {
    const u8* p = (const u8*)w.row<u32>(rb[i]);
    for (int g = 0; g < 8; g++)
      for (int k = 0; k < 16; k++) {
        u8 v = p[g * 16 + k];
        b[i * 16 + k][g] = o.x & 2 ? (i32)(i8)v : (i32)v;
      }
  }
  for (int i = 0; i < 16; i++) {
    i32 s[8] = {};  // |sum| <= 32·255·255: exact
    for (int k = 0; k < K; k++)
      for (int n = 0; n < 8; n++) s[n] += a[i][k] * b[k][n];
    for (int n = 0; n < 8; n++) {
      int lane = (i & 7) * 4 + n / 2, reg = (i >> 3) * 2 + (n & 1);
      i64 v = (i64)w.row<i32>(rc[reg])[lane] + s[n];
      if (o.y & 1) v = std::min<i64>(std::max<i64>(v, INT32_MIN), INT32_MAX);
      a[i][n] = (i32)v;  // row i of A is used up
    }
  }
  for (int i = 0; i < 16; i++)
    for (int n = 0; n < 8; n++)
      w.row<i32>(rd[(i >> 3) * 2 + (n & 1)])[(i & 7) * 4 + n / 2] = a[i][n];
  w.launch->c.mma_ops++;
  w.launch->c.mma_macs += 16 * 8 * K;
}
}  // namespace

static Register r_mma({"mma"}, [](Ctx& c) {
  if (!c.has("sync") || !c.has("aligned")) c.fail("needs .sync.aligned");
  int shape = c.one_of({"m16n8k4", "m16n8k8", "m16n8k16", "m16n8k32"});
  if (shape < 0) c.fail("shape not supported");
  if (!c.has("row") || !c.has("col")) c.fail("needs .row.col");
  bool sat = c.has("satfinite");
  int K = 4 << shape;
  Ty d = c.type(), a = c.type(), b = c.type(), cc = c.type();
  c.args(4);
  int na = 0, nb = 0, nd = 4;
  Handler h = nullptr;
  bool ints = (a == Ty::S8 || a == Ty::U8) && (b == Ty::S8 || b == Ty::U8);
  if (ints) {
    if (d != Ty::S32 || cc != Ty::S32) c.fail("accumulators must be .s32");
    na = K / 8, nb = K / 16;
    c.op.x = (a == Ty::S8) | (b == Ty::S8) << 1;
    c.op.y = sat;
    h = K == 16 ? mma_int<16> : K == 32 ? mma_int<32> : nullptr;
  } else {
    bool half = d == Ty::F16;
    if (a != b || d != cc || (d != Ty::F32 && !(half && a == Ty::F16)) || sat)
      c.fail("combination of types not supported");
    c.op.y = half;
    if (half) nd = 2;
    if (a == Ty::F16 || a == Ty::BF16) {
      c.op.x = (u32)(a == Ty::F16 ? El::F16 : El::BF16);
      na = K / 4, nb = K / 8;
      h = K == 8 ? mma_float<8> : K == 16 ? mma_float<16> : nullptr;
    } else if (a == Ty::TF32) {
      c.op.x = (u32)El::TF32;
      na = K / 2, nb = K / 4;
      h = K == 4 ? mma_float<4> : K == 8 ? mma_float<8> : nullptr;
    }
  }
  if (!h) c.fail("combination of shape and types not supported");
  int want[4] = {nd, na, nb, nd};
  std::vector<u32> rows;
  for (int i = 3; i >= 0; i--) {  // sources first: they are read before D is written
    const Operand& v = c.arg(i);
    std::vector<Operand> e = v.kind == Operand::Vec ? v.elems : std::vector<Operand>{v};
    if ((int)e.size() != want[i]) c.fail("wrong number of registers");
    std::vector<u32> part;
    for (auto& x : e) part.push_back(i ? c.src_of(x, Ty::B32) : c.dst_of(x, Ty::B32));
    rows.insert(rows.begin(), part.begin(), part.end());
  }
  c.aux = rows;
  c.emit(h, Cls::Mma);
});
}  // namespace vgpu
