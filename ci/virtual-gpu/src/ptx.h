// The PTX module as written: what the parser produces and the decoder consumes.
#pragma once
#include "base.h"

namespace vgpu {

enum class Space : u8 { Generic, Global, Shared, Local, Const, Param };

enum class Ty : u8 {
  None,
  Pred,
  B8,
  B16,
  B32,
  B64,
  B128,
  U8,
  U16,
  U32,
  U64,
  S8,
  S16,
  S32,
  S64,
  F16,
  F16x2,
  BF16,
  BF16x2,
  F32,
  F64,
  TF32,
  E4M3x2,
  E5M2x2
};
int ty_bytes(Ty t);
bool ty_float(Ty t);
bool ty_signed(Ty t);
Ty ty_parse(const std::string& s);  // "s32" -> S32; None when it is no type

struct SymRef {
  u64 at;
  std::string sym;
  i64 add;
};

struct Var {
  std::string name;
  Space space = Space::Global;
  u32 align = 1;
  u64 size = 0;
  bool external = false;
  std::vector<u8> init;      // shorter than size: the rest is zero
  std::vector<SymRef> refs;  // addresses inside init
  u64 addr = 0;              // offset (shared, local, param) or device address, set at load
};

struct Operand {
  enum Kind : u8 { Reg, Imm, Sym, Special, Mem, Vec, Discard } kind = Imm;
  int reg = -1;   // Reg
  int reg2 = -1;  // second destination of d|p; -2 when it is _
  bool negate = false;
  char imm = 'i';  // i: integer, f: 32-bit pattern, d: 64-bit pattern
  u64 bits = 0;
  std::string name;            // Sym, Special
  i64 off = 0;                 // Sym, Mem
  std::vector<Operand> elems;  // Vec: elements; Mem: the base
};

struct Inst {
  int guard = -1;
  bool guard_negate = false;
  std::string op;
  std::vector<std::string> mods;
  std::vector<Operand> args;
  int line = 0, src_file = 0, src_line = 0;
  u32 scope = 0;
  std::string spelling() const;
};

struct Function {
  std::string name;
  bool entry = false, defined = false;
  int line = 0;
  std::vector<Var> params, rets, vars;
  std::vector<Ty> regs;
  std::vector<std::string> reg_names;
  std::vector<Inst> body;
  std::vector<u32> scope_parent{0};
  std::map<std::pair<u32, std::string>, u32> labels;  // (scope, name) -> index into body
  std::map<std::pair<u32, std::string>, std::vector<std::string>> targets;  // .branchtargets
  u32 maxntid[3] = {0, 0, 0}, reqntid[3] = {0, 0, 0};
  u32 min_blocks = 0, max_regs = 0;
};

struct PtxModule {
  int major = 0, minor = 0, sm = 0;
  std::string target;
  std::map<int, std::string> files;
  std::vector<Var> vars;
  std::map<std::string, Function> functions;
};

PtxModule parse_ptx(const std::string& text);
}  // namespace vgpu
