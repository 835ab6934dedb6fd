#include "mutate.h"

#include <algorithm>

namespace vgpu {
namespace {
bool has(const Inst& in, const char* mod) {
  return std::find(in.mods.begin(), in.mods.end(), mod) != in.mods.end();
}
bool waits(const Inst& in) {
  return in.op == "cp" && (has(in, "wait_group") || has(in, "wait_all"));
}
bool synchronises(const Inst& in) {
  if (in.op == "bar" || in.op == "barrier") return !has(in, "red");  // a reduction also computes
  return in.op == "membar" || in.op == "fence" || waits(in) ||
         (in.op == "cp" && has(in, "commit_group"));
}
}  // namespace

Mutation& mutation() {
  static Mutation* m = new Mutation;
  return *m;
}
void mutate(PtxModule& m) {
  const Mutation& mu = mutation();
  auto f = m.functions.find(mu.kernel);
  if (mu.kernel.empty() || f == m.functions.end()) return;
  u32 point = 0;
  for (Inst& in : f->second.body) {
    if (!synchronises(in) || point++ != mu.point) continue;
    if (mu.loosen && waits(in)) {
      Operand n;
      n.bits = has(in, "wait_all") ? 1 : in.args[0].bits + 1;
      in.mods = {"async", "wait_group"};
      in.args = {n};
    } else {  // an instruction without effect keeps labels and lines where they are
      in.op = "pmevent";
      in.mods.clear(), in.args.clear();
    }
    return;
  }
}
std::string sync_points(const Function& f) {
  std::string s;
  for (const Inst& in : f.body) {
    if (!synchronises(in)) continue;
    s += std::to_string(in.line) + " " + std::to_string(in.src_line) + " " + in.spelling();
    for (auto& a : in.args)
      s += " " + (a.kind == Operand::Imm ? std::to_string(a.bits) : std::string("r"));
    s += "\n";
  }
  return s;
}
}  // namespace vgpu
