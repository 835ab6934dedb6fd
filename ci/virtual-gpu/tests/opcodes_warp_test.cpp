// Shuffles, votes, matches, reductions over the warp and carry arithmetic against loops over lanes
// on the host: whole warps, parts of a warp, two parts that meet at different instructions, and
// destinations that are the source.
#include <algorithm>

#include "harness.h"
using u32 = uint32_t;
using i32 = int32_t;
using u64 = uint64_t;

struct In {
  u64 a[32];
  u32 b[32], members;
};
using Ref = std::function<void(const In&, int lane, u64* value,
                               u32* pred)>;  // value and what stands after '|'
struct Row {
  std::string spelling;
  std::string
      text;  // with $D (destination), $P (predicate), $A (value), $B (second row), $M (members)
  char reg;  // of the value: r 32 bits, d 64 bits, p predicate
  char out;
  Ref ref;
  bool pred = false;
};
static std::vector<Row> all;

static void shuffles() {
  // width 32, 16, 8, 4, 2: c holds the segment mask and the clamp
  for (const char* kind : {"up", "down", "bfly", "idx"})
    for (u32 width : {32u, 16u, 8u, 4u, 2u})
      for (bool pred : {false, true}) {
        std::string k = kind;
        u32 c = (32 - width) << 8 | (k == "up" ? 0 : 31);
        std::string s = "shfl.sync." + k + ".b32";
        all.push_back({s, s + " $D" + (pred ? "|$P" : "") + ",$A,$B," + std::to_string(c) + ",$M;",
                       'r', 'r',
                       [=](const In& in, int lane, u64* v, u32* p) {
                         int seg = lane / (int)width * (int)width, b = (int)(in.b[lane] & 31),
                             from = k == "up"     ? lane - b
                                    : k == "down" ? lane + b
                                    : k == "bfly" ? (lane ^ b)
                                                  : seg + b % (int)width;
                         bool ok = from >= seg && from < seg + (int)width;
                         if (k == "idx") ok = true;
                         // bfly across segments: allowed towards lower ones by the definition (j <=
                         // max), not above
                         if (k == "bfly") ok = from <= seg + (int)width - 1;
                         if (k == "down") ok = from <= seg + (int)width - 1;
                         if (k == "up") ok = from >= seg;
                         *v = (u32)in.a[ok ? from : lane], *p = ok;
                       },
                       pred});
      }
}
static void votes() {
  for (const char* kind : {"any", "all", "uni"}) {
    std::string k = kind, s = "vote.sync." + k + ".pred";
    for (bool neg : {false, true})
      all.push_back({s, s + " $D," + (neg ? "!" : "") + "$A,$M;", 'p', 'p',
                     [=](const In& in, int, u64* v, u32*) {
                       int yes = 0, n = 0;
                       for (int i = 0; i < 32; i++)
                         if (in.members >> i & 1) n++, yes += (in.a[i] & 1) != (u64)neg;
                       *v = k == "any" ? yes > 0 : k == "all" ? yes == n : yes == 0 || yes == n;
                     }});
  }
  all.push_back({"vote.sync.ballot.b32", "vote.sync.ballot.b32 $D,$A,$M;", 'p', 'r',
                 [](const In& in, int, u64* v, u32*) {
                   *v = 0;
                   for (int i = 0; i < 32; i++)
                     if (in.members >> i & 1 && in.a[i] & 1) *v |= 1u << i;
                 }});
}
static void matches() {
  for (const char* type : {"b32", "b64"}) {
    bool wide = type[1] == '6';
    u64 keep = wide ? ~0ull : 0xffffffffull;
    std::string any = std::string("match.any.sync.") + type,
                every = std::string("match.all.sync.") + type;
    all.push_back(
        {any, any + " $D,$A,$M;", wide ? 'd' : 'r', 'r', [=](const In& in, int lane, u64* v, u32*) {
           *v = 0;
           for (int i = 0; i < 32; i++)
             if (in.members >> i & 1 && (in.a[i] & keep) == (in.a[lane] & keep)) *v |= 1u << i;
         }});
    for (bool pred : {false, true})
      all.push_back({every, every + " $D" + (pred ? "|$P" : "") + ",$A,$M;", wide ? 'd' : 'r', 'r',
                     [=](const In& in, int lane, u64* v, u32* p) {
                       bool same = true;
                       for (int i = 0; i < 32; i++)
                         if (in.members >> i & 1) same &= (in.a[i] & keep) == (in.a[lane] & keep);
                       *v = same ? in.members : 0, *p = same;
                     },
                     pred});
  }
}
static void reductions() {
  for (const char* op : {"add", "min", "max", "and", "or", "xor"})
    for (const char* type : {"u32", "s32", "b32"}) {
      std::string o = op, t = type, s = "redux.sync." + o + "." + t;
      bool logic = o == "and" || o == "or" || o == "xor";
      if (logic != (t == "b32")) continue;
      all.push_back({s, s + " $D,$A,$M;", 'r', 'r', [=](const In& in, int, u64* v, u32*) {
                       bool first = true;
                       u32 r = 0;
                       for (int i = 0; i < 32; i++) {
                         if (!(in.members >> i & 1)) continue;
                         u32 x = (u32)in.a[i];
                         bool less = t == "s32" ? (i32)x < (i32)r : x < r;
                         r = first                  ? x
                             : o == "add"           ? r + x
                             : o == "and"           ? r & x
                             : o == "or"            ? r | x
                             : o == "xor"           ? r ^ x
                             : (o == "min") == less ? x
                                                    : r;
                         first = false;
                       }
                       *v = r;
                     }});
    }
}
// One lane's arithmetic, in the same frame: the other lanes do not matter.
static void carries() {
  using W = unsigned __int128;
  auto add = [](const char* covers, const char* text, char reg, std::function<u64(u64, u64)> f) {
    std::stringstream s(covers);
    std::string first, x;
    s >> first;
    while (s >> x) cover(x);
    all.push_back({first, text, reg, reg, [f](const In& in, int lane, u64* v, u32*) {
                     *v = f(in.a[lane], in.b[lane] * 0x100000001ull ^ in.a[31 - lane]);
                   }});
  };
  auto u = [](u64 x) { return (u64)(u32)x; };
  // a and b as 64-bit numbers; x is b spread over 64 bits, see below
  add("add.cc.u32 addc.u32", "add.cc.u32 %t0,%al,%bl; addc.u32 %t1,%ah,%bh; mov.b64 $D,{%t0,%t1};",
      'd', [](u64 a, u64 b) { return a + b; });
  add("add.cc.s32 addc.cc.s32 addc.s32",
      "add.cc.s32 %t0,%al,%bl; addc.cc.s32 %t1,%ah,%bh; addc.s32 %t0,%t0,%t1; cvt.u64.u32 $D,%t0;",
      'd', [u](u64 a, u64 b) {
        W s = (W)a + b;
        return u((u64)s + (u64)(s >> 32 & 0xffffffff) + (u64)(s >> 64));
      });
  add("sub.cc.u32 subc.u32", "sub.cc.u32 %t0,%al,%bl; subc.u32 %t1,%ah,%bh; mov.b64 $D,{%t0,%t1};",
      'd', [](u64 a, u64 b) { return a - b; });
  add("sub.cc.s32 subc.cc.s32 subc.s32",
      "sub.cc.s32 %t0,%al,%bl; subc.cc.s32 %t1,%ah,%bh; subc.s32 %t1,%t1,%t0; cvt.u64.u32 $D,%t1;",
      'd', [u](u64 a, u64 b) {
        u64 d = a - b;
        return u((d >> 32) - u(d) - (a < b));
      });
  add("add.cc.u64 addc.u64", "add.cc.u64 %w,%a64,%b64; addc.u64 $D,%w,%a64;", 'd',
      [](u64 a, u64 b) {
        W s = (W)a + b;
        return (u64)s + a + (u64)(s >> 64);
      });
  add("sub.cc.u64 subc.u64", "sub.cc.u64 %w,%a64,%b64; subc.u64 $D,%w,%b64;", 'd',
      [](u64 a, u64 b) { return (a - b) - b - (a < b); });
  add("mad.lo.cc.u32 madc.hi.u32",
      "mad.lo.cc.u32 %t0,%al,%bl,%ah; madc.hi.u32 %t1,%al,%bl,%bh; mov.b64 $D,{%t0,%t1};", 'd',
      [u](u64 a, u64 b) {
        u64 p = u(a) * u(b);
        return p + (a >> 32) + (b >> 32 << 32);
      });
  add("mad.lo.cc.u32 madc.lo.cc.u32 madc.hi.cc.u32 addc.u32",
      "mad.lo.cc.u32 %t0,%al,%bl,%ah; madc.lo.cc.u32 %t1,%ah,%bl,%bh; madc.hi.cc.u32 "
      "%t0,%ah,%bh,%t0; addc.u32 %t1,%t1,%t0; cvt.u64.u32 $D,%t1;",
      'd', [u](u64 a, u64 b) {
        u64 al = u(a), ah = a >> 32, bl = u(b), bh = b >> 32;
        u64 s = u(al * bl) + ah, t0 = u(s), c = s >> 32;
        s = u(ah * bl) + bh + c;
        u64 t1 = u(s);
        c = s >> 32;
        s = (ah * bh >> 32) + t0 + c;
        return u(t1 + u(s) + (s >> 32));
      });
  add("mad.hi.cc.u32 addc.u32",
      "mad.hi.cc.u32 %t0,%al,%bl,%ah; addc.u32 %t1,%bh,0; mov.b64 $D,{%t0,%t1};", 'd',
      [u](u64 a, u64 b) {
        u64 s = (u(a) * u(b) >> 32) + (a >> 32);
        return u(s) | u((b >> 32) + (s >> 32)) << 32;
      });
}

// src: per lane a (u64); b (u32); group: 0 does not take part, 1 and 2 meet at two different
// instructions; out: value, predicate
static std::string entry(size_t k, const Row& r, bool alias) {
  std::ostringstream s;
  s << ".visible .entry k" << k << (alias ? "a" : "")
    << "(.param .u64 pa,.param .u64 pb,.param .u64 pg,.param .u32 m1,.param .u32 m2,.param .u64 "
       "out){\n"
    << ".reg .pred %pa,%pd,%po,%pg,%p1; .reg .b32 %t,%g,%m,%ra,%rb,%rd,%v,%al,%ah,%bl,%bh,%t0,%t1; "
       ".reg .b64 %da,%dd,%x,%y,%a64,%b64,%w,%o;\n"
    << "mov.u32 %t,%tid.x; mul.wide.u32 %x,%t,8; mul.wide.u32 %y,%t,4;\n"
    << "ld.param.u64 %w,[pa]; add.u64 %w,%w,%x; ld.global.u64 %a64,[%w]; mov.b64 {%al,%ah},%a64; "
       "mov.b32 %ra,%al; mov.b64 %da,%a64;\n"
    << "ld.param.u64 %w,[pa]; sub.u64 %w,%w,%x; ld.global.u64 %b64,[%w+248];\n"
    << "ld.param.u64 %w,[pb]; add.u64 %w,%w,%y; ld.global.u32 %rb,[%w];\n"
    // a second 64-bit number for the carries: b in both halves, mixed with a of the opposite lane
    << "mov.b64 %w,{%rb,%rb}; xor.b64 %b64,%b64,%w; mov.b64 {%bl,%bh},%b64;\n"
    << "ld.param.u64 %w,[pg]; add.u64 %w,%w,%y; ld.global.u32 %g,[%w];\n"
    << "and.b32 %v,%ra,1; setp.ne.u32 %pa,%v,0; mov.b32 %rd,77; mov.b64 %dd,77; setp.eq.u32 "
       "%pd,%t,99; setp.eq.u32 %po,%t,99;\n"
    << "setp.eq.u32 %p1,%g,1; setp.eq.u32 %pg,%g,2;\n";
  std::string d = r.out == 'p'   ? "%pd"
                  : r.out == 'd' ? "%dd"
                                 : "%rd",
              a = r.reg == 'p'   ? "%pa"
                  : r.reg == 'd' ? "%da"
                                 : "%ra";
  if (alias) d = a;
  std::string text = r.text;
  auto sub = [&](const char* from, const std::string& to) {
    for (size_t p; (p = text.find(from)) != std::string::npos;) text.replace(p, 2, to);
  };
  sub("$D", d), sub("$P", "%po"), sub("$A", a), sub("$B", "%rb"), sub("$M", "%m");
  s << "ld.param.u32 %m,[m1]; @!%p1 bra L1;\n"
    << text << "\nL1: ld.param.u32 %m,[m2]; @!%pg bra L2;\n"
    << text << "\nL2:\n";
  if (r.out == 'p')
    s << "selp.b64 %dd,1,0," << d << ";\n";
  else if (r.out == 'r')
    s << "cvt.u64.u32 %dd," << d << ";\n";
  else if (alias)
    s << "mov.b64 %dd," << d << ";\n";
  s << "ld.param.u64 %o,[out]; mul.wide.u32 %x,%t,16; add.u64 %o,%o,%x; selp.b64 %x,1,0,%po; "
       "st.global.u64 [%o],%dd; st.global.u64 [%o+8],%x; ret;}\n";
  return s.str();
}

int main(int argc, char** argv) {
  shuffles(), votes(), matches(), reductions(), carries();
  std::string ptx = ".version 9.0\n.target sm_80\n.address_size 64\n";
  for (size_t i = 0; i < all.size(); i++) {
    ptx += entry(i, all[i], false);
    if (all[i].reg == all[i].out) ptx += entry(i, all[i], true);
  }
  Gpu gpu;
  {
    Module m(ptx);
    std::mt19937_64 rng(5);
    for (size_t k = 0; k < all.size(); k++) {
      const Row& r = all[k];
      cover(r.spelling);
      bool shuffle = r.spelling[0] == 's' && r.spelling[1] == 'h';
      for (int round = 0; round < 6; round++)
        for (bool alias : {false, true}) {
          if (alias && r.reg != r.out) continue;
          In in;
          std::vector<u64> a(32);
          std::vector<u32> b(32), group(32);
          // who takes part: all; lower half; halves apart; any lanes apart; one lane; nobody
          for (int i = 0; i < 32; i++) {
            u64 e[] = {0,          1,          5,     0xffffffff, ~0ull,
                       0x80000000, 0x7fffffff, rng(), rng(),      1ull << 63};
            a[i] = round == 1 && !shuffle ? 0xabcdef01ull : e[rng() % 10];
            group[i] = round == 0   ? 1
                       : round == 1 ? i < 16
                       : round == 2 ? 1 + i / 16
                       : round == 3 ? (u32)rng() % 3
                       : round == 4 ? i == 9
                                    : 0;
            b[i] = (u32)rng() % 40;
          }
          u32 member[3] = {0, 0, 0};
          for (int i = 0; i < 32; i++) member[group[i]] |= 1u << i;
          if (shuffle)  // only lanes of the same group may be read
            for (int i = 0; i < 32; i++)
              for (int tries = 0; group[i]; tries++) {
                in.members = member[group[i]];
                for (int j = 0; j < 32; j++) in.a[j] = (u64)j, in.b[j] = b[j];
                u64 from;
                u32 ok;
                r.ref(in, i, &from, &ok);
                if (in.members >> from & 1) break;
                b[i] = tries < 50                                    ? (u32)rng() % 32
                       : r.spelling.find("idx") != std::string::npos ? (u32)i
                                                                     : 0;
              }
          std::copy(a.begin(), a.end(), in.a);
          std::copy(b.begin(), b.end(), in.b);
          Buf<u64> da(a), out(64);
          Buf<u32> db(b), dg(group);
          launch(m.fn(("k" + std::to_string(k) + (alias ? "a" : "")).c_str()), 1, 1, 32, 0, da.p,
                 db.p, dg.p, member[1], member[2], out.p);
          auto got = out.get();
          int bad = 0;
          for (int i = 0; i < 32; i++) {
            u64 want = alias          ? (r.reg == 'p'   ? a[i] & 1
                                         : r.reg == 'r' ? (u32)a[i]
                                                        : a[i])
                       : r.out == 'p' ? 0
                                      : 77;
            u32 pred = 0;
            if (group[i]) {
              in.members = member[group[i]];
              r.ref(in, i, &want, &pred);
            }
            bad += got[2 * i] != want || (r.pred && got[2 * i + 1] != pred);
          }
          EXPECT(bad == 0, "%s%s, round %d: %d wrong", r.text.c_str(), alias ? " (aliased)" : "",
                 round, bad);
        }
    }
    EXPECT(findings() == 0, "%s", report().substr(0, 2000).c_str());
  }
  printf("%zu rows\n", all.size());
  write_covered(argc > 1 ? argv[1] : ".", "opcodes_warp");
  return finish("warp operations and carries");
}
