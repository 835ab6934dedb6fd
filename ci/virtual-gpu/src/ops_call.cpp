// call: device functions are expanded where they are called, with registers and a frame of their
// own; vprintf and
// __assertfail are built in. Indirect calls and recursion are refused.
#include <algorithm>
#include <cstdio>

#include "access.h"
#include "decode.h"
#include "launch.h"

namespace vgpu {
namespace {
u8* frame_of(Warp& w, int lane) {
  size_t frame = w.launch->kernel->local_bytes + 16;
  if (w.local.empty()) w.local.assign(frame * LANES, 0), w.local_init.assign(frame * LANES, 0);
  return &w.local[frame * (size_t)lane];
}
u64 word(Warp& w, int lane, u64 at, int bytes) {
  u64 v = 0;
  memcpy(&v, frame_of(w, lane) + at, (size_t)bytes);
  return v;
}
// A string that a generic address points to: constants lie in global memory, buffers in the lane's
// frame.
std::string text_at(Warp& w, int lane, u64 at) {
  std::string s;
  bool local = generic_space(at) == Space::Local;
  const Alloc* a = local ? nullptr : memory().find(at);
  if (!local && !a) return "(bad pointer)";
  size_t room = local ? w.launch->kernel->local_bytes + 16 -
                            std::min<u64>(at - LOCAL_WINDOW, w.launch->kernel->local_bytes + 16)
                      : a->base + a->size - at;
  const char* p = local ? (const char*)frame_of(w, lane) + (at - LOCAL_WINDOW)
                        : (const char*)memory().at(a, at);
  for (size_t i = 0; i < room && p[i]; i++) s += p[i];
  return s;
}

// o.imm: where the format's and the arguments' addresses lie in the frame (two words of 32 bits);
// o.x: the result
void print(Warp& w, const Op& o, u32 m) {
  lanes(m, [&](int i) {
    std::string format = text_at(w, i, word(w, i, (u64)o.imm & 0xffffffff, 8)), out;
    u64 args = word(w, i, (u64)o.imm >> 32, 8), at = 0;
    auto next = [&](u64 bytes) {
      at = (at + bytes - 1) / bytes * bytes;
      u64 v = 0, from = args + at;
      at += bytes;
      if (generic_space(from) == Space::Local &&
          from - LOCAL_WINDOW + bytes <= w.launch->kernel->local_bytes + 16)
        v = word(w, i, from - LOCAL_WINDOW, (int)bytes);
      return v;
    };
    int count = 0;
    for (size_t k = 0; k < format.size(); k++) {
      if (format[k] != '%') {
        out += format[k];
        continue;
      }
      size_t end = format.find_first_of("diouxXcsfFeEgGaAp%", k + 1);
      if (end == std::string::npos) break;
      std::string spec = format.substr(k, end - k), text(512, 0);
      char kind = format[end];
      bool wide = spec.find('l') != std::string::npos;
      spec.erase(std::remove_if(spec.begin(), spec.end(),
                                [](char c) { return c == 'l' || c == 'h' || c == '*'; }),
                 spec.end());
      k = end;
      if (kind == '%') {
        out += '%';
        continue;
      }
      count++;
      int n;
      if (strchr("di", kind)) {
        u64 v = next(wide ? 8 : 4);
        n = snprintf(&text[0], text.size(), (spec + "lld").c_str(),
                     wide ? (long long)v : (long long)(i32)v);
      } else if (strchr("ouxX", kind))
        n = snprintf(&text[0], text.size(), (spec + "ll" + kind).c_str(),
                     (unsigned long long)next(wide ? 8 : 4));
      else if (kind == 'c')
        n = snprintf(&text[0], text.size(), (spec + "c").c_str(), (int)next(4));
      else if (kind == 's') {
        std::string s = text_at(w, i, next(8));
        n = snprintf(&text[0], text.size(), (spec + "s").c_str(), s.c_str());
      } else if (kind == 'p')
        n = snprintf(&text[0], text.size(), "0x%llx", (unsigned long long)next(8));
      else
        n = snprintf(&text[0], text.size(), (spec + kind).c_str(), bits_as<double>(next(8)));
      out.append(text.c_str(), (size_t)std::min(std::max(n, 0), 511));
    }
    fwrite(out.data(), 1, out.size(), stdout);
    u8* frame = frame_of(w, i);
    memcpy(frame + o.x, &count, 4);
    memset(&w.local_init[(size_t)i * (w.launch->kernel->local_bytes + 16) + o.x], 1, 4);
  });
  fflush(stdout);
}
// o.imm: message and file; o.x: line
void assert_failed(Warp& w, const Op& o, u32 m) {
  int i = __builtin_ctz(m);
  report_at(w, o, i, "TRAP", Severity::Error,
            "assertion '" + text_at(w, i, word(w, i, (u64)o.imm & 0xffffffff, 8)) + "' failed at " +
                text_at(w, i, word(w, i, (u64)o.imm >> 32, 8)) + ":" +
                std::to_string((u32)word(w, i, o.x, 4)));
  throw LaunchFault{710};
}
}  // namespace

void Decoder::call(Ctx& c) {
  const Operand *rets = nullptr, *name = nullptr, *args = nullptr;
  for (const Operand& a : c.in.args) {
    if (a.kind == Operand::Vec)
      (name ? args : rets) = &a;
    else if (!name)
      name = &a;
    else
      c.fail("indirect calls are not supported");
  }
  if (!name || name->kind != Operand::Sym) c.fail("indirect calls are not supported");
  auto place = [&](const Operand* list, size_t i) -> Var& {
    if (!list || i >= list->elems.size() || list->elems[i].kind != Operand::Sym ||
        !locals.count(list->elems[i].name))
      c.fail("bad arguments of " + name->name);
    return locals[list->elems[i].name];
  };
  // a guarded call: the other lanes go on behind it
  size_t skip = (size_t)-1;
  if (c.in.guard >= 0) {
    Inst over = c.in;
    over.guard_negate = !over.guard_negate;
    Ctx b{*this, over, {}, {}, {}};
    b.op.y = 1;
    skip = k->code.size();
    opcode_emit_branch(b);
  }
  Inst plain = c.in;
  plain.guard = -1;
  Ctx p{*this, plain, {}, {}, {}};
  if (name->name == "vprintf") {
    p.op.imm = (i64)(place(args, 0).addr | place(args, 1).addr << 32);
    p.op.x = (u32)place(rets, 0).addr;
    p.emit(print, Cls::Int);
  } else if (name->name == "__assertfail") {
    p.op.imm = (i64)(place(args, 0).addr | place(args, 1).addr << 32);
    p.op.x = (u32)place(args, 2).addr;
    p.emit(assert_failed, Cls::Int);
  } else {
    auto it = m.functions.find(name->name);
    if (it == m.functions.end() || !it->second.defined)
      c.fail("device function " + name->name + " has no definition here");
    const Function& callee = it->second;
    if (std::count(calls.begin(), calls.end(), &callee))
      c.fail("recursive call of " + name->name + " is not supported");
    if (callee.entry) c.fail(name->name + " is a kernel, not a device function");
    if ((args ? args->elems.size() : 0) != callee.params.size() ||
        (rets ? rets->elems.size() : 0) != callee.rets.size())
      c.fail("wrong number of arguments of " + name->name);
    std::map<std::string, Var> frame;
    for (size_t i = 0; i < callee.params.size(); i++) frame[callee.params[i].name] = place(args, i);
    for (size_t i = 0; i < callee.rets.size(); i++) frame[callee.rets[i].name] = place(rets, i);
    const Function* caller = f;
    auto outer_rows = std::move(reg_row);
    auto outer_returns = std::move(returns);
    bool outer = inlining;
    locals.swap(frame);
    returns.clear();
    inlining = true;
    calls.push_back(&callee);
    body(callee);
    calls.pop_back();
    for (size_t at : returns) k->code[at].x = (u32)k->code.size();
    locals.swap(frame);
    f = caller;
    reg_row = std::move(outer_rows), returns = std::move(outer_returns), inlining = outer;
  }
  if (skip != (size_t)-1) k->code[skip].x = (u32)k->code.size();
}

static Register r_call({"call"}, [](Ctx& c) {
  c.has("uni");
  c.d.call(c);
});
}  // namespace vgpu
