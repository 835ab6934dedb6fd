// Atomics and reductions on global, shared and generic addresses against the same operations
// applied one lane after the other on the host: all lanes on one word, several words, partial and
// empty masks; old values and memory compared.
#include "harness.h"
using u16 = uint16_t;
using u32 = uint32_t;
using i32 = int32_t;
using u64 = uint64_t;
using i64 = int64_t;

struct Row {
  std::string spelling;
  char space;  // g global, s shared, S shared by a generic address, G global by a generic address
  std::string op, type;
  bool red;
  u32 bytes() const {
    return type.find("64") != std::string::npos               ? 8
           : type == "b16" || type == "f16" || type == "bf16" ? 2
                                                              : 4;
  }
};
static float F(u64 v) {
  u32 x = (u32)v;
  float f;
  memcpy(&f, &x, 4);
  return f;
}
static double D(u64 v) {
  double d;
  memcpy(&d, &v, 8);
  return d;
}
static u64 apply(const Row& r, u64 old, u64 b, u64 c) {
  const std::string &o = r.op, &t = r.type;
  if (t == "f32") {
    float f = F(old) + F(b);
    u32 v;
    memcpy(&v, &f, 4);
    return v;
  }
  if (t == "f64") {
    double d = D(old) + D(b);
    u64 v;
    memcpy(&v, &d, 8);
    return v;
  }
  if (t == "f16") return half_bits(half_float((u16)old) + half_float((u16)b));
  if (t == "f16x2")
    return half_bits(half_float((u16)old) + half_float((u16)b)) |
           (u32)half_bits(half_float((u16)(old >> 16)) + half_float((u16)(b >> 16))) << 16;
  bool wide = r.bytes() == 8, sign = t[0] == 's';
  u64 keep = wide ? ~0ull : r.bytes() == 2 ? 0xffff : 0xffffffffull;
  old &= keep, b &= keep, c &= keep;
  auto less = [&](u64 x, u64 y) {
    return !sign ? x < y : wide ? (i64)x < (i64)y : (i32)x < (i32)y;
  };
  u64 v = o == "add"    ? old + b
          : o == "min"  ? (less(b, old) ? b : old)
          : o == "max"  ? (less(old, b) ? b : old)
          : o == "and"  ? old & b
          : o == "or"   ? old | b
          : o == "xor"  ? old ^ b
          : o == "exch" ? b
          : o == "cas"  ? (old == b ? c : old)
          : o == "inc"  ? (old >= b ? 0 : old + 1)
                        : (old == 0 || old > b ? b : old - 1);
  return v & keep;
}
static std::vector<Row> rows() {
  std::vector<Row> v;
  auto add = [&](const char* op, std::initializer_list<const char*> types) {
    for (const char* t : types)
      for (bool red : {false, true}) {
        std::string o = op, ty = t, noftz = ty == "f16" || ty == "f16x2" ? ".noftz" : "";
        if (red && (o == "exch" || o == "cas")) continue;
        auto put = [&](const std::string& mid, char space) {
          v.push_back(
              {(red ? "red" : "atom") + mid + "." + o + noftz + "." + ty, space, o, ty, red});
        };
        put(".global", 'g'), put("", 'G'), put("", 'S'), put(".relaxed.gpu.global", 'g'),
            put(".release.gpu.global", 'g'), put(".release.gpu", 'G'),
            put(".relaxed.sys.global", 'g');
        if (ty != "f16" && ty != "f16x2") put(".shared", 's');
        if (!red)
          put(".acq_rel.gpu.global", 'g'), put(".acquire.sys.global", 'g'),
              put(".acq_rel.sys", 'G');
        // the compiler writes the scope after the operation's space in some forms
        put(red ? ".release.sys.global" : ".acq_rel.cta.global", 'g');
      }
  };
  add("add", {"u32", "s32", "u64", "f32", "f64", "f16", "f16x2"});
  add("min", {"u32", "s32", "u64", "s64"}), add("max", {"u32", "s32", "u64", "s64"});
  add("inc", {"u32"}), add("dec", {"u32"});
  add("and", {"b32", "b64"}), add("or", {"b32", "b64"}), add("xor", {"b32", "b64"});
  add("exch", {"b32", "b64"}), add("cas", {"b32", "b64", "b16"});
  // spellings of atomicAdd_release and friends carry the operation first
  v.push_back({"atom.add.release.gpu.u32", 'G', "add", "u32", false});
  v.push_back({"atom.add.acquire.gpu.u32", 'G', "add", "u32", false});
  return v;
}
// mem: 32 words of 8 bytes; index: the word of each lane; b, c: operands; old: what came back (77
// where nothing did)
static std::string entry(size_t k, const Row& r) {
  std::ostringstream s;
  u32 n = r.bytes();
  std::string reg = n == 8 ? "%d" : n == 2 ? "%h" : "%r";
  s << ".visible .entry k" << k
    << "(.param .u64 mem,.param .u64 index,.param .u64 mask,.param .u64 pb,.param .u64 pc,.param "
       ".u64 old){\n"
    << ".reg .pred %p; .reg .b16 %h<4>; .reg .b32 %r<4>,%t,%i; .reg .b64 "
       "%d<4>,%a,%x,%w,%m,%s;\n.shared .align 8 .b8 sh[256];\n"
    << "mov.u32 %t,%tid.x; mul.wide.u32 %x,%t,4; mul.wide.u32 %w,%t,8;\n"
    << "ld.param.u64 %a,[mask]; add.u64 %a,%a,%x; ld.global.u32 %i,[%a]; setp.ne.u32 %p,%i,0;\n"
    << "ld.param.u64 %a,[pb]; add.u64 %a,%a,%w; ld.global.u64 %d1,[%a]; ld.param.u64 %a,[pc]; "
       "add.u64 %a,%a,%w; ld.global.u64 %d2,[%a];\n";
  for (int e : {1, 2}) {
    if (n == 4) s << "cvt.u32.u64 %r" << e << ",%d" << e << ";\n";
    if (n == 2) s << "cvt.u16.u64 %h" << e << ",%d" << e << ";\n";
  }
  s << "mov."
    << (n == 8   ? "b64"
        : n == 2 ? "b16"
                 : "b32")
    << " " << reg << "3,77;\n"
    << "ld.param.u64 %m,[mem]; mov.u64 %s,sh; add.u64 %a,%m,%w; add.u64 %s,%s,%w; ld.global.u64 "
       "%d0,[%a]; st.shared.u64 [%s],%d0; bar.sync 0;\n";
  if (r.space == 's' || r.space == 'S') s << "mov.u64 %m,sh;\n";
  if (r.space == 'S') s << "cvta.shared.u64 %m,%m;\n";
  s << "ld.param.u64 %a,[index]; add.u64 %a,%a,%x; ld.global.u32 %i,[%a]; mul.wide.u32 %x,%i,8; "
       "add.u64 %m,%m,%x;\n"
    << "@%p " << r.spelling << " " << (r.red ? "" : reg + "3,") << "[%m]," << reg << "1"
    << (r.op == "cas" ? "," + reg + "2" : "") << ";\n";
  if (n == 4) s << "cvt.u64.u32 %d3,%r3;\n";
  if (n == 2) s << "cvt.u64.u16 %d3,%h3;\n";
  s << "ld.param.u64 %a,[old]; add.u64 %a,%a,%w; st.global.u64 [%a],%d3;\n";
  if (r.space == 's' || r.space == 'S')
    s << "bar.sync 0; ld.param.u64 %a,[mem]; add.u64 %a,%a,%w; mov.u64 %s,sh; add.u64 %s,%s,%w; "
         "ld.shared.u64 %d0,[%s]; st.global.u64 [%a],%d0;\n";
  s << "ret;}\n";
  return s.str();
}

int main(int argc, char** argv) {
  std::vector<Row> all = rows();
  std::string ptx = ".version 9.0\n.target sm_80\n.address_size 64\n";
  for (size_t i = 0; i < all.size(); i++) ptx += entry(i, all[i]);
  Gpu gpu;
  {
    Module m(ptx);
    std::mt19937_64 rng(3);
    for (size_t k = 0; k < all.size(); k++) {
      const Row& r = all[k];
      cover(r.spelling);
      for (int round = 0; round < 5; round++) {
        std::vector<u32> index(32), mask(32);
        std::vector<u64> mem(32), b(32), c(32);
        for (int i = 0; i < 32; i++) {
          index[i] = round == 0 ? 7 : round == 1 ? i : (u32)rng() % 5;
          mask[i] = round == 4 ? 0 : round == 2 ? i & 1 : round == 3 ? (u32)rng() & 1 : 1;
          auto value = [&]() -> u64 {
            double x = std::ldexp((double)(i64)rng(), -60);
            if (r.type == "f32") {
              float f = (float)x;
              u32 v;
              memcpy(&v, &f, 4);
              return v;
            }
            if (r.type == "f64") {
              u64 v;
              memcpy(&v, &x, 8);
              return v;
            }
            if (r.type == "f16") return half_bits((float)x);
            if (r.type == "f16x2") return half_bits((float)x) | (u32)half_bits((float)-x * 2) << 16;
            u64 e[] = {0,     1,          5,     0x7fffffff, 0x80000000, 0xffffffff,
                       ~0ull, 1ull << 63, rng(), rng(),      (u64)i};
            return e[rng() % 11];
          };
          mem[i] = value(), b[i] = value(), c[i] = value();
          if (r.op == "cas" && rng() & 1) b[i] = mem[index[i]];
        }
        Buf<u64> dm(mem), db(b), dc(c), dold(std::vector<u64>(32));
        Buf<u32> di(index), dk(mask);
        launch(m.fn(("k" + std::to_string(k)).c_str()), 1, 1, 32, 0, dm.p, di.p, dk.p, db.p, dc.p,
               dold.p);
        auto got = dm.get(), old = dold.get();
        u64 keep = r.bytes() == 8 ? ~0ull : r.bytes() == 2 ? 0xffff : 0xffffffffull;
        int bad = 0;
        for (int i = 0; i < 32; i++) {
          u64 want = 77;
          if (mask[i]) {
            u64 &w = mem[index[i]], was = w & keep;
            w = (w & ~keep) | (apply(r, was, b[i], c[i]) & keep);
            if (!r.red) want = was;
          }
          bad += old[i] != want;
        }
        for (int i = 0; i < 32; i++) bad += got[i] != mem[i];
        EXPECT(bad == 0, "%s (%c), round %d: %d wrong", r.spelling.c_str(), r.space, round, bad);
      }
    }
    EXPECT(findings() == 0, "%s", report().substr(0, 2000).c_str());
  }
  printf("%zu rows\n", all.size());
  write_covered(argc > 1 ? argv[1] : ".", "opcodes_atomic");
  return finish("atomics");
}
