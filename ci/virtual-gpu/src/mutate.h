// Mutants: a kernel loaded with one of its barriers, fences, waits or commits deleted, or with a
// wait loosened by one group. The tests ask whether the checkers or the answer notice.
#pragma once
#include "ptx.h"

namespace vgpu {
struct Mutation {
  std::string kernel;  // empty: none
  u32 point = 0;       // counts the kernel's synchronising instructions from 0
  bool loosen = false;
};
Mutation& mutation();  // of the modules loaded from now on
void mutate(PtxModule& m);
std::string sync_points(const Function& f);  // one a line: PTX line, source line, instruction
}  // namespace vgpu
