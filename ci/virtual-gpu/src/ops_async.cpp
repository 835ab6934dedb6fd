// cp.async. The copy happens at the last legal moment: at a wait that covers it, or when the lane
// exits.
#include "access.h"
#include "decode.h"
#include "launch.h"

namespace vgpu {
namespace {

void land(Warp& w, AsyncCopy& a, u32 m) {
  m &= a.left;
  if (!m) return;
  Block& b = *w.block;
  if (options().check & (CHECK_RACE_SHARED | CHECK_UNINIT | CHECK_ASYNC)) {
    bool unit = m == FULL;
    for (int i = 0; unit && i < LANES; i++) unit = a.dst[i] == a.dst[0] + i * a.size;
    b.shadow.access(b, w, *a.op, SharedShadow::AsyncLand, m, a.dst, a.size, unit, 0);
  }
  lanes(m, [&](int i) {
    u8* d = b.shared + a.dst[i];
    if (a.bytes[i]) memcpy(d, (const u8*)a.src[i], a.bytes[i]);
    if (a.bytes[i] < a.size) memset(d + a.bytes[i], 0, a.size - a.bytes[i]);
  });
  a.left &= ~m;
}

// r: 0 shared address, 1 global address, 2 source bytes or NOROW, 3 ignore predicate. size = copy
// size, imm = shared offset, y = global offset, x = address widths (1: shared 64-bit, 2: global
// 64-bit)
void cp_async(Warp& w, const Op& o, u32 m) {
  Lanes s, g;
  if (o.x & 1) {
    u64* a = w.row<u64>(o.r[0]);
    for (int i = 0; i < LANES; i++) s.at[i] = a[i] + (i64)o.imm;
  } else {
    u32* a = w.row<u32>(o.r[0]);
    for (int i = 0; i < LANES; i++) s.at[i] = a[i] + (i64)o.imm;
  }
  u64* ga = w.row<u64>(o.r[1]);
  for (int i = 0; i < LANES; i++) g.at[i] = ga[i] + (i64)(i32)o.y;
  shared_bounds(w, o, m, s, o.size);
  drain_stores(w);
  w.async.emplace_back();
  AsyncCopy& a = w.async.back();
  a.left = m, a.size = o.size, a.op = &o;
  u32 reads = 0, whole = 0;
  u32 ignore = o.r[3] == NOROW ? 0 : w.pred(o.r[3]);
  lanes(m, [&](int i) {
    a.dst[i] = (u32)(s.at[i] - SHARED_FIRST);
    u32 n = o.r[2] == NOROW ? o.size : w.row<u32>(o.r[2])[i];
    if (ignore >> i & 1) n = 0;
    if (n > o.size) memory_fault(w, o, i, "MEM-OOB", 719, "source size larger than the copy", n);
    a.bytes[i] = n;
    a.group[i] = w.committed[i];
    if (n) reads |= 1u << i;
    if (n == o.size) whole |= 1u << i;
    w.launch->c.async_bytes += n;
  });
  if (whole) {
    classify(g, whole, o.size);
    global_access(w, o, whole, g, o.size, Use::Load);
    lanes(whole, [&](int i) { a.src[i] = (u64)(g.unit ? g.ptr[0] + i * o.size : g.ptr[i]); });
  }
  lanes(reads & ~whole, [&](int i) {  // a partial row: only its first bytes are read
    const Alloc* al = memory().find(g.at[i]);
    u64 end = g.at[i] + a.bytes[i];
    if (g.at[i] & (o.size - 1))
      memory_fault(w, o, i, "MEM-ALIGN", 716, "address is not a multiple of the copy size",
                   g.at[i]);
    if (!al || !w.launch->may_touch(*al) || end > al->base + al->size)
      memory_fault(
          w, o, i, "MEM-OOB", 700,
          "read of " + std::to_string(a.bytes[i]) + " bytes at " + memory().describe(g.at[i]),
          g.at[i]);
    if (al->device >= 0 && options().check & CHECK_UNINIT && !memory().written(g.at[i], a.bytes[i]))
      report_at(w, o, i, "MEM-UNINIT", Severity::Error, "global memory that was never written",
                &g.at[i]);
    if (options().count) count_sectors(w, w.launch->c.ld, g.at, 1u << i, a.bytes[i], false, true);
    if (al->device >= 0 && al->kernel_written && w.launch->race_tags)
      for (u32 k = 0, n; k < a.bytes[i]; k += n) {
        n = a.bytes[i] - k >= 4 ? 4 : a.bytes[i] - k >= 2 ? 2 : 1;
        Lanes part;
        part.at[i] = g.at[i] + k;
        global_race(w, o, 1u << i, part, n, Use::Load, false);
      }
    a.src[i] = (u64)memory().at(al, g.at[i]);
  });
  classify(s, m, o.size);
  if (options().check & (CHECK_RACE_SHARED | CHECK_UNINIT | CHECK_ASYNC))
    w.block->shadow.access(*w.block, w, o, SharedShadow::AsyncIssue, m, a.dst, o.size, s.unit, 0);
  if (options().count) count_banks(w.launch->c, a.dst, m, o.size, s.unit, s.uniform);
}
void commit(Warp& w, const Op&, u32 m) {
  lanes(m, [&](int i) { w.committed[i]++; });
}

void land_older(Warp& w, u32 m, i64 keep, bool all) {
  for (auto& a : w.async) {
    u32 due = 0;
    lanes(m & a.left, [&](int i) {
      if (all || (i64)a.group[i] < (i64)w.committed[i] - keep) due |= 1u << i;
    });
    land(w, a, due);
  }
  size_t k = 0;
  for (size_t i = 0; i < w.async.size(); i++)
    if (w.async[i].left) {
      if (k != i) w.async[k] = w.async[i];
      k++;
    }
  w.async.resize(k);
}
void wait_group(Warp& w, const Op& o, u32 m) { land_older(w, m, o.imm, false); }
void wait_all(Warp& w, const Op&, u32 m) { land_older(w, m, 0, true); }
}  // namespace

void async_exit(Warp& w, u32 m) {
  for (auto& a : w.async)
    if (a.left & m) {
      if (options().check & CHECK_ASYNC)
        report_at(w, *a.op, __builtin_ctz(a.left & m), "ASYNC-WAIT", Severity::Warn,
                  "the thread exits with this copy not waited for");
      land(w, a, m);
    }
}

static Register r_cp({"cp"}, [](Ctx& c) {
  if (!c.has("async")) c.fail("unknown form");
  if (c.has("commit_group")) {
    c.args(0);
    return c.emit(commit, Cls::Async);
  }
  if (c.has("wait_group")) {
    c.args(1);
    c.op.imm = (i64)c.imm(0);
    return c.emit(wait_group, Cls::Async);
  }
  if (c.has("wait_all")) {
    c.args(0);
    return c.emit(wait_all, Cls::Async);
  }
  int cache = c.one_of({"ca", "cg"});
  int sp = c.one_of({"shared", "shared::cta"});
  if (cache < 0 || sp < 0 || !c.has("global"))
    c.fail("only cp.async.{ca,cg}.shared.global is supported");
  c.one_of({"L2::64B", "L2::128B", "L2::256B"});
  c.args(3, 4);
  u64 size = c.imm(2);
  if (size != 4 && size != 8 && size != 16) c.fail("size must be 4, 8 or 16");
  if (cache == 1 && size != 16) c.fail(".cg copies 16 bytes");
  c.address(0, 0);
  i64 shared_off = c.op.imm;
  u32 widths = c.op.wide_addr;
  c.address(1, 1);
  if (!c.op.wide_addr) c.fail("global addresses have 64 bits");
  if (c.op.imm != (i32)c.op.imm) c.fail("offset too large");
  c.op.y = (u32)(i32)c.op.imm;
  c.op.imm = shared_off;
  c.op.x = widths | 2;
  c.op.size = (u8)size;
  if (c.nargs() == 4) {
    const Operand& x = c.arg(3);
    bool pred = x.kind == Operand::Reg && c.d.rows[c.d.reg_row[x.reg]].bytes == 4;
    if (pred) {
      u32 neg;
      c.op.r[3] = c.pred_src(3, &neg);
      if (neg) c.fail("negated ignore predicate is not supported");
    } else {
      c.op.r[2] = c.src(3, Ty::B32);
    }
  }
  c.emit(cp_async, Cls::Async);
});
}  // namespace vgpu
