// Fragment layouts: one-hot A and B light exactly one element of D; ldmatrix against index
// arithmetic; random products under the three accumulation models.
#include "harness.h"

struct Shape {
  const char *name, *types;
  int k, per;  // per: elements in a 32-bit register
  bool f16acc;
};
static const Shape kShapes[] = {{"m16n8k16.row.col", "f32.f16.f16.f32", 16, 2, false},
                                {"m16n8k8.row.col", "f32.f16.f16.f32", 8, 2, false},
                                {"m16n8k16.row.col", "f32.bf16.bf16.f32", 16, 2, false},
                                {"m16n8k8.row.col", "f32.bf16.bf16.f32", 8, 2, false},
                                {"m16n8k16.row.col", "f16.f16.f16.f16", 16, 2, true},
                                {"m16n8k8.row.col", "f32.tf32.tf32.f32", 8, 1, false},
                                {"m16n8k4.row.col", "f32.tf32.tf32.f32", 4, 1, false},
                                {"m16n8k16.row.col", "s32.s8.s8.s32", 16, 4, false},
                                {"m16n8k32.row.col", "s32.s8.s8.s32", 32, 4, false},
                                {"m16n8k32.row.col", "s32.u8.s8.s32", 32, 4, false},
                                {"m16n8k32.row.col.satfinite", "s32.s8.u8.s32", 32, 4, false}};
static bool has(const Shape& s, const char* t) { return strstr(s.types, t); }

static std::string entry(size_t i, const Shape& s) {
  int na = 16 * s.k / 32 / s.per, nb = 8 * s.k / 32 / s.per, nd = s.f16acc ? 2 : 4;
  std::ostringstream o;
  o << ".visible .entry m" << i
    << "(.param .u64 pa,.param .u64 pb,.param .u64 pc,.param .u64 pd){\n.reg .b32 "
       "%a<8>,%b<4>,%c<4>,%d<4>,%t; .reg .b64 %p,%o;\nmov.u32 %t,%tid.x;\n";
  auto io = [&](const char* p, char r, int n, bool store) {
    o << "ld.param.u64 %p,[" << p << "]; mul.wide.u32 %o,%t," << 4 * n << "; add.u64 %p,%p,%o;\n";
    for (int j = 0; j < n; j++)
      if (store)
        o << "st.global.u32 [%p+" << 4 * j << "],%" << r << j << ";\n";
      else
        o << "ld.global.u32 %" << r << j << ",[%p+" << 4 * j << "];\n";
  };
  io("pa", 'a', na, false), io("pb", 'b', nb, false), io("pc", 'c', nd, false);
  auto vec = [&](char r, int n) {
    std::string v = "{";
    for (int j = 0; j < n; j++) v += (j ? ",%" : "%") + std::string(1, r) + std::to_string(j);
    return v + "}";
  };
  o << "mma.sync.aligned." << s.name << "." << s.types << " " << vec('d', nd) << "," << vec('a', na)
    << "," << vec('b', nb) << "," << vec('c', nd) << ";\n";
  io("pd", 'd', nd, true);
  o << "ret;}\n";
  return o.str();
}
static uint32_t code(const Shape& s, bool is_a, double v) {  // an element's bits
  float f = (float)v;
  uint32_t b;
  memcpy(&b, &f, 4);
  if (has(s, ".bf16")) return b >> 16;
  if (has(s, "tf32")) return b;
  if (has(s, "8.")) return (uint8_t)(int)v;
  (void)is_a;
  return half_bits(f);
}
// Where A(row, k) and B(k, n) lie: register and element within it, for lane g*4+t. Written from the
// manual's figures.
static void put(const Shape& s, std::vector<uint32_t>& regs, int nregs, bool is_a, int row, int k,
                uint32_t bits) {
  int per = s.per, block = 4 * per;  // k columns per register
  int t = k % block / per, e = k % per, g = is_a ? row % 8 : row;
  int reg = is_a ? (row / 8) + 2 * (k / block) : k / block;
  int width = 32 / per;
  regs[(g * 4 + t) * nregs + reg] |=
      (width == 32 ? bits : (bits & ((1u << width) - 1)) << (e * width));
}
static double get(const Shape& s, const std::vector<uint32_t>& d, int row, int n) {
  int lane = row % 8 * 4 + n / 2;
  if (s.f16acc) return half_float((uint16_t)(d[lane * 2 + row / 8] >> (n & 1) * 16));
  uint32_t v = d[lane * 4 + row / 8 * 2 + (n & 1)];
  if (has(s, "s32")) return (int32_t)v;
  float f;
  memcpy(&f, &v, 4);
  return f;
}
static void shape(Module& m, size_t i, const Shape& s) {
  int na = 16 * s.k / 32 / s.per, nb = 8 * s.k / 32 / s.per, nd = s.f16acc ? 2 : 4;
  Buf<uint32_t> da(32 * na), db(32 * nb), dc(32 * nd), dd(32 * nd);
  CUfunction f = m.fn(("m" + std::to_string(i)).c_str());
  dc.put(std::vector<uint32_t>(32 * nd));
  for (int row = 0; row < 16; row += 3)
    for (int n = 0; n < 8; n++)
      for (int k = 0; k < s.k; k++) {
        std::vector<uint32_t> a(32 * na), b(32 * nb);
        put(s, a, na, true, row, k, code(s, true, 2));
        put(s, b, nb, false, n, k, code(s, false, 3));
        da.put(a), db.put(b);
        launch(f, 1, 1, 32, 0, da.p, db.p, dc.p, dd.p);
        auto d = dd.get();
        int lit = 0;
        for (int r = 0; r < 16; r++)
          for (int c = 0; c < 8; c++) lit += get(s, d, r, c) != 0;
        EXPECT(lit == 1 && get(s, d, row, n) == 6, "%s.%s A(%d,%d) B(%d,%d): %d lit", s.name,
               s.types, row, k, k, n, lit);
      }
  // random values
  std::mt19937 rng(3);
  bool ints = has(s, "s32");
  std::vector<double> A(16 * s.k), B(s.k * 8), C(128);
  std::vector<uint32_t> a(32 * na), b(32 * nb), c(32 * nd);
  auto num = [&](bool uns) {
    return ints ? (double)(int)(rng() % 256) - (uns ? 0 : 128)
                : ((int)(rng() % 2001) - 1000) / 256.0;
  };
  for (int r = 0; r < 16; r++)
    for (int k = 0; k < s.k; k++) {
      double v = num(has(s, "s32.u8"));
      if (has(s, ".bf16")) v = std::round(v * 16) / 16, v = std::fmod(v, 8);
      A[r * s.k + k] = v;
      put(s, a, na, true, r, k, code(s, true, v));
    }
  for (int n = 0; n < 8; n++)
    for (int k = 0; k < s.k; k++) {
      double v = num(has(s, ".u8.s32"));
      if (has(s, ".bf16")) v = std::round(v * 16) / 16, v = std::fmod(v, 8);
      B[k * 8 + n] = v;
      put(s, b, nb, false, n, k, code(s, false, v));
    }
  da.put(a), db.put(b);
  for (const char* mode : {"chain", "group8", "exact"}) {
    setenv("GATUN_VGPU_MMA", mode, 1);
    vgpuReadEnvironment();
    launch(f, 1, 1, 32, 0, da.p, db.p, dc.p, dd.p);
    auto d = dd.get();
    for (int r = 0; r < 16; r++)
      for (int n = 0; n < 8; n++) {
        double want = 0, mag = 0;
        for (int k = 0; k < s.k; k++)
          want += A[r * s.k + k] * B[k * 8 + n], mag += std::fabs(A[r * s.k + k] * B[k * 8 + n]);
        double tol = ints ? 0 : s.f16acc ? mag * 0x1p-10 : mag * 0x1p-19;
        EXPECT(std::fabs(get(s, d, r, n) - want) <= tol, "%s.%s %s (%d,%d): %g %g", s.name, s.types,
               mode, r, n, get(s, d, r, n), want);
      }
  }
}

static const char* kMatrix = R"(
.visible .entry ldm%N%T(.param .u64 src,.param .u64 dst){
.reg .b32 %r<8>,%t,%u; .reg .b64 %p,%o; .shared .align 16 .b8 s[1024];
mov.u32 %t,%tid.x; ld.param.u64 %p,[src]; mul.wide.u32 %o,%t,32; add.u64 %p,%p,%o;
mov.u32 %u,s; mad.lo.s32 %u,%t,32,%u;
ld.global.v4.u32 {%r0,%r1,%r2,%r3},[%p]; st.shared.v4.u32 [%u],{%r0,%r1,%r2,%r3};
ld.global.v4.u32 {%r0,%r1,%r2,%r3},[%p+16]; st.shared.v4.u32 [%u+16],{%r0,%r1,%r2,%r3};
bar.sync 0;
// lane l gives row (l * 5) % 64: rows lie in any order
mul.lo.u32 %u,%t,5; and.b32 %u,%u,63; shl.b32 %u,%u,4; mov.u32 %r4,s; add.u32 %u,%u,%r4;
ldmatrix.sync.aligned.m8n8.x%N%D.shared.b16 %R,[%u];
ld.param.u64 %p,[dst]; mul.wide.u32 %o,%t,16; add.u64 %p,%p,%o;
%S ret;}
)";
static void matrices(const std::string& ptx_head) {
  std::string ptx = ptx_head;
  for (int n : {1, 2, 4})
    for (bool tr : {false, true}) {
      std::string t = kMatrix, regs = "{", st;
      for (int i = 0; i < n; i++)
        regs += (i ? ",%r" : "%r") + std::to_string(i),
            st += "st.global.u32 [%p+" + std::to_string(4 * i) + "],%r" + std::to_string(i) + ";";
      regs += "}";
      auto sub = [&](const char* k, const std::string& v) {
        for (size_t p; (p = t.find(k)) != std::string::npos;) t.replace(p, 2, v);
      };
      sub("%N", std::to_string(n)), sub("%T", tr ? "t" : "n"), sub("%D", tr ? ".trans" : ""),
          sub("%R", regs), sub("%S", st);
      ptx += t;
    }
  Module m(ptx);
  std::vector<uint16_t> src(512);
  for (int i = 0; i < 512; i++) src[i] = (uint16_t)(i * 37 + 11);
  Buf<uint16_t> ds(src);
  Buf<uint32_t> dd(128);
  for (int n : {1, 2, 4})
    for (bool tr : {false, true}) {
      cover("ldmatrix.sync.aligned.m8n8.x" + std::to_string(n) + (tr ? ".trans" : "") +
            ".shared.b16");
      CU(cuMemsetD32(dd.p, 0, 128));
      launch(m.fn(("ldm" + std::to_string(n) + (tr ? "t" : "n")).c_str()), 1, 1, 32, 0, ds.p, dd.p);
      auto d = dd.get();
      for (int q = 0; q < n; q++)
        for (int l = 0; l < 32; l++)
          for (int e = 0; e < 2; e++) {
            int row = tr ? l % 4 * 2 + e : l / 4, col = tr ? l / 4 : l % 4 * 2 + e;
            int from = (8 * q + row) * 5 % 64;
            EXPECT((uint16_t)(d[l * 4 + q] >> 16 * e) == src[from * 8 + col],
                   "x%d%s matrix %d lane %d", n, tr ? ".trans" : "", q, l);
          }
    }
}

int main(int argc, char** argv) {
  std::string head = ".version 9.0\n.target sm_80\n.address_size 64\n", ptx = head;
  size_t n = sizeof kShapes / sizeof *kShapes;
  for (size_t i = 0; i < n; i++) ptx += entry(i, kShapes[i]);
  Gpu gpu;
  {
    Module m(ptx);
    for (size_t i = 0; i < n; i++) {
      cover(std::string("mma.sync.aligned.") + kShapes[i].name + "." + kShapes[i].types);
      shape(m, i, kShapes[i]);
    }
  }
  matrices(head);
  EXPECT(findings() == 0, "%s", report().c_str());
  write_covered(argc > 1 ? argv[1] : ".", "mma");
  return finish("fragments");
}
