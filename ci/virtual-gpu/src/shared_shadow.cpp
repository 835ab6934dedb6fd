#include "shared_shadow.h"

#include "launch.h"
#include "report.h"
#include "warp.h"

namespace vgpu {

void SharedShadow::reset(u32 bytes_) {
  u32 n = (bytes_ + 3) / 4;
  w_.assign(n, 0), r_.assign(n, 0);
  wop_.assign(n, 0), rop_.assign(n, 0);
  bw_.clear(), br_.clear(), seen_.clear();
  stamp_ = limit_ = 1;
  named_ = false;
}

void SharedShadow::tick() {
  if (++stamp_ < STAMP_MAX - 1) return;
  // Out of stamps: everything so far becomes "written, ordered". Only races across this instant are
  // lost.
  auto age = [](std::vector<u32>& v) {
    for (u32& t : v) t = t ? (t & (MIXED | PENDING | OWNER | ATOMIC)) | 1u << STAMP_SHIFT : 0;
  };
  age(w_), age(r_), age(bw_), age(br_);
  stamp_ = 2, limit_ = 2;
  seen_.clear(), named_ = false;
}
void SharedShadow::full_barrier() {
  tick();
  limit_ = stamp_;
  seen_.clear(), named_ = false;
}
void SharedShadow::warp_barrier(Warp& w) {
  if (w.touched_shared) tick();
  w.touched_shared = false;
  w.sync_stamp = stamp_;
}
void SharedShadow::partial_barrier(u32 warps) {
  tick();
  if (seen_.empty()) seen_.assign(32 * 32, limit_);
  named_ = true;
  u32 joint[32];
  for (u32 o = 0; o < 32; o++) {
    joint[o] = limit_;
    for (u32 a = 0; a < 32; a++)
      if (warps >> a & 1) joint[o] = std::max(joint[o], seen_[a * 32 + o]);
    if (warps >> o & 1) joint[o] = stamp_;
  }
  for (u32 a = 0; a < 32; a++)
    if (warps >> a & 1) std::copy(joint, joint + 32, &seen_[a * 32]);
}

bool SharedShadow::conflict(u32 t, const Warp& w, u32 lane, bool atomic) const {
  u32 s = (t & STAMP_MASK) >> STAMP_SHIFT;
  if (s < limit_ || (atomic && (t & ATOMIC))) return false;
  u32 tw = t >> 6 & 63, tl = t & 63;
  if (tw == MANY) {
    if (!named_) return true;
    u32 best = 0;
    for (u32 o = 0; o < 32; o++)
      if (o != w.id) best = std::max(best, seen_[w.id * 32 + o]);
    return s >= best;
  }
  if (tw == w.id) return (tl != lane || lane == WHOLE) && s >= w.sync_stamp;
  return s >= (named_ ? seen_[w.id * 32 + tw] : limit_);
}

u32 SharedShadow::merge_read(u32 old, u32 mine, const Warp& w) const {
  if ((old & STAMP_MASK) < limit_ << STAMP_SHIFT || ((old ^ mine) & OWNER) == 0) return mine;
  if ((old >> 6 & 63) == w.id)
    return (old & STAMP_MASK) < w.sync_stamp << STAMP_SHIFT ? mine : mine | MANY;
  return mine | OWNER;
}

static std::string who(Block& b, u32 tag, u32 op) {
  const Kernel& k = *b.launch->kernel;
  std::string s;
  u32 tw = tag >> 6 & 63, tl = tag & 63;
  if (tw == SharedShadow::MANY)
    s = "several warps";
  else
    s = "warp " + std::to_string(tw) + (tl < 32 ? " lane " + std::to_string(tl) : "");
  if (op < k.code.size()) {
    s += " at line " + std::to_string(k.code[op].line);
    if (k.code[op].src_line) s += " (source line " + std::to_string(k.code[op].src_line) + ")";
  }
  return s;
}

// wt, rt: the tags of the unit (word or byte) at shared offset off.
void SharedShadow::check(Warp& w, const Op& o, Kind k, u32 lane, u32 wt, u32 rt, u32 off, u32 word,
                         bool same) {
  u32 checks = options().check;
  u64 addr = off + SHARED_FIRST;
  bool writes = k >= Write, reads = k == Read || k == ReadWhole || k == Atomic;
  int at = lane < 32 ? (int)lane : -1;
  if (wt & PENDING && k != AsyncLand) {
    if (checks & CHECK_ASYNC)
      report_at(w, o, at, "ASYNC-WAIT", Severity::Error,
                std::string(writes ? "write to" : "read of") + " shared bytes whose cp.async (" +
                    who(*w.block, wt, wop_[word]) + ") was not waited for",
                &addr);
    return;
  }
  if (wt == 0 && reads) {
    if (checks & CHECK_UNINIT)
      report_at(w, o, at, "MEM-UNINIT", Severity::Error, "shared memory that was never written",
                &addr);
    return;
  }
  if (!(checks & CHECK_RACE_SHARED)) return;
  bool atomic = k == Atomic;
  if (wt && conflict(wt, w, lane, atomic))
    report_at(w, o, at, "RACE-SHARED", same ? Severity::Warn : Severity::Error,
              std::string(writes ? "write" : "read") + " unordered after a write by " +
                  who(*w.block, wt, wop_[word]) + (same ? " (equal value)" : ""),
              &addr);
  else if (writes && rt && conflict(rt, w, lane, atomic))
    report_at(w, o, at, "RACE-SHARED", same ? Severity::Warn : Severity::Error,
              "write unordered after a read by " + who(*w.block, rt, rop_[word]) +
                  (same ? " (equal value)" : ""),
              &addr);
}

void SharedShadow::bytes(Block& b, Warp& w, const Op& o, Kind k, u32 lane, u32 off, u32 size,
                         bool same) {
  u32 word = off >> 2;
  if (bw_.empty()) bw_.assign(w_.size() * 4, 0), br_.assign(w_.size() * 4, 0);
  if (!(w_[word] & MIXED)) {
    for (int i = 0; i < 4; i++) bw_[word * 4 + i] = w_[word], br_[word * 4 + i] = r_[word];
    w_[word] = r_[word] = MIXED;
  }
  u32 mine = stamp_ << STAMP_SHIFT | w.id << 6 | lane | (k == Atomic ? ATOMIC : 0);
  for (u32 i = off; i < off + size; i++) {
    check(w, o, k, lane, bw_[i], br_[i], i, word, same);
    if (k >= Write)
      bw_[i] = mine | (k == AsyncIssue ? PENDING : 0);
    else
      br_[i] = br_[i] ? merge_read(br_[i], mine, w) : mine;
  }
  (k >= Write ? wop_ : rop_)[word] = (u32)(&o - b.launch->kernel->code.data());
  // whole again when the four bytes agree, or when all of it is old
  u32* p = &bw_[word * 4];
  u32* q = &br_[word * 4];
  bool alike =
      p[0] == p[1] && p[0] == p[2] && p[0] == p[3] && q[0] == q[1] && q[0] == q[2] && q[0] == q[3];
  u32 lim = limit_ << STAMP_SHIFT;
  bool old = true;
  for (int i = 0; i < 4; i++) old &= p[i] && p[i] < lim && q[i] < lim;
  if (alike || old) w_[word] = p[0], r_[word] = q[0];
}

void SharedShadow::one(Block& b, Warp& w, const Op& o, Kind k, u32 lane, u32 word, bool same) {
  if (w_[word] & MIXED) return bytes(b, w, o, k, lane, word * 4, 4, same);
  check(w, o, k, lane, w_[word], r_[word], word * 4, word, same);
  u32 mine = stamp_ << STAMP_SHIFT | w.id << 6 | lane | (k == Atomic ? ATOMIC : 0);
  u32 op = (u32)(&o - b.launch->kernel->code.data());
  if (k >= Write)
    w_[word] = mine | (k == AsyncIssue ? PENDING : 0), wop_[word] = op;
  else
    r_[word] = r_[word] ? merge_read(r_[word], mine, w) : mine, rop_[word] = op;
}

// Four words read at once. False: a recent write, an unwritten or a mixed word needs the slow path.
inline bool SharedShadow::read16(u32 first, u32 mine, const Warp& w, u32 op) {
  const u32 lim = limit_ << STAMP_SHIFT;
  const u32* wt = &w_[first];
  u32* rt = &r_[first];
  u32 ok = (wt[0] - 1 < lim - 1) & (wt[1] - 1 < lim - 1) & (wt[2] - 1 < lim - 1) &
           (wt[3] - 1 < lim - 1);  // 0 < tag < lim
  if (!ok) return false;
  if (rt[0] == rt[1] && rt[0] == rt[2] && rt[0] == rt[3]) {
    u32 v = merge_read(rt[0], mine, w);
    for (int i = 0; i < 4; i++) rt[i] = v;
  } else {
    for (int i = 0; i < 4; i++) rt[i] = merge_read(rt[i], mine, w);
  }
  for (int i = 0; i < 4; i++) rop_[first + i] = op;
  return true;
}

void SharedShadow::access(Block& b, Warp& w, const Op& o, Kind k, u32 m, const u32* off, u32 size,
                          bool unit, u32 same) {
  w.touched_shared = true;
  u32 lane_tag = k == ReadWhole ? WHOLE : 0;
  if (unit && size >= 4 && m == FULL) {
    u32 first = off[0] >> 2, per = size / 4, n = per * LANES, lim = limit_ << STAMP_SHIFT;
    u32* __restrict__ wt = &w_[first];
    u32* __restrict__ rt = &r_[first];
    u32 hot = 0, zero = 0, rhot = 0;
    for (u32 i = 0; i < n; i++) hot |= wt[i] >= lim, zero |= wt[i] == 0, rhot |= rt[i] >= lim;
    u32 op = (u32)(&o - b.launch->kernel->code.data());
    u32 mine = stamp_ << STAMP_SHIFT | w.id << 6 | lane_tag;
    u32 shift = __builtin_ctz(per);
    if (k == Write && !hot && !rhot) {
      u32* __restrict__ wo = &wop_[first];
      for (u32 i = 0; i < n; i++) wt[i] = mine | (i >> shift), wo[i] = op;
      return;
    }
    if (k == Read && !hot && !zero) {
      u32* __restrict__ ro = &rop_[first];
      if (!rhot)
        for (u32 i = 0; i < n; i++) rt[i] = mine | (i >> shift), ro[i] = op;
      else
        for (u32 i = 0; i < n; i++) rt[i] = merge_read(rt[i], mine | (i >> shift), w), ro[i] = op;
      return;
    }
  }
  for (u32 q = m; q; q &= q - 1) {
    u32 lane = __builtin_ctz(q);
    u32 tag_lane = k == ReadWhole ? WHOLE : lane;
    bool s = same >> lane & 1;
    if (size < 4) {
      bytes(b, w, o, k, tag_lane, off[lane], size, s);
    } else if (size == 16 && k <= ReadWhole &&
               read16(off[lane] >> 2, stamp_ << STAMP_SHIFT | w.id << 6 | tag_lane, w,
                      (u32)(&o - b.launch->kernel->code.data()))) {
      // done: nothing recent wrote these four words
    } else if (k != Atomic) {  // the words of one lane together, when nothing recent touched them
      u32 first = off[lane] >> 2, n = size / 4, lim = limit_ << STAMP_SHIFT, hot = 0;
      u32 mine = stamp_ << STAMP_SHIFT | w.id << 6 | tag_lane,
          op = (u32)(&o - b.launch->kernel->code.data());
      if (k <= ReadWhole) {
        for (u32 i = 0; i < n; i++) hot |= (w_[first + i] >= lim) | (w_[first + i] == 0);
        if (!hot)
          for (u32 i = 0; i < n; i++)
            r_[first + i] = merge_read(r_[first + i], mine, w), rop_[first + i] = op;
      } else if (k == AsyncLand) {  // still as this lane's issue left them
        for (u32 i = 0; i < n; i++)
          hot |= ((w_[first + i] ^ mine) & (OWNER | PENDING | MIXED | ATOMIC)) != PENDING ||
                 r_[first + i] >= lim;
        if (!hot)
          for (u32 i = 0; i < n; i++) w_[first + i] = mine;
      } else {
        for (u32 i = 0; i < n; i++) hot |= (w_[first + i] >= lim) | (r_[first + i] >= lim);
        u32 flag = k == AsyncIssue ? PENDING : 0;
        if (!hot)
          for (u32 i = 0; i < n; i++) w_[first + i] = mine | flag, wop_[first + i] = op;
      }
      if (hot)
        for (u32 i = 0; i < n; i++) one(b, w, o, k, tag_lane, first + i, s);
    } else {
      for (u32 i = 0; i < size; i += 4) one(b, w, o, k, tag_lane, (off[lane] + i) >> 2, s);
    }
  }
}
}  // namespace vgpu
