// Loads and stores of every space, type and vector width against bytes indexed on the host:
// scattered and shared addresses, full, partial and empty masks.
#include <algorithm>

#include "harness.h"
using u8 = uint8_t;
using u32 = uint32_t;
using u64 = uint64_t;

struct Type {
  const char* name;
  u32 bytes;
  bool sign;
};
static const Type kTypes[] = {
    {"u8", 1, false},  {"s8", 1, true},   {"b8", 1, false},  {"u16", 2, false}, {"s16", 2, true},
    {"b16", 2, false}, {"u32", 4, false}, {"s32", 4, true},  {"b32", 4, false}, {"f32", 4, false},
    {"u64", 8, false}, {"s64", 8, true},  {"b64", 8, false}, {"f64", 8, false}};
constexpr u32 BYTES = 512;  // of the memory that a block looks at
struct Row {
  bool store;
  std::string spelling;  // ld.global.nc
  char space;  // g global, s shared, l local, c const, p param, S shared by a generic address
  Type type;
  u32 vec;
  std::string whole() const {
    return spelling + (vec > 1 ? ".v" + std::to_string(vec) : "") + "." + type.name;
  }
};
static std::vector<Row> rows() {
  std::vector<Row> v;
  auto all = [&](bool store, const std::string& s, char space, bool vectors) {
    for (const Type& t : kTypes)
      for (u32 n : {1u, 2u, 4u})
        if (n * t.bytes <= 16 && (vectors || n == 1)) v.push_back({store, s, space, t, n});
  };
  for (auto s : {"ld.global", "ld.global.nc", "ld"}) all(false, s, 'g', true);
  for (std::string s : {"volatile", "relaxed.cta", "relaxed.gpu", "relaxed.sys", "acquire.cta",
                        "acquire.gpu", "acquire.sys"})
    for (const char* g : {".global", ""}) all(false, "ld." + s + g, 'g', true);
  for (auto s :
       {"ld.global.cg", "ld.global.cs", "ld.global.ca", "ld.global.lu", "ld.global.cv",
        "ld.global.nc.L1::no_allocate", "ld.global.L1::no_allocate", "ld.global.L1::evict_last"})
    all(false, s, 'g', true);
  all(false, "ld", 'S', true);
  all(false, "ld.shared", 's', true), all(false, "ld.volatile.shared", 's', true);
  all(false, "ld.local", 'l', true), all(false, "ld.const", 'c', true),
      all(false, "ld.param", 'p', true);
  for (auto s : {"st.global", "st"}) all(true, s, 'g', true);
  for (std::string s : {"volatile", "relaxed.cta", "relaxed.gpu", "relaxed.sys", "release.cta",
                        "release.gpu", "release.sys"})
    for (const char* g : {".global", ""}) all(true, "st." + s + g, 'g', true);
  for (auto s : {"st.global.cg", "st.global.cs", "st.global.wb", "st.global.wt",
                 "st.global.L1::no_allocate"})
    all(true, s, 'g', true);
  all(true, "st", 'S', true);
  all(true, "st.shared", 's', true), all(true, "st.volatile.shared", 's', true);
  all(true, "st.local", 'l', true);
  return v;
}
// src: 512 bytes of pattern (what is loaded; for stores, 32 bytes of values per lane follow); off:
// a byte offset per lane; mask: a word per lane; dst: for loads four u64 per lane; for stores the
// memory afterwards (local: one per lane).
static std::string entry(size_t index, const Row& r) {
  std::ostringstream s;
  bool wide = r.type.bytes == 8;
  s << ".visible .entry k" << index
    << "(.param .u64 src,.param .u64 off,.param .u64 mask,.param .u64 dst"
    << (r.space == 'p' ? ",.param .align 16 .b8 blob[512]" : "") << "){\n"
    << ".reg .pred %p; .reg .b32 %r<4>,%c<4>,%t,%i; .reg .b64 %d<4>,%a,%b,%x,%src,%dst;\n";
  if (strchr("sS", r.space)) s << ".shared .align 16 .b8 sh[512];\n";
  if (r.space == 'l') s << ".local .align 16 .b8 lo[512];\n";
  s << "mov.u32 %t,%tid.x; ld.param.u64 %src,[src]; ld.param.u64 %dst,[dst];\n"
    << "ld.param.u64 %a,[mask]; mul.wide.u32 %x,%t,4; add.u64 %a,%a,%x; ld.global.u32 %i,[%a]; "
       "setp.ne.u32 %p,%i,0;\n"
    << "ld.param.u64 %a,[off]; add.u64 %a,%a,%x; ld.global.u32 %i,[%a];\n";
  auto copy_rows = [&](int first, int last,
                       bool in) {  // 16-byte rows between the space and global memory
    for (int k = first; k < last; k++) {
      std::string at = k < 0 ? "" : "+" + std::to_string(16 * k);
      std::string sp = r.space == 'l' ? "local" : "shared";
      if (in)
        s << "ld.global.v4.u32 {%c0,%c1,%c2,%c3},[%a" << at << "]; st." << sp << ".v4.u32 [%b" << at
          << "],{%c0,%c1,%c2,%c3};\n";
      else
        s << "ld." << sp << ".v4.u32 {%c0,%c1,%c2,%c3},[%b" << at << "]; st.global.v4.u32 [%a" << at
          << "],{%c0,%c1,%c2,%c3};\n";
    }
  };
  const char* symbol = r.space == 'l' ? "lo" : r.space == 'c' ? "table" : "sh";
  if (r.space == 'g')
    s << (r.store ? "mov.b64 %b,%dst;\n" : "mov.b64 %b,%src;\n");
  else if (r.space != 'p')
    s << "mov.u64 %b," << symbol << ";\n";
  if (strchr("sS", r.space)) {
    s << "mul.wide.u32 %x,%t,16; add.u64 %a,%src,%x; mov.u64 %b,sh; add.u64 %b,%b,%x;\n";
    copy_rows(-1, 0, true);
    s << "bar.sync 0; mov.u64 %b,sh;\n";
    if (r.space == 'S') s << "cvta.shared.u64 %b,%b;\n";
  }
  if (r.space == 'l') {
    s << "mov.b64 %a,%src;\n";
    copy_rows(0, 32, true);
  }
  s << "cvt.u64.u32 %x,%i; add.u64 %b,%b,%x;\n";
  std::string regs;
  for (u32 e = 0; e < r.vec; e++)
    regs += (e ? ",%" : "%") + std::string(wide ? "d" : "r") + std::to_string(e);
  if (r.vec > 1) regs = "{" + regs + "}";
  if (!r.store) {
    for (u32 e = 0; e < r.vec; e++) s << "mov." << (wide ? "b64 %d" : "b32 %r") << e << ",77;\n";
    s << "@%p " << r.whole() << " " << regs << "," << (r.space == 'p' ? "[blob+32]" : "[%b]")
      << ";\n"
      << "mul.wide.u32 %x,%t,32; add.u64 %a,%dst,%x;\n";
    for (u32 e = 0; e < r.vec; e++) {
      if (!wide) s << "cvt.u64.u32 %d" << e << ",%r" << e << ";\n";
      s << "st.global.u64 [%a+" << 8 * e << "],%d" << e << ";\n";
    }
  } else {
    s << "mul.wide.u32 %x,%t,32; add.u64 %a,%src,%x;\n";
    for (u32 e = 0; e < r.vec; e++) {
      s << "ld.global.u64 %d" << e << ",[%a+" << BYTES + 8 * e << "];\n";
      if (!wide) s << "cvt.u32.u64 %r" << e << ",%d" << e << ";\n";
    }
    s << "@%p " << r.whole() << " [%b]," << regs << ";\n";
    if (strchr("sS", r.space)) {
      s << "bar.sync 0; mul.wide.u32 %x,%t,16; add.u64 %a,%dst,%x; mov.u64 %b,sh; add.u64 "
           "%b,%b,%x;\n";
      copy_rows(-1, 0, false);
    }
    if (r.space == 'l') {
      s << "mul.wide.u32 %x,%t,512; add.u64 %a,%dst,%x; mov.u64 %b,lo;\n";
      copy_rows(0, 32, false);
    }
  }
  s << "ret;}\n";
  return s.str();
}

int main(int argc, char** argv) {
  std::string dir = argc > 1 ? argv[1] : ".";
  std::vector<Row> all = rows();
  std::string ptx =
      ".version 9.0\n.target sm_80\n.address_size 64\n.const .align 16 .b8 table[512];\n";
  for (size_t i = 0; i < all.size(); i++) ptx += entry(i, all[i]);
  Gpu gpu;
  {
    Module m(ptx);
    std::mt19937_64 rng(77);
    std::vector<u8> src(BYTES + 32 * 32);
    for (auto& b : src) b = (u8)rng();
    Buf<u8> dsrc(src), ddst(BYTES * 32);
    CUdeviceptr table;
    CU(cuModuleGetGlobal(&table, nullptr, m.m, "table"));
    CU(cuMemcpyHtoD(table, src.data(), BYTES));
    for (size_t k = 0; k < all.size(); k++) {
      const Row& r = all[k];
      cover(r.whole());
      u32 size = r.type.bytes * r.vec, slots = BYTES / size;
      for (int round = 0; round < 4; round++) {
        std::vector<u32> off(32), mask(32), perm(slots);
        for (u32 i = 0; i < slots; i++) perm[i] = i;
        std::shuffle(perm.begin(), perm.end(), rng);
        for (u32 i = 0; i < 32; i++) {
          // loads: unit stride, one address, any (shared by some); stores: distinct
          u32 slot = round == 0              ? i
                     : r.store || round == 3 ? perm[i]
                     : round == 1            ? 5
                                             : (u32)rng() % slots;
          off[i] = slot * size;
          mask[i] = round == 0   ? 1
                    : round == 1 ? i % 3 != 0
                    : round == 2 ? (u32)rng() & 1
                                 : i == 31;
        }
        if (round == 2 && k % 5 == 0) std::fill(mask.begin(), mask.end(), 0);
        Buf<u32> doff(off), dmask(mask);
        std::vector<u8> before(ddst.n, 0xee);
        ddst.put(before);
        struct Blob {
          u8 b[BYTES];
        } blob;
        memcpy(blob.b, src.data(), BYTES);
        if (r.space == 'p')
          launch(m.fn(("k" + std::to_string(k)).c_str()), 1, 1, 32, 0, dsrc.p, doff.p, dmask.p,
                 ddst.p, blob);
        else
          launch(m.fn(("k" + std::to_string(k)).c_str()), 1, 1, 32, 0, dsrc.p, doff.p, dmask.p,
                 ddst.p);
        auto got = ddst.get();
        int bad = 0;
        if (!r.store) {
          for (u32 i = 0; i < 32; i++)
            for (u32 e = 0; e < r.vec; e++) {
              u64 g, want = 77;
              memcpy(&g, &got[i * 32 + e * 8], 8);
              if (mask[i]) {
                u32 at = (r.space == 'p' ? 32 : off[i]) + e * r.type.bytes;
                want = 0;
                for (u32 b = 0; b < r.type.bytes; b++) want |= (u64)src[at + b] << (8 * b);
                if (r.type.sign && r.type.bytes < 4 && want >> (8 * r.type.bytes - 1))
                  want |= 0xffffffffull & ~0ull << (8 * r.type.bytes);
              }
              bad += g != want;
            }
        } else {
          for (u32 block = 0; block < (r.space == 'l' ? 32u : 1u); block++) {
            std::vector<u8> want(BYTES, 0xee);
            if (r.space != 'g') want.assign(src.begin(), src.begin() + BYTES);
            for (u32 i = 0; i < 32; i++)
              if (mask[i] && (r.space != 'l' || i == block))
                for (u32 e = 0; e < r.vec; e++)
                  memcpy(&want[off[i] + e * r.type.bytes], &src[BYTES + i * 32 + e * 8],
                         r.type.bytes);
            bad += memcmp(want.data(), &got[block * BYTES], BYTES) != 0;
          }
        }
        EXPECT(bad == 0, "%s (%c), round %d: %d wrong", r.whole().c_str(), r.space, round, bad);
      }
    }
    EXPECT(findings() == 0, "%s", report().substr(0, 2000).c_str());
  }
  printf("%zu rows\n", all.size());
  write_covered(dir, "opcodes_memory");
  return finish("loads and stores");
}
