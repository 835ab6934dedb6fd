// Branches, barriers, fences, address conversions and asynchronous copies: small kernels whose
// result the host computes.
#include "harness.h"
using u32 = uint32_t;
using u64 = uint64_t;

struct Row {
  const char* covers;  // spellings, by blanks
  const char* text;    // of the entry's body: %t thread, %i its input, %o its output register, %s
                       // address of sh[%t]
  std::function<u32(const std::vector<u32>& in, u32 t)> ref;
  u32 threads;
};
static const std::vector<Row> kRows = {
    {"bra", "setp.lt.u32 %p,%t,20; @%p bra A; mov.u32 %o,5; bra B; A: mov.u32 %o,7; B:",
     [](auto&, u32 t) { return t < 20 ? 7u : 5u; }, 96},
    {"bra bra.uni",
     "mov.u32 %j,0; mov.u32 %o,0; L: add.u32 %o,%o,%j; add.u32 %j,%j,1; setp.lt.u32 %p,%j,%t; @%p "
     "bra L; bra.uni E; mov.u32 %o,99; E:",
     [](auto&, u32 t) {
       u32 s = 0;
       for (u32 j = 0; j < std::max(t, 1u); j++) s += j;
       return s;
     },
     64},
    {"brx.idx",
     "ts: .branchtargets T0,T1,T2; and.b32 %j,%t,3; min.u32 %j,%j,2; brx.idx %j,ts; T0: mov.u32 "
     "%o,10; bra E; T1: mov.u32 %o,11; bra E; T2: mov.u32 %o,12; E:",
     [](auto&, u32 t) { return 10 + std::min(t & 3, 2u); }, 32},
    {"ret", "setp.gt.u32 %p,%t,9; @%p ret; mov.u32 %o,3;",
     [](auto&, u32 t) { return t > 9 ? 0xeeeeeeeeu : 3u; }, 64},
    {"exit", "setp.gt.u32 %p,%t,9; @%p exit; mov.u32 %o,3;",
     [](auto&, u32 t) { return t > 9 ? 0xeeeeeeeeu : 3u; }, 64},
    {"bar.sync",
     "st.shared.u32 [%s],%i; bar.sync 0; xor.b32 %j,%t,127; shl.b32 %j,%j,2; mov.u32 %k,sh; "
     "add.u32 %j,%j,%k; ld.shared.u32 %o,[%j];",
     [](auto& in, u32 t) { return in[t ^ 127]; }, 128},
    // two warps of four meet at barrier 3, the others do not come
    {"bar.sync",
     "st.shared.u32 [%s],%i; setp.ge.u32 %p,%t,64; mov.u32 %o,1; @%p bra E; bar.sync 3,64; xor.b32 "
     "%j,%t,32; shl.b32 %j,%j,2; mov.u32 %k,sh; add.u32 %j,%j,%k; ld.shared.u32 %o,[%j]; E:",
     [](auto& in, u32 t) { return t < 64 ? in[t ^ 32] : 1u; }, 128},
    {"barrier.sync barrier.sync.aligned",
     "st.shared.u32 [%s],%i; barrier.sync 1; barrier.sync.aligned 2; xor.b32 %j,%t,96; shl.b32 "
     "%j,%j,2; mov.u32 %k,sh; add.u32 %j,%j,%k; ld.shared.u32 %o,[%j];",
     [](auto& in, u32 t) { return in[t ^ 96]; }, 128},
    // producers arrive and go on, consumers wait
    {"bar.arrive bar.sync",
     "mov.u32 %o,2; setp.ge.u32 %p,%t,32; @%p bra C; st.shared.u32 [%s],%i; bar.arrive 5,64; bra "
     "E; C: bar.sync 5,64; ld.shared.u32 %o,[%s+-128]; E:",
     [](auto& in, u32 t) { return t < 32 ? 2u : in[t - 32]; }, 64},
    {"bar.red.popc.u32", "setp.lt.u32 %p,%i,0x80000000; bar.red.popc.u32 %o,0,%p;",
     [](auto& in, u32) {
       u32 n = 0;
       for (u32 x : in) n += x < 0x80000000u;
       return n;
     },
     128},
    {"bar.red.and.pred bar.red.or.pred",
     "setp.ne.u32 %p,%t,77; bar.red.and.pred %q,0,%p; setp.eq.u32 %p,%t,3; bar.red.or.pred "
     "%p,0,%p; selp.u32 %o,1,0,%q; selp.u32 %j,2,0,%p; or.b32 %o,%o,%j;",
     [](auto&, u32) { return 2u; }, 128},
    {"bar.warp.sync",
     "st.shared.u32 [%s],%i; bar.warp.sync 0xffffffff; xor.b32 %j,%t,31; shl.b32 %j,%j,2; mov.u32 "
     "%k,sh; add.u32 %j,%j,%k; ld.shared.u32 %o,[%j];",
     [](auto& in, u32 t) { return in[t ^ 31]; }, 64},
    {"membar.cta membar.gl membar.sys fence.acq_rel.cta fence.acq_rel.gpu fence.acq_rel.sys "
     "fence.sc.cta fence.sc.gpu fence.sc.sys",
     "membar.cta; membar.gl; membar.sys; fence.acq_rel.cta; fence.acq_rel.gpu; fence.acq_rel.sys; "
     "fence.sc.cta; fence.sc.gpu; fence.sc.sys; mov.u32 %o,%i;",
     [](auto& in, u32 t) { return in[t]; }, 64},
    {"activemask.b32",
     "and.b32 %j,%t,1; setp.eq.u32 %p,%j,1; mov.u32 %o,0; @%p bra E; activemask.b32 %o; E:",
     [](auto&, u32 t) { return t & 1 ? 0u : 0x55555555u; }, 32},
    {"cvta.shared.u64 cvta.to.shared.u64 isspacep.shared isspacep.global",
     "st.shared.u32 [%s],%i; cvt.u64.u32 %x,%s; cvta.shared.u64 %x,%x; isspacep.shared %p,%x; "
     "isspacep.global %q,%x; ld.u32 %o,[%x]; cvta.to.shared.u64 %x,%x; ld.shared.u32 %j,[%x]; "
     "xor.b32 %o,%o,%j;"
     "xor.b32 %o,%o,%i; selp.u32 %j,0,1,%p; or.b32 %o,%o,%j; selp.u32 %j,1,0,%q; or.b32 %o,%o,%j;",
     [](auto& in, u32 t) { return in[t]; }, 64},
    {"cvta.local.u64 cvta.to.local.u64 isspacep.local",
     "mov.u64 %x,lo; cvta.local.u64 %x,%x; st.u32 [%x+4],%i; isspacep.local %p,%x; "
     "cvta.to.local.u64 %x,%x; ld.local.u32 %o,[%x+4]; selp.u32 %j,0,1,%p; or.b32 %o,%o,%j;",
     [](auto& in, u32 t) { return in[t]; }, 64},
    {"cvta.global.u64 cvta.to.global.u64 cvta.const.u64 cvta.to.const.u64",
     "mov.u64 %x,gl; cvta.global.u64 %x,%x; ld.u32 %o,[%x+4]; cvta.to.global.u64 %x,%x; "
     "ld.global.u32 %j,[%x]; add.u32 %o,%o,%j; mov.u64 %x,ct; cvta.const.u64 %x,%x; ld.u32 "
     "%j,[%x+4];"
     "add.u32 %o,%o,%j; cvta.to.const.u64 %x,%x; ld.const.u32 %j,[%x]; add.u32 %o,%o,%j;",
     [](auto&, u32) { return 3u + 5 + 100 + 7; }, 32},
    {"nanosleep.u32", "nanosleep.u32 5; mov.u32 %o,%i;", [](auto& in, u32 t) { return in[t]; }, 64},
    {"trap", "setp.gt.u32 %p,%t,999; @%p trap; mov.u32 %o,%i;",
     [](auto& in, u32 t) { return in[t]; }, 64},  // taken: see the known-bad corpus
    {"pmevent", "pmevent 1; mov.u32 %o,%i;", [](auto& in, u32 t) { return in[t]; }, 64},
    {"prefetch.global.L2", "prefetch.global.L2 [%in]; mov.u32 %o,%i;",
     [](auto& in, u32 t) { return in[t]; }, 32},
    // asynchronous copies: whole, with fewer source bytes (the rest is zero), ignored (all zero);
    // each lane its own 16 bytes
    {"cp.async.ca.shared.global cp.async.commit_group cp.async.wait_group",
     "shl.b32 %j,%t,2; cvt.u64.u32 %x,%j; add.u64 %x,%in,%x; cp.async.ca.shared.global "
     "[%s],[%x],4; cp.async.commit_group; cp.async.wait_group 0; ld.shared.u32 %o,[%s];",
     [](auto& in, u32 t) { return in[t]; }, 96},
    {"cp.async.cg.shared.global cp.async.wait_all",
     "shl.b32 %j,%t,4; mov.u32 %k,sh; add.u32 %k,%k,%j; cvt.u64.u32 %x,%j; add.u64 %x,%in,%x; "
     "cp.async.cg.shared.global [%k],[%x],16; cp.async.wait_all; ld.shared.u32 %o,[%k+8];",
     [](auto& in, u32 t) { return in[4 * t + 2]; }, 32},
    {"cp.async.ca.shared.global",
     "shl.b32 %j,%t,4; mov.u32 %k,sh; add.u32 %k,%k,%j; cvt.u64.u32 %x,%j; add.u64 %x,%in,%x; "
     "and.b32 %j,%t,3; shl.b32 %j,%j,2; cp.async.ca.shared.global [%k],[%x],16,%j; "
     "cp.async.wait_all;"
     "ld.shared.v4.u32 {%o,%j,%m,%n},[%k]; shf.l.wrap.b32 %j,%j,%j,1; shf.l.wrap.b32 %m,%m,%m,2; "
     "shf.l.wrap.b32 %n,%n,%n,3; xor.b32 %o,%o,%j; xor.b32 %o,%o,%m; xor.b32 %o,%o,%n;",
     [](auto& in, u32 t) {
       u32 r = 0;
       for (u32 e = 0; e < (t & 3); e++) {
         u32 x = in[4 * t + e];
         r ^= e ? x << e | x >> (32 - e) : x;
       }
       return r;
     },
     32},
    // two groups in flight: the older one may be read after wait_group 1
    {"cp.async.ca.shared.global cp.async.commit_group cp.async.wait_group",
     "shl.b32 %j,%t,2; cvt.u64.u32 %x,%j; add.u64 %x,%in,%x; cp.async.ca.shared.global "
     "[%s],[%x],4; cp.async.commit_group; cp.async.ca.shared.global [%s+512],[%x+4],4; "
     "cp.async.commit_group;"
     "cp.async.wait_group 1; ld.shared.u32 %o,[%s]; cp.async.wait_group 0; ld.shared.u32 "
     "%j,[%s+512]; add.u32 %o,%o,%j;",
     [](auto& in, u32 t) { return in[t] + in[t + 1]; }, 96},
};

int main(int argc, char** argv) {
  std::string ptx =
      ".version 9.0\n.target sm_80\n.address_size 64\n.global .align 4 .u32 gl[2] = {3,5};\n.const "
      ".align 4 .u32 ct[2] = {100,7};\n";
  for (size_t k = 0; k < kRows.size(); k++)
    ptx += ".visible .entry k" + std::to_string(k) +
           "(.param .u64 pi,.param .u64 po){\n.reg .pred %p,%q; .reg .b32 %t,%i,%o,%s,%j,%k,%m,%n; "
           ".reg .b64 %in,%out,%x,%y;\n"
           ".shared .align 16 .b8 sh[1024]; .local .align 4 .b8 lo[8];\n"
           "mov.u32 %t,%tid.x; ld.param.u64 %in,[pi]; ld.param.u64 %out,[po]; mul.wide.u32 "
           "%y,%t,4; add.u64 %x,%in,%y; ld.global.u32 %i,[%x]; add.u64 %out,%out,%y;\n"
           "shl.b32 %s,%t,2; mov.u32 %j,sh; add.u32 %s,%s,%j;\n" +
           std::string(kRows[k].text) + "\nst.global.u32 [%out],%o; ret;}\n";
  Gpu gpu;
  {
    Module m(ptx);
    std::mt19937 rng(9);
    std::vector<u32> in(160);
    for (auto& x : in) x = rng();
    Buf<u32> di(in), dd(160);
    for (size_t k = 0; k < kRows.size(); k++) {
      const Row& r = kRows[k];
      std::stringstream s(r.covers);
      for (std::string x; s >> x;) cover(x);
      dd.put(std::vector<u32>(160, 0xeeeeeeee));
      launch(m.fn(("k" + std::to_string(k)).c_str()), 1, 1, r.threads, 0, di.p, dd.p);
      auto got = dd.get();
      std::vector<u32> mine(in.begin(), in.begin() + r.threads);
      for (u32 t = 0; t < r.threads; t++) {
        u32 want = r.ref(std::string(r.covers).find("bar.red") == 0 ? mine : in, t);
        EXPECT(got[t] == want, "%s, thread %u: %x instead of %x", r.covers, t, got[t], want);
      }
      for (u32 t = r.threads; t < 160; t++)
        EXPECT(got[t] == 0xeeeeeeee, "%s wrote too much", r.covers);
    }
    size_t warnings = (size_t)(vgpuFindings() >> 32),
           errors = (size_t)(vgpuFindings() & 0xffffffff);
    EXPECT(errors == 0 && warnings == 0, "%s", report().substr(0, 2000).c_str());
  }
  write_covered(argc > 1 ? argv[1] : ".", "opcodes_flow");
  return finish("control flow and copies");
}
