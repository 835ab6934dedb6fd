// atom and red on global, shared and generic addresses; lanes act in lane order.
#include "access.h"
#include "decode.h"
#include "half.h"
#include "launch.h"

namespace vgpu {
namespace {
enum { ADD, MIN, MAX, INC, DEC, EXCH, CAS, AND, OR, XOR };

template <class T>
T apply_int(u32 op, T old, T b, T c) {
  switch (op) {
    case ADD:
      return (T)(old + b);
    case MIN:
      return std::min(old, b);
    case MAX:
      return std::max(old, b);
    case INC:
      return old >= b ? 0 : (T)(old + 1);
    case DEC:
      return old == 0 || old > b ? b : (T)(old - 1);
    case EXCH:
      return b;
    case CAS:
      return old == b ? c : old;
    case AND:
      return (T)(old & b);
    case OR:
      return (T)(old | b);
    default:
      return (T)(old ^ b);
  }
}
u64 apply(const Op& o, u64 old, u64 b, u64 c) {
  u32 op = o.x;
  switch ((Ty)(o.y >> 16)) {
    case Ty::U32:
    case Ty::B32:
      return apply_int<u32>(op, (u32)old, (u32)b, (u32)c);
    case Ty::S32:
      return (u32)apply_int<i32>(op, (i32)old, (i32)b, (i32)c);
    case Ty::U64:
    case Ty::B64:
      return apply_int<u64>(op, old, b, c);
    case Ty::S64:
      return (u64)apply_int<i64>(op, (i64)old, (i64)b, (i64)c);
    case Ty::B16:
      return apply_int<u16>(op, (u16)old, (u16)b, (u16)c);
    case Ty::F32:
      return bits_as<u32>(canonical(bits_as<float>((u32)old) + bits_as<float>((u32)b)));
    case Ty::F64:
      return bits_as<u64>(bits_as<double>(old) + bits_as<double>(b));
    case Ty::F16:
      return f32_to_f16(f16_to_f32((u16)old) + f16_to_f32((u16)b));
    case Ty::BF16:
      return f32_to_bf16(bf16_to_f32((u16)old) + bf16_to_f32((u16)b));
    case Ty::F16x2:
      return f32_to_f16(f16_to_f32((u16)old) + f16_to_f32((u16)b)) |
             (u32)f32_to_f16(f16_to_f32((u16)(old >> 16)) + f16_to_f32((u16)(b >> 16))) << 16;
    default:
      return f32_to_bf16(bf16_to_f32((u16)old) + bf16_to_f32((u16)b)) |
             (u32)f32_to_bf16(bf16_to_f32((u16)(old >> 16)) + bf16_to_f32((u16)(b >> 16))) << 16;
  }
}
// r: 0 d (NOROW for red), 1 address, 2 b, 3 c. y bits: 0x200 acquire, 0x400 release; type in the
// high half.
void perform(Warp& w, const Op& o, u32 m, Lanes& l) {
  bool wide = o.size == 8;
  auto val = [&](u32 r, int i) -> u64 {
    return r == NOROW ? 0 : wide ? w.row<u64>(r)[i] : w.row<u32>(r)[i];
  };
  lanes(m, [&](int i) {
    u8* p = l.unit ? l.ptr[0] + i * o.size : l.ptr[i];
    u64 old = 0;
    memcpy(&old, p, o.size);
    u64 now = apply(o, old, val(o.r[2], i), val(o.r[3], i));
    if (now != old) memcpy(p, &now, o.size), w.launch->idle_steps = 0;
    if (o.r[0] != NOROW) {
      if (wide)
        w.row<u64>(o.r[0])[i] = old;
      else
        w.row<u32>(o.r[0])[i] = (u32)old;
    }
  });
}
template <int SP>  // 0 global 1 shared 2 generic
void atom(Warp& w, const Op& o, u32 m) {
  Lanes l;
  gather_addresses(w, o, m, o.r[1], l);
  w.polled = &o, w.polled_lane = (u32)__builtin_ctz(m), w.polled_at = l.at[w.polled_lane];
  note_poll(w);
  if (o.y & 0x400 && SP != 1) release_fence(w, o.y >> 12 & 3);
  u32 todo = m;
  while (todo) {
    Space s = SP == 0   ? Space::Global
              : SP == 1 ? Space::Shared
                        : generic_space(l.at[__builtin_ctz(todo)]);
    u32 part = 0;
    lanes(todo, [&](int i) {
      if (SP != 2 || generic_space(l.at[i]) == s) part |= 1u << i;
    });
    Lanes p = l;
    if (SP == 2 && s == Space::Shared) lanes(part, [&](int i) { p.at[i] -= SHARED_WINDOW; });
    classify(p, part, o.size);
    if (s == Space::Shared)
      shared_access(w, o, part, p, o.size, Use::Atomic, 0);
    else if (s == Space::Global)
      global_access(w, o, part, p, o.size, Use::Atomic);
    else
      memory_fault(w, o, __builtin_ctz(part), "MEM-OOB", 717,
                   "atomic outside global and shared memory", p.at[__builtin_ctz(part)]);
    if (s == Space::Global && options().store_delay) settle_stores(w, part, p, o.size);
    perform(w, o, part, p);
    todo &= ~part;
  }
  if (o.y & 0x200 && SP != 1) acquire_fence(w, o.y >> 12 & 3);
}

void decode_atom(Ctx& c, bool red) {
  int sem = c.one_of({"relaxed", "acquire", "release", "acq_rel"});
  int scope = c.one_of({"cta", "cluster", "gpu", "sys"});
  if (scope < 0) scope = 2;
  int sp = c.one_of({"global", "shared", "shared::cta"});
  int k = c.one_of({"add", "min", "max", "inc", "dec", "exch", "cas", "and", "or", "xor"});
  if (k < 0) c.fail("unknown operation");
  c.has("noftz");
  for (size_t i = 0; i < c.in.mods.size(); i++)
    if (c.in.mods[i] == "L2::cache_hint") c.fail("cache hints are not supported here");
  Ty t = c.type();
  if (ty_float(t) && k != ADD) c.fail("not supported with this type");
  if (ty_bytes(t) == 2 && !(k == CAS || ty_float(t))) c.fail("not supported with this type");
  size_t base = red ? 0 : 1;
  c.args(base + 2, base + 3);
  if ((k == CAS) != (c.nargs() == base + 3)) c.fail("wrong number of operands");
  c.op.x = (u32)k;
  c.op.size = (u8)ty_bytes(t);
  c.op.y = 0x100 | (sem == 1 || sem == 3 ? 0x200 : 0) | (sem == 2 || sem == 3 ? 0x400 : 0) |
           (u32)scope << 12 | (u32)t << 16;
  c.address(base, 1);
  c.op.r[2] = c.src(base + 1, t);
  if (k == CAS) c.op.r[3] = c.src(base + 2, t);
  if (!red && c.arg(0).kind != Operand::Discard) c.op.r[0] = c.dst(0, t);
  if (k == CAS || k == EXCH || !red) c.d.k->spins = true;
  c.emit(sp == 0 ? atom<0> : sp > 0 ? atom<1> : atom<2>, Cls::Atom);
}
}  // namespace
static Register r_atom({"atom"}, [](Ctx& c) { decode_atom(c, false); });
static Register r_red({"red"}, [](Ctx& c) { decode_atom(c, true); });
}  // namespace vgpu
